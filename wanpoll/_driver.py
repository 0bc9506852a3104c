"""The edge: one timer, and one task for each question under way. It does what the core decided and decides nothing.

Answers that come together are read together, in one turn, and then the next questions leave together: code that runs
in a row finds itself in the processor's caches. (Reading each in the task that asked made a poll a sixth dearer.)

This is the only file that starts tasks.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from wanpoll._clock import Clock
from wanpoll._core.account import Account
from wanpoll._core.entries import Call, Entry, PageOf, Purpose, Ticket
from wanpoll._core.events import Asked, Event
from wanpoll._core.machine import Machine
from wanpoll._core.model import Outcome
from wanpoll._core.readings import (
    Broken,
    Listed,
    Missed,
    NotYet,
    Observation,
    Reading,
    checked,
    checked_answer,
    checked_scan,
)
from wanpoll.exceptions import DecodeError, TransportError, UsageError, WanpollError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply, Request, sendable
from wanpoll.transport import Transport

BIG_ANSWER = 256 * 1024
"""Bytes. Larger answers are read in a thread, and no more is read in one turn: no answer delays other tasks."""

_POLL = Purpose.POLL
_ASKED_BY = {
    Purpose.POLL: "ask",
    Purpose.REST: "ask_rest",
    Purpose.CANCEL: "ask_cancel",
    Purpose.REFRESH: "ask_refresh",
    Purpose.SCAN: "ask_scan",
}

Said: TypeAlias = Reply | Reading | Listed
"""What came of a question: an answer that is to be read, or what it means."""

News: TypeAlias = Callable[[Entry | Call | Account, Event], None]


class _Asker:
    """A task that asks one question after the other, as long as there is a `ticket` for it."""

    __slots__ = ("task", "ticket")

    def __init__(self, ticket: Ticket) -> None:
        self.ticket: Ticket | None = ticket
        self.task: asyncio.Task[None]


class Driver:
    """Runs a machine on an event loop. `tell` gets every event; `observed` asks for one about each request too.

    `died` is called with the exception if there is a bug in here or in the core: nobody waits for a dead host.
    """

    def __init__(
        self,
        machine: Machine,
        providers: Mapping[str, Provider],
        transport: Transport,
        clock: Clock,
        tell: News,
        died: Callable[[Exception], None],
        *,
        observed: bool = False,
    ) -> None:
        self._machine = machine
        self._providers = providers
        self._transport = transport
        self._clock = clock
        self._tell = tell
        self._died = died
        self._observed = observed
        self._loop = asyncio.get_running_loop()
        self._askers: dict[Ticket, _Asker] = {}
        self._answers: deque[tuple[Ticket, Said]] = deque()
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False

    def wake(self) -> None:
        """The machine was told something: look again, once, however often this is called."""
        if self._soon is None and not self._closed:
            self._soon = self._loop.call_soon(self._turn)

    async def aclose(self) -> None:
        """End all questions under way."""
        self._closed = True
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        tasks = [asker.task for asker in self._askers.values()]
        self._askers.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _turn(self) -> None:
        self._soon = None
        if self._closed:
            return
        try:
            self._work()
        except Exception as error:
            self._closed = True
            self._died(error)

    def _work(self) -> None:
        """Read the answers, ask what is due, end what is overdue, pass on the news, and set the timer."""
        now = self._clock.now()
        idle = self._read_answers(now)
        for ticket in self._machine.take_due(now):
            self._ask_by(idle.pop() if idle else None, ticket)
        for ticket in self._machine.take_overdue():
            self._end(ticket)
        for whom, event in self._machine.take_events():
            self._tell(whom, event)
        self._arm(self._machine.next_at())

    def _arm(self, at: float | None) -> None:
        """Wake at `at`. A timer that is set for earlier stays: waking for nothing costs less than setting another."""
        if self._timer is not None:
            if at is not None and self._timer_at <= at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        """Look again, once what arrived meanwhile was read: a late timer gives up on no answer that is here."""
        self._timer = None
        self.wake()

    def _read_answers(self, now: float) -> list[_Asker]:
        """Tell the machine what the answers mean; the askers that are without a question then."""
        idle: list[_Asker] = []
        size = 0
        while self._answers and size <= BIG_ANSWER:
            ticket, said = self._answers.popleft()
            size += len(said.body) if isinstance(said, Reply) else 0
            self._note(ticket, said, now)
            asker = self._askers.pop(ticket, None)
            if asker is not None and not asker.task.done():
                idle.append(asker)
        if self._answers:
            self.wake()  # others have a turn first
        return idle

    def _note(self, ticket: Ticket, said: Said, now: float) -> None:
        reading = _read(self._providers[ticket.account.name], ticket, said) if isinstance(said, Reply) else said
        self._machine.observe(ticket, reading, now)
        if self._observed:
            self._tell(ticket.account, _asked(ticket, reading, now))

    def _ask_by(self, asker: _Asker | None, ticket: Ticket) -> None:
        """Have `ticket` asked by an idle asker, or by a new one."""
        if asker is not None:
            asker.ticket = ticket
            self._askers[ticket] = asker
            return
        asker = self._askers[ticket] = _Asker(ticket)  # before its task: eager ones begin to run at once
        asker.task = self._loop.create_task(self._ask_on(asker))
        asker.task.add_done_callback(functools.partial(self._gone, asker))

    async def _ask_on(self, asker: _Asker) -> None:
        """Ask, hand over the answer, and go on with the question that the turn gives in exchange for it."""
        while (ticket := asker.ticket) is not None:
            said = await self._ask(ticket)
            asker.ticket = None
            self._hand_over(ticket, said)
            await asyncio.sleep(0)  # the turn comes first

    def _hand_over(self, ticket: Ticket, said: Said) -> None:
        self._answers.append((ticket, said))
        self.wake()

    def _gone(self, asker: _Asker, _: asyncio.Task[None]) -> None:
        ticket = asker.ticket
        if ticket is not None and ticket in self._askers:  # canceled by somebody else than us
            problem = TransportError(ticket.account.name, "disconnected", detail="the question was canceled")
            self._hand_over(ticket, Missed(problem))

    async def _ask(self, ticket: Ticket) -> Said:
        """The answer to a ticket, or why there is none. Whatever goes wrong is a value."""
        provider = self._providers[ticket.account.name]
        try:
            request = _request(provider, ticket)
            if type(provider).sign is not Provider.sign:
                request = sendable(provider.sign(request, self._clock.wall()))
            reply = await self._transport.send(provider, request)
        except Exception as error:
            return Broken(_blame(provider, _ASKED_BY[ticket.purpose], error))
        if isinstance(reply, Reply) and len(reply.body) > BIG_ANSWER:
            return await asyncio.to_thread(_read, provider, ticket, reply)
        return reply

    def _end(self, ticket: Ticket) -> None:
        asker = self._askers.pop(ticket, None)
        if asker is not None:
            asker.task.cancel()


def _asked(ticket: Ticket, reading: Reading | Listed, now: float) -> Asked:
    """The news that a question was answered, and how its account stands since."""
    account, tasks = ticket.account, len(ticket.tasks)
    verdict = "answer" if isinstance(reading, NotYet) else type(reading).__name__.lower()
    share = account.budget.share(now)
    return Asked(account.name, tasks, now - ticket.taken_at, verdict, share, account.pressure, account.saved)


def _request(provider: Provider, ticket: Ticket) -> Request:
    """What to send for a ticket."""
    subject = ticket.subject
    if ticket.purpose is _POLL:
        return provider.ask(ticket.tasks)
    if isinstance(subject, PageOf):
        return provider.ask_scan(subject.since, subject.number)
    if isinstance(subject, Observation):
        return provider.ask_rest(ticket.tasks[0], subject)
    if isinstance(subject, Outcome):
        return provider.ask_refresh(subject)
    return provider.ask_cancel(ticket.tasks[0])


def _meaning(provider: Provider, ticket: Ticket, reply: Reply) -> Reading | Listed:
    """What the answer to a ticket means, checked."""
    subject = ticket.subject
    if ticket.purpose is _POLL:
        reading = (provider.thorough() if ticket.thorough else provider).read(ticket.tasks, reply)
        return checked(reading) if len(ticket.tasks) == 1 else checked_answer(reading)
    if isinstance(subject, PageOf):
        return checked_scan(provider.read_scan(reply))
    if isinstance(subject, Observation):
        return checked_answer(provider.read_rest(ticket.tasks[0], subject, reply))
    if isinstance(subject, Outcome):
        return checked_answer(provider.read_refresh(subject, reply))
    return checked_answer(provider.read_cancel(ticket.tasks[0], reply))


def _read(provider: Provider, ticket: Ticket, reply: Reply) -> Reading | Listed:
    """What an answer means; one that the provider class cannot read is a missed poll."""
    try:
        return _meaning(provider, ticket, reply)
    except Exception as error:
        bug = _blame(provider, "decode", error)
        return Missed(DecodeError(provider.name, "the answer", str(bug)), bug=bug)


def _blame(provider: Provider, method: str, error: Exception) -> WanpollError:
    """The error of a provider class. Its text may hold anything, so only its type is told."""
    if isinstance(error, WanpollError):
        return error.with_traceback(None)
    return UsageError(f"{type(provider).__name__}.{method} raised {type(error).__name__}: mend the provider class")
