"""`Poller`: the one face of wanpoll. It checks arguments, finds tasks, and lets callers wait."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from wanpoll._arguments import Registry, count, many, one_of, seconds, timeout_of
from wanpoll._calls import Calls
from wanpoll._clock import Clock
from wanpoll._core import events as ev
from wanpoll._core.account import Account
from wanpoll._core.entries import Call, Entry
from wanpoll._core.machine import Machine
from wanpoll._core.model import Outcome, Statistics, Task, Update
from wanpoll._driver import Driver
from wanpoll._waiters import Wait, Waiters
from wanpoll._waiting import Waiting
from wanpoll.exceptions import (
    PollerClosed,
    TaskForgotten,
    UsageError,
    WanpollError,
    WrongLoop,
)
from wanpoll.observers import Observer, Relay
from wanpoll.providers.base import Provider
from wanpoll.transport import HttpTransport, Transport

A_DAY = 86_400.0


class Poller:
    """The waiting room: follows tasks at providers, inside the quota of each account, and lets callers wait.

    Give one or more providers; several accounts of one provider need different `name=`s. `observer` is told what
    happens (one, or a sequence of them). `unknown_grace` is the seconds for which "no such task" is not believed.
    `poll_timeout` ends a question without an answer (seconds), `max_in_flight` bounds those under way for each
    account, and `remember` outcomes are kept for each account, so that a task that ended is answered at once.

    `schedule` says when to ask: "economy", with as few requests as give the mean lag of the interval that the provider
    advises; "fast", with as little lag as its requests give; "fixed", at that interval. The first two learn how long
    tasks of one `Task.kind` take, and know a task's age from `Task.submitted_at` or from the provider's answers; where
    neither tells it, a task is asked about at the interval.

    Use it as `async with Poller(...) as poller:`. Raises `UsageError` for a missing key or a bad argument.
    """

    def __init__(
        self,
        *providers: Provider,
        observer: Observer | Iterable[Observer] | None = None,
        unknown_grace: float = 30.0,
        poll_timeout: float = 10.0,
        max_in_flight: int = 100,
        remember: int = 10_000,
        schedule: str = "economy",
        transport: Transport | None = None,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # first, for __del__ when an argument is bad
        self._closing: asyncio.Future[None] | None = None
        self._broken: WanpollError | None = None
        self._pid = 0
        self._registry = Registry(providers, os.environ)
        self._providers = self._registry.providers
        self._machine = Machine(unknown_grace=seconds("unknown_grace", unknown_grace, least=0.0))
        for name, provider in self._providers.items():
            self._machine.add_account(
                name,
                quota=provider.quota,
                interval=provider.interval,
                schedule=one_of("schedule", schedule, ("fixed", "economy", "fast")),
                max_batch=provider.max_batch,
                max_in_flight=count("max_in_flight", max_in_flight, least=1),
                poll_timeout=seconds("poll_timeout", poll_timeout),
                remember=count("remember", remember, least=0),
                scan=provider.can_scan,
            )
        self._relay = Relay(observer)
        self._transport: Transport = HttpTransport() if transport is None else transport
        self._waiters = Waiters()

    # -- its life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise UsageError("this poller was opened before; make a new one for each async with")
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._clock = Clock(self._loop)
        self._machine.begin(self._clock.wall() - self._clock.now())
        self._waiting = Waiting(self._waiters, self._follow, self._loop)
        self._driver = Driver(
            self._machine,
            self._providers,
            self._transport,
            self._clock,
            self._tell,
            self._died,
            observed=self._relay.watched,
        )
        self._calls = Calls(self._machine, self._providers, self._waiting, self._driver, self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop asking and wake everyone with `PollerClosed`. Remote tasks live on. Closing twice is harmless."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._closing = self._loop.create_future()
            self._closing.set_result(None)
        elif self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._waiters.fail_all(PollerClosed(self._machine.open_tasks()))
        try:
            await self._driver.aclose()
        finally:
            await self._transport.aclose()
            await self._relay.aclose()

    def __del__(self) -> None:
        if self._loop is not None and self._closing is None:
            warnings.warn(f"{self!r} was not closed; use async with", ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        state = "closed" if self._closing else "new" if self._loop is None else "open"
        return f"<Poller of {', '.join(self._providers)}: {state}, {len(self._machine.open_tasks())} tasks followed>"

    # -- waiting -----------------------------------------------------------------------------------------------

    async def wait_for(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        expires_in: float = A_DAY,
    ) -> Outcome:
        """Wait until `task` ends, and return how. Failures are returned, too: see `Outcome.raise_for_status`.

        `task` is an id or a `Task`; `provider` names where it runs (needed with several), `context` what that
        provider needs beside the id. `timeout` seconds end this wait only. `expires_in` seconds after it was first
        tracked, a task that has not ended counts as EXPIRED; a later wait can only give it more time.

        Raises `WaitTimeout`, `ProviderRefused`, `PollerClosed`, `TaskForgotten` or another `UsageError`.
        """
        found = self._wait_or_outcome(
            self._registry.task(task, provider, context), timeout_of(timeout), seconds("expires_in", expires_in)
        )
        if isinstance(found, Outcome):
            return found
        try:
            outcome: Outcome = await found
        finally:
            self._waiting.leave(found)
        return outcome

    async def wait_all(
        self, tasks: Iterable[str | Task], *, timeout: float | None = None, expires_in: float = A_DAY
    ) -> list[Outcome]:
        """Wait until all `tasks` end. Outcomes come in the order given, duplicates included; failures are values.

        Raises what `wait_for` raises. The tasks that have ended by then are answered at once when asked for again.
        """
        wanted = [self._registry.task(task) for task in many(tasks)]
        return await self._open_waiting().all(wanted, timeout_of(timeout), seconds("expires_in", expires_in))

    def as_completed(
        self, tasks: Iterable[str | Task], *, timeout: float | None = None, expires_in: float = A_DAY
    ) -> AsyncGenerator[Outcome, None]:
        """Iterate over the outcomes of `tasks`, each as it ends; a task that is given twice comes once.

        Raises what `wait_for` raises, after the outcomes that came before.
        """
        wanted = {(each.provider, each.id): each for each in map(self._registry.task, many(tasks))}
        limits = timeout_of(timeout), seconds("expires_in", expires_in)
        return self._open_waiting().each(list(wanted.values()), *limits)

    def watch(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        expires_in: float = A_DAY,
    ) -> AsyncGenerator[Update, None]:
        """Iterate over the news of `task`: what is known now, then each change; the last update is its end.

        Latest wins: a slow reader skips updates and slows nobody. Raises what `wait_for` raises.
        """
        watched = self._registry.task(task, provider, context)
        return self._open_waiting().changes(watched, seconds("expires_in", expires_in))

    # -- following ---------------------------------------------------------------------------------------------

    async def track(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        expires_in: float = A_DAY,
    ) -> Task:
        """Follow `task` without waiting; the `Task` with its provider filled in. Arguments are those of `wait_for`."""
        followed = self._registry.task(task, provider, context)
        self._follow(followed, seconds("expires_in", expires_in))
        return followed

    def forget(self, task: str | Task, *, provider: str | None = None) -> bool:
        """Stop following `task` and drop its outcome; whether it was known. Those who wait get `TaskForgotten`."""
        self._running_loop()
        forgotten = self._registry.task(task, provider)
        found = self._machine.forget(str(forgotten.provider), forgotten.id, self._clock.now())
        if isinstance(found, Entry):
            self._waiters.failed(found, TaskForgotten(found.task))
            self._driver.wake()
        return found is not None

    def nudge(self, task_id: str, provider: str | None = None) -> bool:
        """Something (a webhook) says that the task changed: poll it next, inside the quota.

        False when the task is not followed; nudges decide nothing, so any number of them is harmless.
        """
        self._running_loop()
        nudged = self._registry.task(task_id, provider)
        known = self._machine.nudge(str(nudged.provider), nudged.id, self._clock.now())
        self._driver.wake()
        return known

    async def cancel(self, task: str | Task, *, provider: str | None = None) -> None:
        """Cancel the *remote* task. Nothing else in wanpoll ever does. Its end is then seen as any other.

        Raises `NotSupported` when the provider cannot do that (DashScope: for tasks that are not PENDING),
        `TransportError` when it could not be reached in five attempts, and what `wait_for` raises. A caller that
        leaves before the request was sent takes it back.
        """
        self._running_loop()
        await self._calls.cancel(self._registry.task(task, provider))

    async def refresh(self, outcome: Outcome) -> Outcome:
        """Ask for fresh links to the media of `outcome`; the outcome with them, which later waits get, too.

        Raises `NotSupported` where the provider has none (`can_refresh`) or gives none for this outcome, and what
        `cancel` raises.
        """
        self._running_loop()
        if not isinstance(outcome, Outcome):
            raise UsageError(f"refresh: give the Outcome that a wait returned, not a {type(outcome).__name__}")
        return await self._calls.refresh(self._registry.task(outcome.task), outcome)

    def statistics(self) -> Statistics:
        """Counts, rates and lags at this moment, frozen."""
        self._running_loop()
        return self._machine.statistics(self._clock.now())

    # -- inside ------------------------------------------------------------------------------------------------

    def _wait_or_outcome(self, task: Task, timeout: float | None, expires_in: float) -> Wait | Outcome:
        found = self._follow(task, expires_in)
        return found if isinstance(found, Outcome) else self._waiting.one(found, timeout)

    def _open_waiting(self) -> Waiting:
        self._running_loop()
        return self._waiting

    def _follow(self, task: Task, expires_in: float) -> Entry | Outcome:
        self._running_loop()
        age = None if task.submitted_at is None else self._clock.age(task.submitted_at)
        found = self._machine.track(str(task.provider), task, self._clock.now(), expires_in=expires_in, age=age)
        self._driver.wake()
        return found

    def _tell(self, whom: Entry | Call | Account, event: ev.Event) -> None:
        """Pass on news from the core."""
        if isinstance(event, ev.TaskEnded) and isinstance(whom, Entry):
            self._waiters.ended(whom, event.outcome)
        elif isinstance(event, ev.TaskChanged) and isinstance(whom, Entry):
            self._waiters.changed(whom, event.update)
        elif isinstance(event, ev.AccountRefused) and isinstance(whom, Account):
            self._waiters.fail_all(event.error, whom)
        elif isinstance(event, ev.TaskBroken) and isinstance(whom, Entry):
            self._waiters.failed(whom, event.error)
        elif isinstance(event, ev.CallEnded) and isinstance(whom, Call):
            self._waiters.ended(whom, event)
        self._relay.put(event)

    def _died(self, error: Exception) -> None:
        """A bug in wanpoll. Whoever waits is told; nothing is answered from now on."""
        message = f"wanpoll itself failed ({type(error).__name__}), please report it; a new Poller can wait again"
        self._broken = WanpollError(message).with_traceback(error.__traceback__)
        self._waiters.fail_all(self._broken)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The poller's loop, if it is the one that runs here."""
        if self._closing is not None:
            raise PollerClosed
        if self._loop is None:
            raise UsageError("this poller is not open; use it as: async with Poller(...) as poller")
        if self._broken is not None:
            raise WanpollError(*self._broken.args)
        if self._pid != os.getpid():
            raise WrongLoop("this poller was opened before a fork; make one in each process")
        if _current_loop() is not self._loop:
            raise WrongLoop("this poller belongs to another event loop; call it there, or make one poller per loop")
        return self._loop


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


Poller.__module__ = "wanpoll"
