"""Requests that wait: each stops when its client leaves or the server is about to stop, and nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from fastapi import Request
from starlette import status
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from wanpoll._core.model import Task
from wanpoll._poller import Poller
from wanpoll.exceptions import PollerClosed
from wanpoll.fastapi._cancels import Cancels

APP_STATE = "_wanpoll_app"
"""Where the state of requests names the app whose lifespan runs."""

_BODILESS = ("GET", "HEAD")
_KEPT_BYTES = 1 << 16
_ODD_MESSAGES = 8  # after the end of a body


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
    the client leaves is not `watched` where the request is read meanwhile, nor for websockets. It ends after `most`
    seconds, by a TimeoutError, and `grace` seconds after the server was told to stop.
    """

    __slots__ = ("_connection", "_error", "_grace", "_limit", "_most", "_request", "_room", "_watching", "app")

    def __init__(
        self,
        room: Room,
        connection: HTTPConnection,
        *,
        watched: bool = True,
        most: float | None = None,
        grace: float = 0.0,
    ) -> None:
        self.app = app_of(connection)
        self._room = room
        self._connection = connection
        self._request = connection if watched and isinstance(connection, Request) else None
        self._most = most
        self._grace = grace
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        self._limit = asyncio.timeout(self._most)
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
        self._end(SocketStopping() if is_open else ServerStopping(), self._grace)

    def _end(self, error: Exception, grace: float = 0.0) -> None:
        """Raise `error` where the request waits, `grace` seconds from now."""
        if self._error is None and self in self._room.stays and not self._limit.expired():
            self._error = error
            end = asyncio.get_running_loop().time() + grace
            self._limit.reschedule(min(end, self._limit.when() or end))

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
    # a body that has ended and comes again and again is that of a middleware that replays it, without an end
    for _ in range(_ODD_MESSAGES):
        if (await request.receive())["type"] == "http.disconnect":
            return True
    return False


def _length(request: Request) -> float:
    """Bytes of the body; without an end where none is announced."""
    if "transfer-encoding" in request.headers:
        return math.inf
    announced = request.headers.get("content-length", "0")
    return float(announced) if announced.isdecimal() else math.inf
