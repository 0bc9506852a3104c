"""A machine with one account, driven by hand."""

from __future__ import annotations

from wanpoll import Failure, Outcome, Rate, Status, Task, TransportError
from wanpoll._core import events as ev
from wanpoll._core.entries import Entry, Ticket
from wanpoll._core.machine import Machine
from wanpoll._core.readings import Answer, Missed, NoSuchTask, Observation, Reading, Refused

DAY = 86_400.0
NAME = "cloud"


def seen(task_id: str, status: Status | None = Status.RUNNING, **more: object) -> Answer:
    return Answer((Observation(task_id, status, **more),))


def unknown(task_id: str, failure: Failure | None = None) -> Answer:
    return Answer((NoSuchTask(task_id, failure),))


def miss(kind: str = "server error", **more: object) -> Missed:
    return Missed(TransportError(NAME, kind), **more)


def refusal(code: str = "InvalidApiKey") -> Refused:
    return Refused(code, "no")


class Bench:
    """Drives a machine: time only moves when told to, answers are given by hand."""

    def __init__(self, **account: object) -> None:
        self.machine = Machine()
        settings = {"quota": Rate(1000), "interval": 15.0, **account}
        self.machine.add_account(NAME, **settings)
        self.now = 0.0
        self.events: list[ev.Event] = []

    def track(self, task_id: str = "a", **options: object) -> Entry | Outcome:
        return self.machine.track(NAME, Task(task_id, NAME), self.now, **{"expires_in": DAY, **options})

    def take(self) -> list[Ticket]:
        tickets = self.machine.take_due(self.now)
        after = self.machine.next_at()
        assert after is None or after > self.now, "a hot loop"
        return tickets

    def answer(self, ticket: Ticket, reading: Reading) -> None:
        self.machine.observe(ticket, reading, self.now)
        self.events += [event for _, event in self.machine.take_events()]

    def poll(self, reading: Reading, *, within: float = 1e9) -> float:
        """Let time pass until one question is asked, and answer it; when that was."""
        ticket = self.next_ticket(within=within)
        assert ticket is not None, "nothing was asked"
        self.answer(ticket, reading)
        return self.now

    def next_ticket(self, *, within: float = 1e9) -> Ticket | None:
        until = self.now + within
        while True:
            tickets = self.take()
            self.events += [event for _, event in self.machine.take_events()]
            if tickets:
                (ticket,) = tickets
                return ticket
            at = self.machine.next_at()
            if at is None or at > until:
                self.now = min(until, self.now if at is None else until)
                return None
            self.now = at

    def ended(self) -> Outcome | None:
        return next((event.outcome for event in self.events if isinstance(event, ev.TaskEnded)), None)

    def told(self, kind: type) -> list[ev.Event]:
        return [event for event in self.events if isinstance(event, kind)]
