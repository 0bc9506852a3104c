"""Requests that wait: each stops when its client leaves or the server is about to stop, and nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from fastapi import Request
from starlette import status
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from wanpoll._arguments import seconds
from wanpoll._core.model import Outcome, Task, Update
from wanpoll._poller import A_DAY, Poller
from wanpoll.exceptions import PollerClosed, WaitTimeout, fresh_copy
from wanpoll.fastapi._cancels import Cancels

T = TypeVar("T")

APP_STATE = "wanpoll_app"
"""Where the state of requests names the app whose lifespan runs."""

_BODILESS = ("GET", "HEAD")
_KEPT_BYTES = 1 << 16


class ClientLeft(HTTPException):
    """The client closed the connection while its request waited. The task is still followed.

    It is an `HTTPException` (status 499, as nginx logs it), so that an app need not handle it: nobody reads the answer.
    """

    def __init__(self) -> None:
        super().__init__(499, "the client closed the connection")


class ServerStopping(PollerClosed, HTTPException):
    """The server was asked to stop while the request waited: 503, unless the app handles `PollerClosed`.

    A websocket that was accepted is closed (1012, "service restart").
    """

    def __init__(self) -> None:
        HTTPException.__init__(self, 503, "the server is about to stop; ask again", {"Retry-After": "1"})
        self.open_tasks: tuple[Task, ...] = ()

    def __str__(self) -> str:
        return str(self.detail)


class SocketStopping(WebSocketException, ServerStopping):
    """The same for a websocket that is open: it is closed, since no status can be answered any more.

    (That is done by Starlette's own handler, which is found by the first base, where `EXCEPTION_HANDLERS` are not.)
    """

    def __init__(self) -> None:
        ServerStopping.__init__(self)
        WebSocketException.__init__(self, status.WS_1012_SERVICE_RESTART, "The server is about to stop")


class Room:
    """The poller of one event loop, the apps that share it, and their requests that wait."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.cancels = Cancels(poller)
        self.stays: set[Stay] = set()
        self._apps: list[object] = []  # one for each lifespan that runs
        self._stopping: set[object] = set()

    def enter(self, app: object) -> None:
        """A lifespan of `app` begins."""
        self._apps.append(app)

    def leave(self, app: object) -> bool:
        """A lifespan of `app` has ended; whether it was the last of all."""
        self._apps.remove(app)
        if app not in self._apps:
            self._stopping.discard(app)
        return not self._apps

    def has(self, app: object) -> bool:
        """Whether a lifespan of `app` runs."""
        return app in self._apps

    def drain(self, app: object = None) -> None:
        """The server of `app` (None: of every app) is about to stop: its requests answer with what is known."""
        self._stopping.update(each for each in self._apps if app in (None, each))
        for stay in tuple(self.stays):
            if self.is_stopping(stay.app):
                stay.stop()

    def is_stopping(self, app: object) -> bool:
        """Whether the server of `app` is about to stop. Of an app without a lifespan: whether all are."""
        return self._stopping.issuperset([app] if app in self._apps else self._apps)


def app_of(connection: HTTPConnection) -> object:
    """The app whose lifespan is that of `connection`: it serves the mounted one that answers, too."""
    state: Mapping[str, Any] = connection.scope.get("state") or {}
    return state.get(APP_STATE) or connection.scope.get("app")


class Stay:
    """One wait of one request, as `async with`. Inside, `ClientLeft` and `ServerStopping` may be raised.

    They are raised where the request waits: what needs no waiting is done, though the server is about to stop. Whether
    the client leaves is not `watched` where the request is read meanwhile, nor for websockets.
    """

    __slots__ = ("_connection", "_error", "_limit", "_request", "_room", "_watching", "app")

    def __init__(self, room: Room, connection: HTTPConnection, *, watched: bool = True) -> None:
        self.app = app_of(connection)
        self._room = room
        self._connection = connection
        self._request = connection if watched and isinstance(connection, Request) else None
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        self._limit = asyncio.timeout(None)
        await self._limit.__aenter__()
        self._watching = None if self._request is None else asyncio.ensure_future(_has_left(self._request))
        if self._watching is not None:
            self._watching.add_done_callback(self._watched)
        self._room.stays.add(self)
        if self._room.is_stopping(self.app):
            self.stop()
        return self

    def stop(self) -> None:
        """The server is about to stop."""
        is_open = isinstance(self._connection, WebSocket) and (
            self._connection.application_state is WebSocketState.CONNECTED
        )
        self._end(SocketStopping() if is_open else ServerStopping())

    def _end(self, error: Exception) -> None:
        """Raise `error` where the request waits."""
        if self._error is None and self in self._room.stays:
            self._error = error
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.stays.discard(self)
        if self._watching is not None:
            self._watching.cancel()
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._error or TimeoutError from None

    def _watched(self, watching: asyncio.Future[bool]) -> None:
        if not watching.cancelled() and watching.exception() is None and watching.result():
            self._end(ClientLeft())


async def _has_left(request: Request) -> bool:
    """Wait until the client has left; False at once where that cannot be seen.

    Nothing but `receive` tells it, and before the end it gives the body. So a body that the app has not read yet is
    left alone: declared parameters are read before the handler begins. (There is no public way to ask Starlette.) That
    of a GET means nothing (RFC 9110, 9.3.1), and would hide that the client left: it is kept if short, else dropped
    piece by piece, so that who asks for it after all is told that it was read.
    """
    if not getattr(request, "_stream_consumed", False):
        length = _length(request)
        if length and request.method not in _BODILESS:
            return False
        with contextlib.suppress(ClientDisconnect):
            if length <= _KEPT_BYTES:
                await request.body()
            else:
                async for _ in request.stream():
                    pass
    # a body that has ended and comes again is that of a middleware that replays it, without an end
    return bool((await request.receive())["type"] == "http.disconnect")


def _length(request: Request) -> float:
    """Bytes of the body; without an end where none is announced."""
    if "transfer-encoding" in request.headers:
        return math.inf
    announced = request.headers.get("content-length", "0")
    return float(announced) if announced.isdecimal() else math.inf


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

    def named(self, task_id: str, provider: str) -> Task:
        """The task of that id, as the app told of it where it did. Raises what `Poller.track` raises."""
        self._running_loop()
        known = self._machine.find(provider, task_id) if provider in self._providers else None
        return self._registry.task(task_id, provider) if known is None else known.task

    def stay(self) -> Stay:
        """A wait of this request for something else than tasks."""
        return Stay(self._room, self._connection)

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
        known = self.look(task)
        refusal = self._machine.accounts[str(task.provider)].refused
        if isinstance(known, Update) and refusal is not None:
            raise fresh_copy(refusal)
        return known

    async def _each(self, source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        async with contextlib.aclosing(source):
            while True:
                async with Stay(self._room, self._connection):
                    try:
                        item = await anext(source)
                    except StopAsyncIteration:
                        return
                yield item
