"""Whatever happens, in whatever order: the invariants of the core."""

from __future__ import annotations

import bisect
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.core.harness import NAME, miss, refusal
from wanpoll import Failure, Outcome, Rate, Status, Task
from wanpoll._core import events as ev
from wanpoll._core.entries import Purpose, Ticket
from wanpoll._core.machine import Machine
from wanpoll._core.readings import Answer, Broken, NoSuchTask, Observation, Rejected
from wanpoll.exceptions import UsageError

RATE = Rate(4, per=1.0)
IDS = [f"t{number}" for number in range(12)]
ids = st.sampled_from(IDS)
FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED)


class Waiting(RuleBasedStateMachine):
    """Tasks are tracked, answered, missed, refused, nudged, forgotten, in any order, while time passes."""

    batch = 1

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.machine.add_account(
            NAME, quota=RATE, interval=2.0, poll_timeout=5.0, max_in_flight=3, max_batch=self.batch
        )
        self.now = 0.0
        self.under_way: list[Ticket] = []
        self.arrivals: list[float] = []
        self.ended: dict[str, Outcome] = {}  # since it was tracked last
        self.told_by_provider: dict[str, Status] = {}
        self.tracked_at: dict[str, float] = {}

    # -- what users do

    @rule(task_id=ids, age=st.sampled_from([None, 0.0, 100.0]), expires_in=st.sampled_from([3.0, 50.0, 86_400.0]))
    def track(self, task_id: str, age: float | None, expires_in: float) -> None:
        known = self.machine.find(NAME, task_id)
        found = self.machine.track(NAME, Task(task_id, NAME), self.now, expires_in=expires_in, age=age)
        if known is None:
            self.tracked_at[task_id] = self.now
        elif isinstance(known, Outcome):
            assert found is known

    @rule(task_id=ids)
    def nudge(self, task_id: str) -> None:
        followed = task_id in self.machine.accounts[NAME].tasks
        assert self.machine.nudge(NAME, task_id, self.now) is followed

    @rule(task_id=ids)
    def forget(self, task_id: str) -> None:
        self.machine.forget(NAME, task_id, self.now)
        for ticket in self.machine.take_overdue():
            self.under_way.remove(ticket)
        self.ended.pop(task_id, None)
        self.told_by_provider.pop(task_id, None)

    @rule(task_id=ids)
    def cancel(self, task_id: str) -> None:
        self.machine.call(NAME, Task(task_id, NAME), Purpose.CANCEL, self.now)

    # -- what time does

    @rule(seconds=st.sampled_from([0.0, 0.0005, 0.01, 0.3, 1.0, 4.0, 90.0]))
    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            self.take()
            at = self.machine.next_at()
            if at is None or at > until:
                break
            self.now = at
        self.now = until
        self.take()

    def take(self) -> None:
        tickets = self.machine.take_due(self.now)
        for ticket in self.machine.take_overdue():
            self.under_way.remove(ticket)
        for ticket in tickets:
            self.arrivals.append(self.now)
            self.under_way.append(ticket)
        self.note()
        at = self.machine.next_at()
        assert at is None or at > self.now, "a hot loop"

    # -- what providers do

    @precondition(lambda self: self.under_way)
    @rule(
        pick=st.integers(0, 99),
        what=st.sampled_from(["some", "some", "none", "miss", "429", "after", "dead", "refused", "rejected", "broken"]),
        each=st.lists(
            st.sampled_from(["running", "final", "half", "word", "unknown", "absent"]), min_size=4, max_size=4
        ),
        final=st.sampled_from(FINAL),
    )
    def answer(self, pick: int, what: str, each: list[str], final: Status) -> None:
        ticket = self.under_way.pop(pick % len(self.under_way))
        readings = {
            "some": self.parts(ticket, each, final),
            "none": Answer(),
            "miss": miss(),
            "429": miss("throttled", throttled=True),
            "after": miss("throttled", throttled=True, retry_after=7.0),
            "dead": miss("disconnected", at_once=True),
            "refused": refusal(),
            "rejected": Rejected(Failure("InvalidParameter")),
            "broken": Broken(UsageError("mend it")),
        }
        if what == "some" and ticket.purpose is not Purpose.CANCEL:
            for job, word in zip(ticket.jobs, each, strict=False):
                if word == "final" and job.alive:
                    self.told_by_provider.setdefault(job.task.id, final)
        self.machine.observe(ticket, readings[what], self.now)
        self.note()

    def parts(self, ticket: Ticket, each: list[str], final: Status) -> Answer:
        """What an answer says of each task of the ticket; the last come first."""
        observations = []
        for task, word in zip(ticket.tasks, each, strict=False):
            said = {
                "running": Observation(task.id, Status.RUNNING),
                "final": Observation(task.id, final),
                "half": Observation(task.id, Status.SUCCEEDED, follow_up="f"),
                "word": Observation(task.id, None, word="ODD"),
                "unknown": NoSuchTask(task.id),
            }
            observations += [said[word]] if word in said else []
        return Answer(tuple(reversed(observations)))

    def note(self) -> None:
        for _, event in self.machine.take_events():
            if isinstance(event, ev.TaskEnded):
                task_id = event.outcome.task.id
                assert task_id not in self.ended, "ended twice"
                self.ended[task_id] = event.outcome

    # -- what must hold

    @invariant()
    def ends_are_the_providers_word_or_expiry(self) -> None:
        for task_id, outcome in self.ended.items():
            if outcome.status is Status.EXPIRED:
                assert outcome.reason in ("expired", "unknown")
                assert task_id not in self.told_by_provider
            else:
                assert outcome.status is self.told_by_provider[task_id]

    @invariant()
    def the_quota_holds_in_every_window(self) -> None:
        for start in self.arrivals[-50:]:
            first = bisect.bisect_left(self.arrivals, start)
            assert bisect.bisect_left(self.arrivals, start + RATE.per) - first <= RATE.requests

    @invariant()
    def a_task_is_asked_about_once_at_a_time(self) -> None:
        polls = [ticket for ticket in self.under_way if ticket.purpose is not Purpose.CANCEL]
        polled = Counter(task.id for ticket in polls for task in ticket.tasks)
        assert all(times == 1 for times in polled.values())

    @invariant()
    def counts_agree(self) -> None:
        statistics = self.machine.statistics(self.now)
        assert statistics.tracked == len(self.machine.open_tasks())
        still_open = statistics.by_status[Status.PENDING] + statistics.by_status[Status.RUNNING]
        assert still_open == statistics.tracked

    @invariant()
    def ended_tasks_are_not_followed(self) -> None:
        assert not set(self.ended) & set(self.machine.accounts[NAME].tasks)

    def teardown(self) -> None:
        """Left alone, with a provider that answers, everything ends."""
        while self.under_way:
            ticket = self.under_way.pop()
            self.machine.observe(ticket, miss(), self.now)
        for _ in range(3000):
            for ticket in self.machine.take_due(self.now):
                ends = tuple(Observation(task.id, Status.SUCCEEDED) for task in ticket.tasks)
                self.machine.observe(ticket, Answer(ends), self.now)
            at = self.machine.next_at()
            if at is None:
                break
            assert at > self.now, "a hot loop"
            self.now = at
        account = self.machine.accounts[NAME]
        left = [entry for entry in account.tasks.values() if not entry.parked]
        assert not left or (account.refused is not None and not any(entry.urgent for entry in left))


class Batched(Waiting):
    """The same, where one question may be about four tasks."""

    batch = 4


for _machine in (Waiting, Batched):
    _machine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestWaiting = Waiting.TestCase
TestBatched = Batched.TestCase
