"""What is asked of a provider beside polls: to cancel a remote task, to give fresh links. Each has its own answer."""

from __future__ import annotations

from collections.abc import Mapping

from wanpoll._clock import Clock
from wanpoll._core.entries import Purpose
from wanpoll._core.events import CallEnded
from wanpoll._core.machine import Machine
from wanpoll._core.model import Outcome, Task
from wanpoll._core.readings import Answer, Broken, CallReading, Refused, Rejected
from wanpoll._driver import Driver
from wanpoll._waiting import Waiting
from wanpoll.exceptions import NotSupported, ProviderRefused, fresh_copy
from wanpoll.providers.base import Provider


class Calls:
    """Asks, and waits for the answer. A caller that leaves before its request was sent takes it back."""

    def __init__(
        self, machine: Machine, providers: Mapping[str, Provider], waiting: Waiting, driver: Driver, clock: Clock
    ) -> None:
        self._machine = machine
        self._providers = providers
        self._waiting = waiting
        self._driver = driver
        self._clock = clock

    async def cancel(self, task: Task) -> None:
        """Cancel the remote `task`. Raises `NotSupported`, `ProviderRefused`, or what the last attempt met."""
        if not self._providers[str(task.provider)].can_cancel:
            raise NotSupported(f"{task.provider} cannot cancel tasks; forget(task) stops following it")
        _check((await self._call(task, Purpose.CANCEL)).reading, task, "cancel")

    async def refresh(self, task: Task, outcome: Outcome) -> Outcome:
        """`outcome` with fresh links. Raises what `cancel` raises."""
        provider = self._providers[str(task.provider)]
        if not provider.can_refresh:
            raise NotSupported(f"{task.provider} has no fresh links: {provider.NO_FRESH_LINKS}")
        ended = await self._call(task, Purpose.REFRESH, outcome)
        _check(ended.reading, task, "refresh")
        if ended.outcome is None:
            raise NotSupported(f"{task.provider} gave no fresh link for task {task.id}")
        return ended.outcome

    async def _call(self, task: Task, purpose: Purpose, outcome: Outcome | None = None) -> CallEnded:
        call = self._machine.call(str(task.provider), task, purpose, self._clock.now(), outcome)
        wait = self._waiting.one(call)
        self._driver.wake()
        try:
            ended: CallEnded = await wait
        finally:
            self._waiting.leave(wait)
            self._machine.withdraw(call, self._clock.now())
        return ended


def _check(reading: CallReading, task: Task, what: str) -> None:
    """Return if a call was answered, else raise why not."""
    if isinstance(reading, Answer):
        return
    if isinstance(reading, Rejected):
        raise NotSupported(f"{task.provider} does not {what} task {task.id} now: {reading.failure}")
    if isinstance(reading, Refused):
        raise ProviderRefused(str(task.provider), reading.code, reading.message)
    raise fresh_copy(reading.error if isinstance(reading, Broken) else reading.problem)
