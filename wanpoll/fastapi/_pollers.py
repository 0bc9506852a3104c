"""The app's poller as requests see it: for handlers, and for the routes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from wanpoll._arguments import seconds
from wanpoll._core.entries import Entry
from wanpoll._core.model import Outcome, Task, Update
from wanpoll._poller import A_DAY, Poller
from wanpoll._waiting import Waiting
from wanpoll.exceptions import UsageError, WaitTimeout, WanpollError, fresh_copy
from wanpoll.fastapi._room import Room, ServerStopping, Stay

T = TypeVar("T")


class RequestPoller(Poller):
    """The app's poller as one request sees it: its waits end when the client leaves or the server is about to stop.

    It shares all state with the poller; only who waits is its own. Whatever does not wait (`track`, `nudge`, `cancel`
    and `refresh`, which were begun on purpose) is not disturbed.
    """

    __slots__ = ("_connection", "_room")

    def __init__(self, room: Room, connection: HTTPConnection) -> None:
        self.__dict__ = room.poller.__dict__
        self._room = room
        self._connection = connection

    def __del__(self) -> None:
        """Nothing: the app closes its poller."""

    async def aclose(self) -> None:
        """Raises `UsageError`: all requests share it."""
        raise UsageError("a handler does not close the app's poller: its lifespan does")

    async def wait_for(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        expires_in: float = A_DAY,
    ) -> Outcome:
        """As `Poller.wait_for`. Raises `ClientLeft` and `ServerStopping`, too."""
        known = self.look(task, provider=provider, context=context, expires_in=expires_in)
        if isinstance(known, Outcome):
            return known
        async with Stay(self._room, self._connection):
            return await super().wait_for(known.task, timeout=timeout, expires_in=expires_in)

    async def wait_all(
        self, tasks: Iterable[str | Task], *, timeout: float | None = None, expires_in: float = A_DAY
    ) -> list[Outcome]:
        """As `Poller.wait_all`. Raises `ClientLeft` and `ServerStopping`, too."""
        async with Stay(self._room, self._connection):
            return await super().wait_all(tasks, timeout=timeout, expires_in=expires_in)

    def as_completed(
        self, tasks: Iterable[str | Task], *, timeout: float | None = None, expires_in: float = A_DAY
    ) -> AsyncGenerator[Outcome, None]:
        """As `Poller.as_completed`. Raises `ClientLeft` and `ServerStopping`, too."""
        return self._each(super().as_completed(tasks, timeout=timeout, expires_in=expires_in))

    def watch(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        expires_in: float = A_DAY,
    ) -> AsyncGenerator[Update, None]:
        """As `Poller.watch`. Raises `ClientLeft` and `ServerStopping`, too."""
        return self._each(super().watch(task, provider=provider, context=context, expires_in=expires_in))

    def look(
        self,
        task: str | Task,
        *,
        provider: str | None = None,
        context: Mapping[str, Any] | None = None,
        expires_in: float = A_DAY,
    ) -> Outcome | Update:
        """What is known of `task` now; it is followed from now on. Raises what `Poller.track` raises."""
        found = self._follow(self._registry.task(task, provider, context), seconds("expires_in", expires_in))
        return found if isinstance(found, Outcome) else found.update()

    async def _each(self, source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        async with contextlib.aclosing(source):
            while True:
                async with Stay(self._room, self._connection):
                    try:
                        item = await anext(source)
                    except StopAsyncIteration:
                        return
                yield item


class RouterPoller(RequestPoller):
    """That of requests to the routes: whoever asks there gives no task more time than the app gave it."""

    __slots__ = ()

    def named(self, task_id: str, provider: str) -> Task:
        """The task of that id, as the app told of it where it did. Raises what `Poller.track` raises."""
        self._running_loop()
        known = self._machine.find(provider, task_id) if provider in self._providers else None
        return self._registry.task(task_id, provider) if known is None else known.task

    def stay(self) -> Stay:
        """A wait of this request for something else than tasks."""
        return Stay(self._room, self._connection)

    def sending(self, most: float, grace: float) -> Stay:
        """A part of this request's answer that is under way, for `most` seconds: as `Stay` says."""
        return Stay(self._room, self._connection, watched=False, most=most, grace=grace)

    def key(self, task: Task) -> str | None:
        """The key of the account of `task`, to be left out of what is told."""
        return self._providers[str(task.provider)].api_key

    def interval(self, task: Task) -> float:
        """Seconds that the provider of `task` advises between two polls."""
        return self._providers[str(task.provider)].interval

    async def learn(self, task: Task, wait: float) -> Outcome | Update:
        """What is known of `task` after `wait` seconds at the latest, sooner if it ends or the server is stopping.

        Raises `ProviderRefused` where its account is refused, and `ClientLeft`.
        """
        if wait:
            with contextlib.suppress(WaitTimeout, ServerStopping):
                return await self.wait_for(task, timeout=wait)
        known, refused = self.look(task), self.refusal(task)
        if isinstance(known, Update) and refused is not None:
            raise refused
        return known

    def refusal(self, task: Task) -> WanpollError | None:
        """Why the account of `task` is refused, if it is."""
        refused = self._machine.accounts[str(task.provider)].refused
        return None if refused is None else fresh_copy(refused)

    def _follow(self, task: Task, expires_in: float) -> Entry | Outcome:
        followed = self._machine.find(str(task.provider), task.id)
        if isinstance(followed, Entry):
            expires_in = followed.expires_at - followed.tracked_at
        return super()._follow(task, expires_in)

    def _open_waiting(self) -> Waiting:
        loop = self._running_loop()
        return Waiting(self._waiters, self._follow, loop)
