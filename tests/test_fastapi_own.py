"""What apps do by themselves with a request's poller: streams, websockets, work after the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from tests.clouds import Cloud
from tests.fastapi_apps import client_of, cloud_wanpoll
from tests.waiting import until
from wanpoll import PollerClosed
from wanpoll.fastapi import EXCEPTION_HANDLERS, ClientLeft, DepPoller

FOREVER = 1e9


LOGGED: dict[str, Any] = {"log_level": "error", "log_config": None}
"""For uvicorn: what handlers fail with is logged where `caplog` sees it."""


async def lines(poller: DepPoller) -> StreamingResponse:
    """A stream as `DepPoller` says to write it."""

    async def told() -> AsyncIterator[str]:
        with contextlib.suppress(PollerClosed, ClientLeft):
            async for update in poller.watch("a-task"):
                yield f"{update.status}\n"

    return StreamingResponse(told())


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_stream_of_the_app_s_own_ends_whole_and_quietly(
    leaving: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """When the server stops, and when the client leaves."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)
    app.get("/")(lines)
    async with client_of(app, **LOGGED) as client, asyncio.timeout(2):
        (room,) = wanpoll._rooms.values()
        async with client.get("/") as response:
            assert await response.content.readline() == b"PENDING\n"
            if leaving:
                response.close()
                await until(lambda: not room.stays)
            else:
                wanpoll.drain()
                assert await response.read() in (b"", b"RUNNING\n")

    assert not caplog.records


@pytest.mark.parametrize("handlers", [{}, EXCEPTION_HANDLERS], ids=["without", "with"])
async def test_a_websocket_is_closed_when_the_server_stops(handlers: Any, caplog: pytest.LogCaptureFixture) -> None:
    """1012 where it was accepted, else 503; with the handlers for wanpoll's errors, and without."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan, exception_handlers=handlers)

    @app.websocket("/{accepted}")
    async def talk(socket: WebSocket, accepted: bool, poller: DepPoller) -> None:
        if accepted:
            await socket.accept()
        await poller.wait_for("a-task")

    async with client_of(app, ws="websockets-sansio", **LOGGED) as client, asyncio.timeout(2):
        (room,) = wanpoll._rooms.values()
        coming = asyncio.ensure_future(client.ws_connect("/false"))
        await until(lambda: room.stays)
        async with client.ws_connect("/true") as socket:
            await until(lambda: len(room.stays) == 2)
            wanpoll.drain()
            closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1012)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await coming
        assert refused.value.status == 503

    # (of the 503, uvicorn says that there was no handshake)
    assert not [each for each in caplog.records if each.exc_info]


async def test_a_websocket_whose_client_left_unseen_is_closed_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """Only who reads from it sees that; its wait ends when the server stops."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)

    @app.websocket("/")
    async def talk(socket: WebSocket, poller: DepPoller) -> None:
        await socket.accept()
        await poller.wait_for("a-task")

    async with client_of(app, ws="websockets-sansio", **LOGGED) as client, asyncio.timeout(2):
        (room,) = wanpoll._rooms.values()
        async with client.ws_connect("/"):
            await until(lambda: room.stays)
        assert room.stays
        wanpoll.drain()
        await until(lambda: not room.stays)

    assert not caplog.records


async def test_work_after_the_answer_waits_by_the_poller_of_the_app() -> None:
    """To the request's own, a client that has its whole answer is one that left."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.03, latency=0.001))
    app, seen = FastAPI(lifespan=wanpoll.lifespan), list[str]()

    async def later() -> None:
        seen.append((await wanpoll.poller.wait_for("a-task")).status)

    @app.post("/")
    async def begin(work: BackgroundTasks) -> None:
        work.add_task(later)

    async with client_of(app) as client, asyncio.timeout(2):
        await (await client.post("/")).read()
        await until(lambda: seen)

    assert seen == ["SUCCEEDED"]
