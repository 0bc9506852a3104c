"""Faults as they happen on the wire: the only file that breaks connections, and it decides nothing."""

from __future__ import annotations

import asyncio
import functools
import itertools
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from aiohttp import web
from attrs import frozen

from wanpoll.simulator.dialect import Answer, Refusal
from wanpoll.simulator.faults import FaultKind

ELSEWHERE = "http://elsewhere.invalid/"
"""Where redirects lead: a host that can never be found."""

JSON_HEADERS = {"Content-Type": "application/json;charset=utf-8"}
GATEWAY_PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
BOMB_MEBIBYTES = 64
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PIECE = b" " * 65_536


@frozen
class Exchange:
    """One request that a fault befalls, and what the server can say to it.

    `answer` and `echo` make the true answer and the one about another task, `refuse` the provider's refusals.
    `told` is called once the client has been sent a true answer.
    """

    request: web.BaseRequest
    answer: Callable[[], Answer]
    echo: Callable[[], Answer]
    refuse: Callable[[Refusal], Answer]
    told: Callable[[Answer], None]


def respond(answer: Answer) -> web.Response:
    """An answer, as it is."""
    return web.Response(status=answer.status, body=answer.body, headers=JSON_HEADERS)


class FaultyWire:
    """Plays faults. `slow` is how long the slow fault takes, in seconds of the client."""

    def __init__(self, slow: float) -> None:
        self._slow = slow
        self._errors = itertools.cycle((Refusal.BROKEN, Refusal.UNAVAILABLE))
        self._breaks = itertools.cycle((_reset, _close))
        self._playing: set[asyncio.Task[None]] = set()
        self._long: dict[FaultKind, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
            FaultKind.SLOW: self._slowly,
            FaultKind.DRIP: self._drip,
            FaultKind.BOMB: self._bomb,
            FaultKind.CUT: self._cut,
            FaultKind.RESET: self._reset,
            FaultKind.HANG: self._hang,
            FaultKind.ENDLESS: self._endless,
        }

    async def play(self, kind: FaultKind, exchange: Exchange) -> web.StreamResponse:
        """Answer the request in the way of this fault."""
        at_once = _AT_ONCE.get(kind)
        if at_once is not None:
            return at_once(exchange)
        if kind is FaultKind.SERVER_ERROR:
            return respond(exchange.refuse(next(self._errors)))
        with self._staying():
            try:
                return await self._long[kind](exchange)
            except ConnectionError:
                # The client went in the midst of it, which is no error of the server to be logged.
                await _until_gone()

    async def aclose(self) -> None:
        """End what still plays: hanging requests would hold up the server's end."""
        playing = list(self._playing)
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)

    @contextmanager
    def _staying(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        self._playing.add(task)
        try:
            yield
        finally:
            self._playing.discard(task)

    async def _slowly(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(self._slow)
        answer = exchange.answer()
        exchange.told(answer)
        return respond(answer)

    async def _drip(self, exchange: Exchange) -> web.StreamResponse:
        answer = exchange.answer()
        response = await _begin(exchange, answer)
        for byte in answer.body:
            await response.write(bytes((byte,)))
            await asyncio.sleep(self._slow / 10)
        exchange.told(answer)
        return response

    async def _bomb(self, _: Exchange) -> web.StreamResponse:
        # In a thread: packing takes a tenth of a second, and the client under test may share this event loop.
        body = await asyncio.to_thread(bomb)
        return web.Response(body=body, headers=JSON_HEADERS | {"Content-Encoding": "gzip"})

    async def _cut(self, exchange: Exchange) -> NoReturn:
        answer = exchange.answer()
        response = await _begin(exchange, answer)
        await response.write(answer.body[: len(answer.body) // 2])
        # A reset overtakes data that the client has not read yet: give it the time to read what was sent.
        await asyncio.sleep(0.005)
        next(self._breaks)(exchange.request)
        await _until_gone()

    async def _reset(self, exchange: Exchange) -> NoReturn:
        _reset(exchange.request)
        await _until_gone()

    async def _hang(self, _: Exchange) -> NoReturn:
        await _until_gone()

    async def _endless(self, exchange: Exchange) -> NoReturn:
        response = web.StreamResponse(headers=JSON_HEADERS)
        await response.prepare(exchange.request)
        while True:
            await response.write(_PIECE)
            await asyncio.sleep(0.001)


async def _begin(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=JSON_HEADERS)
    response.content_length = len(answer.body)
    await response.prepare(exchange.request)
    return response


async def _until_gone() -> NoReturn:
    """Wait until the server cancels this handler, which it does when the connection is lost."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody gives this future a result")


def _reset(request: web.BaseRequest) -> None:
    """End the connection by a TCP reset: what closing does to a socket that does not linger."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()


def _close(request: web.BaseRequest) -> None:
    """End the connection in good order."""
    if request.transport is not None:
        request.transport.close()


def _garbage(exchange: Exchange) -> web.Response:
    body = exchange.answer().body
    return web.Response(body=body[: len(body) * 2 // 3], headers=JSON_HEADERS)


@functools.cache
def bomb() -> bytes:
    """A gzip body of some kilobytes that inflates to 64 MiB of blanks: white space that JSON allows."""
    packer = zlib.compressobj(1, wbits=31)
    mebibyte = b" " * 1_048_576
    return b"".join(packer.compress(mebibyte) for _ in range(BOMB_MEBIBYTES)) + packer.flush()


_AT_ONCE: dict[FaultKind, Callable[[Exchange], web.Response]] = {
    FaultKind.THROTTLE: lambda exchange: respond(exchange.refuse(Refusal.THROTTLED)),
    FaultKind.UNAUTHORIZED: lambda exchange: respond(exchange.refuse(Refusal.UNAUTHORIZED)),
    FaultKind.HTML: lambda _: web.Response(status=502, body=GATEWAY_PAGE, content_type="text/html"),
    FaultKind.EMPTY: lambda _: web.Response(headers=JSON_HEADERS),
    FaultKind.GARBAGE: _garbage,
    FaultKind.REDIRECT: lambda _: web.Response(status=302, headers={"Location": ELSEWHERE}),
    FaultKind.ECHO: lambda exchange: respond(exchange.echo()),
}
