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
from tests.fastapi_apps import client_of, cloud_wanpoll, quick
from tests.waiting import until
from wanpoll import InvalidTaskId, PollerClosed, ProviderRefused, Task, UsageError, WaitTimeout, WanpollError
from wanpoll.fastapi import EXCEPTION_HANDLERS, ClientLeft, DepPoller, WanPoll, _problems

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


ENDS: dict[str, tuple[WanpollError, int, str]] = {
    "stopping": (PollerClosed([Task("somebody-elses")]), 1012, "The server is about to stop"),
    "late": (WaitTimeout(1.0, [Task("a-task")]), 1013, "Not done yet"),
    "wrong": (InvalidTaskId("bad"), 1008, "Not a task id"),
    "refused": (ProviderRefused("dashscope", "Arrearage", "pay"), 1011, "The provider refuses the account"),
}


async def test_a_websocket_that_is_open_is_closed_by_errors_too(caplog: pytest.LogCaptureFixture) -> None:
    """With a code, and the problem's title as the reason: no status can be answered any more."""
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @app.websocket("/{name}")
    async def talk(socket: WebSocket, name: str) -> None:
        await socket.accept()
        raise ENDS[name][0]

    async with client_of(app, ws="websockets-sansio", **LOGGED, lifespan="off") as client, asyncio.timeout(10):
        for name, (_, code, reason) in ENDS.items():
            async with client.ws_connect(f"/{name}") as socket:
                closed = await socket.receive()
            assert (closed.type, closed.data, closed.extra) == (aiohttp.WSMsgType.CLOSE, code, reason)

    assert not [each for each in caplog.records if each.exc_info]


async def test_a_websocket_that_the_app_has_closed_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Its error cannot be told; one before it was accepted is a status, as for any request."""
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @app.websocket("/{accepted}")
    async def talk(socket: WebSocket, accepted: bool) -> None:
        if accepted:
            await socket.accept()
            await socket.close(4000)
        raise InvalidTaskId("bad")

    async with client_of(app, ws="websockets-sansio", **LOGGED, lifespan="off") as client, asyncio.timeout(10):
        async with client.ws_connect("/true") as socket:
            assert (await socket.receive()).data == 4000
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect("/false")
        assert refused.value.status == 422

    assert not [each for each in caplog.records if each.exc_info]


def test_every_title_fits_into_a_closing_frame() -> None:
    """123 bytes, RFC 6455, 5.5."""
    assert all(len(kind.title.encode()) <= 123 for kind in _problems._KINDS.values())


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


async def test_what_a_handler_gives_with_its_wait_is_taken() -> None:
    """The context that the provider needs, and the time that the task has; a later wait can give it more."""

    class Demanding(type(quick())):
        def check_context(self, context: Any) -> None:
            if "model" not in context:
                raise UsageError("context: give the model")

    wanpoll = WanPoll(Demanding("k", interval=0.02), transport=Cloud(FOREVER, latency=0.001).transport)
    app, lives = FastAPI(lifespan=wanpoll.lifespan), dict[str, float]()
    known: dict[str, Any] = {"context": {"model": "m"}}

    @app.get("/")
    async def wait(poller: DepPoller) -> None:
        def note(name: str, task_id: str) -> None:
            entry: Any = wanpoll.poller._machine.find("dashscope", task_id)
            assert entry.task.context == {"model": "m"}
            lives[name] = round(entry.expires_at - entry.tracked_at, 6)

        with contextlib.suppress(TimeoutError):
            await poller.wait_for("waited", timeout=0.01, expires_in=60.0, **known)
        note("wait_for", "waited")
        async with contextlib.aclosing(poller.watch("watched", expires_in=70.0, **known)) as updates:
            await anext(updates)
        note("watch", "watched")
        with contextlib.suppress(TimeoutError):
            await poller.wait_all([Task("several", **known)], timeout=0.01, expires_in=80.0)
        note("wait_all", "several")
        with contextlib.suppress(TimeoutError):
            await anext(poller.as_completed([Task("each", **known)], timeout=0.01, expires_in=90.0))
        note("as_completed", "each")
        with contextlib.suppress(TimeoutError):
            await poller.wait_for("waited", timeout=0.01, expires_in=100.0, **known)
        note("again", "waited")

    async with client_of(app) as client:
        assert (await client.get("/")).status == 200

    assert lives == {"wait_for": 60.0, "watch": 70.0, "wait_all": 80.0, "as_completed": 90.0, "again": 100.0}


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
