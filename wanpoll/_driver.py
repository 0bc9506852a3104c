"""The edge: one timer, and one task for each question under way. It does what the core decided and decides nothing.

This is the only file that starts tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from wanpoll._clock import Clock
from wanpoll._core.account import Account
from wanpoll._core.entries import Call, Entry, Ticket
from wanpoll._core.events import Asked, Event
from wanpoll._core.machine import Machine
from wanpoll._core.readings import Broken, Missed, Reading, checked
from wanpoll.exceptions import DecodeError, TransportError, UsageError, WanpollError
from wanpoll.providers.base import Provider, Reply
from wanpoll.transport import Transport

BIG_ANSWER = 256 * 1024
"""Bytes. Larger answers are read in a thread: no answer delays other tasks."""

News: TypeAlias = Callable[[Entry | Call | Account, Event], None]


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
        self._questions: dict[Ticket, asyncio.Task[None]] = {}
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
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.cancel()
        await asyncio.gather(*questions.values(), return_exceptions=True)

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
        """Ask what is due, end what is overdue, pass on the news, and set the timer."""
        for ticket in self._machine.take_due(self._clock.now()):
            self._questions[ticket] = self._loop.create_task(self._question(ticket))
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
        self._timer = None
        self._turn()

    async def _question(self, ticket: Ticket) -> None:
        """Ask, tell the machine what the answer means, and go on with what waits for its turn."""
        while True:
            reading = await self._ask(ticket)
            task = self._questions.pop(ticket)
            self._answered(ticket, reading)
            # The next question in the same task: objects die as others are born, and the garbage collector
            # stays asleep. (It took a tenth of all time when questions were started by the dozen.)
            following = None if self._closed else self._machine.take_next(ticket.account, self._clock.now())
            if following is None:
                return
            self._questions[following] = task
            ticket = following

    async def _ask(self, ticket: Ticket) -> Reading:
        """What the answer to a ticket means. Whatever goes wrong is a value."""
        provider = self._providers[ticket.account.name]
        try:
            request = provider.ask_cancel(ticket.tasks[0]) if ticket.is_call else provider.ask(ticket.tasks)
            reply = await self._transport.send(provider, request)
            if isinstance(reply, Missed):
                return reply
            if len(reply.body) > BIG_ANSWER:
                return await asyncio.to_thread(_read, provider, ticket, reply)
            return _read(provider, ticket, reply)
        except asyncio.CancelledError:
            if self._questions.pop(ticket, None) is not None:  # canceled by somebody else than us
                problem = TransportError(provider.name, "disconnected", detail="the question was canceled")
                self._answered(ticket, Missed(problem))
            raise
        except Exception as error:
            return Broken(_blame(provider, "ask", error))

    def _end(self, ticket: Ticket) -> None:
        question = self._questions.pop(ticket, None)
        if question is not None:
            question.cancel()

    def _answered(self, ticket: Ticket, reading: Reading) -> None:
        now = self._clock.now()
        try:
            self._machine.observe(ticket, reading, now)
        except Exception as error:
            self._closed = True
            self._died(error)
        if self._observed:
            verdict = type(reading).__name__.lower()
            self._tell(ticket.account, Asked(ticket.account.name, len(ticket.jobs), now - ticket.taken_at, verdict))
        self.wake()  # answers that come together are one turn


def _read(provider: Provider, ticket: Ticket, reply: Reply) -> Reading:
    """What an answer means; one that the provider class cannot read is a missed poll."""
    try:
        if ticket.is_call:
            return checked(provider.read_cancel(ticket.tasks[0], reply), call=True)
        return checked(provider.read(ticket.tasks, reply))
    except Exception as error:
        bug = _blame(provider, "decode", error)
        return Missed(DecodeError(provider.name, "the answer", str(bug)), bug=bug)


def _blame(provider: Provider, method: str, error: Exception) -> WanpollError:
    """The error of a provider class. Its text may hold anything, so only its type is told."""
    if isinstance(error, WanpollError):
        return error.with_traceback(None)
    return UsageError(f"{type(provider).__name__}.{method} raised {type(error).__name__}: mend the provider class")
