"""Server-sent events, under uvicorn on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from tests.clouds import Cloud, done, state
from tests.fastapi_apps import (
    PROBLEM,
    TASK,
    Event,
    app_of,
    client_of,
    cloud_wanpoll,
    events,
    serving,
    session,
    status_of,
)
from tests.waiting import until
from wanpoll import Task
from wanpoll.fastapi import WanPoll, _events
from wanpoll.fastapi._events import EventStream, events_of
from wanpoll.fastapi._pollers import RouterPoller
from wanpoll.testing import missed, reply

FOREVER = 1e9
STREAM = f"{TASK}/events"


class Story(Cloud):
    """Tells the answers of `scenes` in turn, the last one again and again."""

    def __init__(self, *scenes: Any) -> None:
        super().__init__(latency=0.001)
        self.scenes = list(scenes)
        self.trouble["a-task"] = lambda: self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]


async def test_a_stream_tells_each_change_and_then_the_end() -> None:
    """Updates, then one outcome; then it is over."""
    cloud = Story(state("a-task", "PENDING"), state("a-task"), missed("timeout"), state("a-task"), done("a-task"))
    async with client_of(app_of(cloud_wanpoll(cloud))) as client, client.get(STREAM) as response:
        assert await response.content.readline() == b"retry: 1000\n"
        told = [event async for event in events(response)]

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Accel-Buffering"] == "no"  # nginx's word for it
    assert response.headers["Cache-Control"] == "no-store"
    assert [(each.name, each.id) for each in told] == [
        ("update", "PENDING"),
        ("update", "RUNNING"),
        ("update", "RUNNING,,timeout"),
        ("update", "RUNNING"),
        ("outcome", "SUCCEEDED"),
    ]
    assert told[1].data["status"] == "RUNNING"
    assert told[2].data["problem"]["code"] == "timeout"
    assert told[-1].data["media"][0]["kind"] == "video"


async def test_a_client_that_comes_back_is_told_only_what_is_new() -> None:
    """By `Last-Event-ID`, whichever process it comes back to; one that knows the end is told to stay away."""
    cloud = Cloud(runs=0.05, latency=0.001)
    async with client_of(app_of(cloud_wanpoll(cloud))) as client:
        await status_of(client.get(TASK))
        await until(lambda: cloud.asked("a-task") > 1)
        async with client.get(STREAM, headers={"Last-Event-ID": "RUNNING"}) as response:
            told = [event async for event in events(response)]
        async with client.get(STREAM, headers={"Last-Event-ID": "SUCCEEDED"}) as again:
            assert await again.text() == ""
        async with client.get(STREAM) as anew:
            assert [event.name async for event in events(anew)] == ["outcome"]

    assert [(each.name, each.id) for each in told] == [("outcome", "SUCCEEDED")]
    assert again.status == 204


async def test_a_silent_stream_has_a_heartbeat() -> None:
    """A comment, so that proxies keep it open; it disturbs nothing."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with client_of(app_of(wanpoll, heartbeat=0.01)) as client, client.get(STREAM) as response:
        seen: list[Event] = []
        async for event in events(response, comments=True):
            seen.append(event)
            if [each.name for each in seen].count("comment") == 3:
                break

    assert [each.id for each in seen if each.name == "update"] == ["PENDING", "RUNNING"]


async def test_a_stream_ends_at_last_so_that_its_reader_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose leaving no server told of would be kept for ever."""
    monkeypatch.setattr(_events, "LONGEST_STREAM_SECONDS", 0.05)
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with client_of(app_of(wanpoll, heartbeat=0.01)) as client, asyncio.timeout(2):
        async with client.get(STREAM) as response:
            told = [event.id async for event in events(response)]
        async with client.get(STREAM, headers={"Last-Event-ID": told[-1]}) as again:
            assert [event async for event in events(again)] == []

    assert told == ["PENDING", "RUNNING"]


async def test_trouble_before_the_stream_is_a_status() -> None:
    """An `EventSource` does not come back after one."""
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: reply({"code": "InvalidApiKey", "message": "no"}, 401)
    async with client_of(app_of(cloud_wanpoll(cloud))) as client:
        async with client.get(STREAM) as response:
            told = [event async for event in events(response)]
        async with client.get(STREAM) as again:
            assert (again.status, again.content_type) == (502, PROBLEM)

    assert [each.name for each in told] == ["update", "problem"]
    assert (told[1].data["status"], told[1].data["code"]) == (502, "InvalidApiKey")


async def test_a_task_that_nobody_knows_ends_its_stream() -> None:
    """With an outcome, as any other."""
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: state("a-task", "UNKNOWN")
    async with client_of(app_of(cloud_wanpoll(cloud, unknown_grace=0.0))) as client, client.get(STREAM) as response:
        told = [event async for event in events(response)]

    assert (told[-1].name, told[-1].data["status"], told[-1].data["reason"]) == ("outcome", "EXPIRED", "unknown")


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_a_reader_that_leaves_ends_its_stream_at_once(http: str, middleware: bool) -> None:
    """Nothing is left of it; the task is followed on."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001), interval=30.0)
    app = app_of(wanpoll)
    if middleware:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, proceed: proceed(request))
    async with client_of(app, http=http) as client:
        before = len(asyncio.all_tasks())
        response = await client.get(STREAM)
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        response.close()
        await until(lambda: not room.stays and not len(wanpoll.poller._waiters), 0.5)
        await until(lambda: len(asyncio.all_tasks()) <= before)

        assert wanpoll.poller.statistics().tracked == 1


@pytest.mark.parametrize("leaving", [False, True])
async def test_work_after_the_answer_is_done_after_a_stream(leaving: bool) -> None:
    """As dependencies of the app ask for it, also where the reader left."""
    wanpoll, done = cloud_wanpoll(Cloud(FOREVER if leaving else 0.0, latency=0.001)), list[bool]()

    async def counting(work: BackgroundTasks) -> None:
        work.add_task(done.append, True)

    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.router(), dependencies=[Depends(counting)])
    async with client_of(app) as client, client.get(STREAM) as response:
        if leaving:
            response.close()
        else:
            await response.read()
        await until(lambda: done, 1)


async def test_a_middleware_that_compresses_does_not_hold_a_stream_back() -> None:
    """Starlette's leaves it alone."""
    app = app_of(cloud_wanpoll(Cloud(FOREVER, latency=0.001)))
    app.add_middleware(GZipMiddleware)
    accepted = {"Accept-Encoding": "gzip"}
    async with client_of(app) as client, client.get(STREAM, headers=accepted) as response, asyncio.timeout(2):
        assert [(await anext(events(response))).id for _ in range(2)] == ["PENDING", "RUNNING"]


class Fickle(Cloud):
    """A task whose status changes with every answer."""

    def __init__(self) -> None:
        super().__init__(latency=0.0)
        self.trouble["a-task"] = self._next

    def _next(self) -> Any:
        return state("a-task", "RUNNING" if self.asked("a-task") % 2 else "PENDING")


async def test_a_slow_reader_delays_nobody() -> None:
    """It reads nothing while hundreds of updates pass; others see theirs at once."""
    wanpoll = cloud_wanpoll(Fickle(), interval=0.001)
    async with serving(app_of(wanpoll)) as url, session(url) as client:
        host, port = url.removeprefix("http://").split(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
            slow.connect((host, int(port)))
            slow.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            async with client.get(STREAM) as response, asyncio.timeout(20):
                seen = 0
                async for _ in events(response):
                    seen += 1
                    if seen == 300:
                        break
                async with client.get("/tasks/dashscope/another", params={"wait": "0.01"}) as other:
                    assert other.status == 202


SCOPE = {"type": "http", "method": "GET", "headers": [], "path": "/", "query_string": b"", "asgi": {}}


async def never() -> Any:
    """A client that has sent its request and stays."""
    await asyncio.Event().wait()


def stream_of(wanpoll: WanPoll, send: Any) -> asyncio.Future[None]:
    """A stream about the task that is sent by `send`, under way."""
    (room,) = wanpoll._rooms.values()
    request = Request(SCOPE, never)
    request._stream_consumed = True
    poller = RouterPoller(room, request)
    response = EventStream(poller, events_of(poller, Task("a-task", "dashscope"), None, 60.0), 60.0)
    return asyncio.ensure_future(response(SCOPE, never, send))


async def test_a_reader_that_comes_back_to_reading_is_told_the_newest() -> None:
    """What it missed is not kept for it."""
    cloud, reading, sent = Fickle(), asyncio.Event(), list[bytes]()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if len(sent) > 2:
            await reading.wait()

    wanpoll = cloud_wanpoll(cloud, interval=0.001)
    async with wanpoll.lifespan(FastAPI()):
        streaming = stream_of(wanpoll, send)
        await until(lambda: len(sent) == 3)
        await until(lambda: cloud.asked("a-task") > 100)
        cloud.trouble["a-task"] = lambda: done("a-task")
        await until(lambda: not wanpoll.poller.statistics().tracked)
        reading.set()
        await streaming

    assert [body.partition(b"event: ")[2].partition(b"\n")[0] for body in sent[2:]] == [b"update", b"outcome", b""]


@pytest.mark.parametrize("stuck_at", [1, 3])
@pytest.mark.parametrize("stopping", [True, False])
async def test_a_reader_that_takes_nothing_is_cut(
    stopping: bool, stuck_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some heartbeats, or as the server is about to stop; and nothing is left of it."""
    if not stopping:
        monkeypatch.setattr(_events, "PATIENCE_HEARTBEATS", 0.0)
        monkeypatch.setattr(_events, "LEAST_PATIENCE_SECONDS", 0.05)
    sent = list[Any]()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == stuck_at:
            await never()

    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with wanpoll.lifespan(FastAPI()):
        (room,) = wanpoll._rooms.values()
        streaming = stream_of(wanpoll, send)
        await until(lambda: len(sent) == stuck_at)
        if stopping:
            wanpoll.drain()
        await asyncio.wait_for(streaming, 20)

        assert len(sent) == stuck_at
        assert not room.stays
        assert not len(wanpoll.poller._waiters)


async def test_what_is_being_sent_when_the_server_stops_is_sent() -> None:
    """A middleware between may take a moment for each part, the last one included."""
    sent = list[Any]()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        sent.append(message)

    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with wanpoll.lifespan(FastAPI()):
        streaming = stream_of(wanpoll, send)
        await until(lambda: len(sent) == 4)
        wanpoll.drain()
        await streaming

    assert not sent[-1]["more_body"]


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_a_reader_that_takes_nothing_holds_no_server_that_stops(http: str) -> None:
    """Its stream ends as others do; what uvicorn has not flushed yet is cut by its own limit."""
    wanpoll = cloud_wanpoll(Fickle(), interval=0.001)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    config = uvicorn.Config(app_of(wanpoll, heartbeat=0.01), http=http, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    (room,) = wanpoll._rooms.values()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        slow.connect(listening.getsockname())
        slow.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(lambda: any(stay._most is not None for stay in room.stays))
        wanpoll.drain()
        await until(lambda: not room.stays, 5)
        server.should_exit = True
        await asyncio.wait_for(running, 20)


async def test_a_stream_that_the_server_cuts_lets_go() -> None:
    """As uvicorn does at the end of its patience."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with wanpoll.lifespan(FastAPI()):
        before = len(asyncio.all_tasks())
        streaming = stream_of(wanpoll, send)
        await until(lambda: len(sent) == 4)
        streaming.cancel()
        await asyncio.wait([streaming], timeout=1)

        assert streaming.cancelled()
        await until(lambda: len(asyncio.all_tasks()) <= before + 1)
        assert not len(wanpoll.poller._waiters)


async def test_events_that_are_closed_leave_nothing_for_later() -> None:
    """Wherever they are: not a wait, not a watcher of the client, and nothing that the garbage collector has to end."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with wanpoll.lifespan(FastAPI()):
        (room,) = wanpoll._rooms.values()
        for seen in range(4):
            request = Request(SCOPE, never)
            request._stream_consumed = True
            stream = events_of(RouterPoller(room, request), Task("a-task", "dashscope"), None, 0.01)
            for _ in range(seen):
                await anext(stream)
            before = len(asyncio.all_tasks())
            await stream.aclose()

            assert not room.stays
            assert not len(wanpoll.poller._waiters)
            assert len(asyncio.all_tasks()) <= before


async def test_draining_ends_streams_so_that_readers_come_back() -> None:
    """A whole answer, without a `problem`: the browser reconnects by itself, to the server's successor."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with client_of(app_of(wanpoll)) as client, client.get(STREAM) as response, asyncio.timeout(1):
        told = []
        async for event in events(response):
            told.append(event.name)
            if event.id == "RUNNING":
                wanpoll.drain()

    assert told == ["update", "update"]
