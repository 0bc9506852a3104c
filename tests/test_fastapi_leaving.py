"""Clients that leave, and a server that is about to stop: the waits of requests end, and nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Annotated, Any
from unittest.mock import AsyncMock

import aiohttp
import pytest
from fastapi import Body, FastAPI, Request, UploadFile
from starlette.middleware.base import BaseHTTPMiddleware

from tests.clouds import Cloud
from tests.fastapi_apps import (
    PROBLEM,
    TASK,
    app_of,
    client_of,
    cloud_wanpoll,
    serving,
    session,
    status_of,
)
from tests.waiting import until
from wanpoll import DecodeError, TransportError, UsageError
from wanpoll.fastapi import ClientLeft, DepPoller
from wanpoll.fastapi._room import Stay
from wanpoll.testing import reply

FOREVER = 1e9


async def ended(poller: DepPoller, task_id: str = "a-task") -> str:
    """A handler that waits, as users write it."""
    return (await poller.wait_for(task_id, provider="dashscope", timeout=5)).status


async def reading(poller: DepPoller, number: Annotated[int, Body()]) -> str:
    """A handler whose body FastAPI has read."""
    return await ended(poller)


async def uploading(poller: DepPoller, file: UploadFile) -> str:
    """A handler that has read a form."""
    return await ended(poller)


async def streaming(request: Request, poller: DepPoller) -> str:
    """A handler that reads its body itself."""
    async for _ in request.stream():
        pass
    return await ended(poller)


async def after_the_body(request: Request, poller: DepPoller) -> bytes:
    """A handler that waits first and reads after: its body must still be there."""
    await poller.wait_for("a-quick-task")
    return await request.body()


def form() -> aiohttp.FormData:
    """A file to upload."""
    data = aiohttp.FormData()
    data.add_field("file", b"x" * 10, filename="a.txt")
    return data


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize(
    ("handler", "method", "body"),
    [
        (ended, "GET", {}),
        (reading, "POST", {"json": 5}),
        (uploading, "POST", {"data": form}),
        (streaming, "POST", {"data": b"x" * 100_000}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_handler_whose_client_leaves_stops_waiting_at_once(
    handler: Any, method: str, body: Any, http: str, middleware: bool
) -> None:
    """However its body was read; the task is followed on, and others who wait for it are not disturbed."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001), interval=30.0)
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.add_api_route("/", handler, methods=[method])
    if middleware:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, proceed: proceed(request))
    body = {key: value() if callable(value) else value for key, value in body.items()}
    async with client_of(app, http=http) as client:
        other = asyncio.ensure_future(wanpoll.poller.wait_for("a-task"))
        request = asyncio.ensure_future(client.request(method, "/", **body))
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        request.cancel()
        await until(lambda: not room.stays, 0.5)

        assert not other.done()
        assert wanpoll.poller.statistics().tracked == 1
        assert len(wanpoll.poller._waiters) == 1
        other.cancel()


@pytest.mark.parametrize(
    "body", ["Content-Length: 2\r\n\r\nxx", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], ids=["length", "chunks"]
)
@pytest.mark.parametrize("path", ["/tasks/dashscope/a-task?wait=25", "/tasks/dashscope/a-task/events"])
async def test_the_body_of_a_get_hides_nobody(path: str, body: str) -> None:
    """It means nothing, and who sent it is seen to leave like others."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001), interval=30.0)
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.router())
    async with client_of(app) as client:
        host = client._base_url
        _, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{body}".encode())
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        writer.close()
        await until(lambda: not room.stays, 0.5)


class Replaying:
    """A middleware as many have written it: it reads the body, and gives it again whenever it is asked."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = (await receive())["body"]

        async def again() -> Any:
            self.asked += 1
            assert self.asked < 100  # without an end, nothing but this could stop it
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


@pytest.mark.parametrize(("method", "handler"), [("GET", ended), ("POST", reading)])
async def test_a_middleware_that_replays_the_body_without_an_end_stops_nothing(method: str, handler: Any) -> None:
    """Behind it no client is seen to leave; the wait goes on, as does everything else."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.05, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.add_api_route("/", handler, methods=[method])
    replaying = Replaying(app)
    async with client_of(replaying) as client, asyncio.timeout(10), client.request(method, "/", json=5) as response:
        assert await response.json() == "SUCCEEDED"

    assert replaying.asked <= 10


async def test_an_odd_message_after_the_body_hides_nobody() -> None:
    """A middleware that reads the body may say twice that it has ended; then it asks the server again."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)

    @app.get("/")
    async def waits(poller: DepPoller) -> None:
        await poller.wait_for("a-task")

    async def twice(scope: Any, receive: Any, send: Any) -> None:
        said = 0

        async def again() -> Any:
            nonlocal said
            said += 1
            return {"type": "http.request", "body": b"", "more_body": False} if said <= 2 else await receive()

        await app(scope, again if scope["type"] == "http" else receive, send)

    async with client_of(twice) as client:
        request = asyncio.ensure_future(client.get("/"))
        await until(lambda: wanpoll._rooms)
        (room,) = wanpoll._rooms.values()
        await until(lambda: len(room.stays) == 1)
        request.cancel()
        await until(lambda: not room.stays)


async def test_waits_side_by_side_end_together_when_the_client_leaves() -> None:
    """A handler may wait for several things at once."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)

    @app.get("/")
    async def both(poller: DepPoller) -> None:
        await asyncio.gather(poller.wait_for("a"), poller.wait_for("b"), poller.wait_all(["c", "d"]))

    async with client_of(app) as client:
        request = asyncio.ensure_future(client.get("/"))
        (room,) = wanpoll._rooms.values()
        await until(lambda: len(room.stays) == 3)
        request.cancel()
        await until(lambda: not room.stays and not len(wanpoll.poller._waiters), 0.5)


async def test_what_a_handler_does_after_the_client_left_is_its_own() -> None:
    """`ClientLeft` is raised where it waits, so a handler can finish its work; nothing is logged as an error."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app, seen = FastAPI(lifespan=wanpoll.lifespan), []

    @app.get("/")
    async def careful(poller: DepPoller) -> None:
        try:
            await poller.wait_for("a-task")
        except ClientLeft:
            await asyncio.sleep(0.01)
            seen.append("finished")
            raise

    async with client_of(app) as client:
        with pytest.raises(TimeoutError):
            await client.get("/", timeout=aiohttp.ClientTimeout(total=0.03))
        await until(lambda: seen)


async def test_a_body_that_was_not_read_before_the_wait_is_there_after_it() -> None:
    """Its client cannot be watched, because that would take the body away."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.03, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.post("/")(after_the_body)
    async with client_of(app) as client, client.post("/", data=b"the body") as response:
        assert await response.json() == "the body"


async def test_a_body_that_comes_during_the_wait_is_whole_after_it() -> None:
    """Nobody has taken its first part."""
    cloud = Cloud(runs=0.03, latency=0.001)
    wanpoll = cloud_wanpoll(cloud)
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.post("/")(after_the_body)

    async def body() -> AsyncIterator[bytes]:
        yield b"first, "
        await until(lambda: cloud.asked("a-quick-task") and not wanpoll.poller.statistics().tracked)
        yield b"second"

    async with client_of(app) as client, client.post("/", data=body()) as response:
        assert await response.json() == "first, second"


async def test_a_handler_that_waits_again_and_again_is_watched_once_at_a_time() -> None:
    """Each wait takes its watcher with it."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)

    @app.get("/")
    async def patient(poller: DepPoller) -> int:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            with contextlib.suppress(TimeoutError):
                await poller.wait_for("a-task", timeout=0.0)
        await asyncio.sleep(0.001)
        return len(asyncio.all_tasks()) - before

    async with client_of(app) as client, client.get("/") as response:
        assert await response.json() < 5


async def test_a_wait_that_ends_leaves_nothing_behind() -> None:
    """No watcher of the client, no place in the room, whichever way it ended."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.02, latency=0.001))
    app = app_of(wanpoll)
    async with client_of(app) as client:
        tasks = len(asyncio.all_tasks())
        await status_of(client.get("/tasks/dashscope/one", params={"wait": "0.001"}))
        await status_of(client.get("/tasks/dashscope/two", params={"wait": "5"}))
        (room,) = wanpoll._rooms.values()

        assert not room.stays
        await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_closing_the_app_answers_those_who_wait() -> None:
    """503, even where no signal came before."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = app_of(wanpoll)
    async with serving(app) as url, session(url) as client:
        request = asyncio.ensure_future(client.get(TASK, params={"wait": "25"}))
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        await wanpoll.poller.aclose()
        async with await request as response:
            assert (response.status, response.content_type) == (503, PROBLEM)
            assert (await response.json())["type"] == "urn:wanpoll:problem:poller-closed"
            assert response.headers["Retry-After"] == "1"


async def test_draining_answers_what_is_known_and_lets_the_app_finish() -> None:
    """202 to long polls; the app's own handlers 503; new waits are not begun; the poller works on."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = app_of(wanpoll)
    app.get("/own")(ended)
    async with serving(app) as url, session(url) as client:
        polls = [asyncio.ensure_future(client.get(path, params={"wait": "25"})) for path in (TASK, "/own")]
        (room,) = wanpoll._rooms.values()
        await until(lambda: len(room.stays) == 2)
        wanpoll.drain()
        async with asyncio.timeout(1):
            poll, own = await asyncio.gather(*polls)
            await asyncio.gather(poll.read(), own.read())
            late = await status_of(client.get(TASK, params={"wait": "25"}))

        assert (poll.status, poll.headers["Retry-After"]) == (202, "1")
        assert (own.status, own.headers["Retry-After"], own.content_type) == (503, "1", PROBLEM)
        assert late == 202
        assert await wanpoll.poller.track("another")


async def test_draining_what_ends_by_itself_at_that_moment_is_no_error() -> None:
    """Its limit was reached; what comes then is too late."""
    wanpoll = cloud_wanpoll(Cloud())
    loop, seen = asyncio.get_running_loop(), list[Any]()
    loop.set_exception_handler(lambda loop, context: seen.append(context))
    async with wanpoll.lifespan(FastAPI()):
        (room,) = wanpoll._rooms.values()
        with pytest.raises(TimeoutError):
            async with Stay(room, Request({"type": "http", "app": None}), watched=False, most=0.0):
                loop.call_soon(wanpoll.drain)
                await asyncio.Event().wait()

    assert not seen
    assert not room.stays


async def test_draining_is_a_503_without_exception_handlers_too() -> None:
    """The app need not know of it."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.get("/own")(ended)
    async with client_of(app) as client:
        request = asyncio.ensure_future(client.get("/own"))
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        wanpoll.drain()

        assert await status_of(request) == 503


async def test_a_server_that_stops_ends_no_waits_of_others_that_share_its_poller() -> None:
    """Those of its own app and of what is mounted there end; the others' go on, and new ones begin."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    one, other, mounted = app_of(wanpoll), app_of(wanpoll), FastAPI()
    mounted.get("/own")(ended)
    one.mount("/mounted", mounted)
    long = {"params": {"wait": "25"}}
    async with client_of(one) as client, client_of(other) as theirs, asyncio.timeout(5):
        (room,) = wanpoll._rooms.values()
        stays = asyncio.ensure_future(theirs.get(TASK, **long))
        await until(lambda: len(room.stays) == 1)
        polls = [asyncio.ensure_future(client.get(TASK, **long)), asyncio.ensure_future(client.get("/mounted/own"))]
        await until(lambda: len(room.stays) == 3)
        wanpoll.drain(one)
        async with asyncio.timeout(1):
            assert [await status_of(poll) for poll in polls] == [202, 503]
        later = asyncio.ensure_future(theirs.get(TASK, **long))
        await until(lambda: len(room.stays) == 2)
        assert not stays.done()
        wanpoll.drain()
        async with asyncio.timeout(1):
            assert [await status_of(poll) for poll in (stays, later)] == [202, 202]


@pytest.mark.parametrize("again", ["the same app", "another"])
async def test_a_lifespan_that_begins_is_not_stopping(again: str) -> None:
    """Though another one of the same `WanPoll` is, and runs on."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.02, latency=0.001))
    app = app_of(wanpoll)
    next_app = app if again == "the same app" else app_of(wanpoll)
    async with wanpoll.lifespan(FastAPI()):
        async with client_of(app):
            wanpoll.drain()
        async with client_of(next_app) as client:
            assert await status_of(client.get(TASK, params={"wait": "5"})) == 200


async def test_a_lifespan_that_begins_undoes_no_draining() -> None:
    """Another one of the same app, while the one that stops is still there."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = app_of(wanpoll)
    async with client_of(app) as client:
        wanpoll.drain(app)
        async with client_of(app), asyncio.timeout(2):
            assert await status_of(client.get(TASK, params={"wait": "25"})) == 202


@pytest.mark.parametrize("named", [True, False])
async def test_draining_may_come_from_another_thread(named: bool) -> None:
    """As where a server runs in one."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    app = app_of(wanpoll)
    async with client_of(app) as client, asyncio.timeout(2):
        request = asyncio.ensure_future(client.get(TASK, params={"wait": "25"}))
        (room,) = wanpoll._rooms.values()
        await until(lambda: room.stays)
        await asyncio.to_thread(wanpoll.drain, app if named else None)
        assert await status_of(request) == 202


async def test_without_an_event_loop_there_is_no_poller() -> None:
    """Said as outside a lifespan; and so it is of draining what never began."""
    wanpoll = cloud_wanpoll(Cloud())
    with pytest.raises(UsageError, match="no poller runs here"):
        wanpoll.drain()
    async with wanpoll.lifespan(FastAPI()):
        with pytest.raises(UsageError, match="on this thread's event loop"):
            await asyncio.to_thread(lambda: wanpoll.poller)
        with pytest.raises(UsageError, match="give the app that"):
            await asyncio.to_thread(wanpoll.drain, FastAPI())


async def test_draining_an_app_that_does_not_run_is_an_error() -> None:
    """It says what to give."""
    wanpoll = cloud_wanpoll(Cloud())
    async with wanpoll.lifespan(FastAPI()):
        with pytest.raises(UsageError, match="give the app that the lifespan was given"):
            wanpoll.drain(FastAPI())


class Undecided(Cloud):
    """A remote that takes its time over a cancel."""

    def __init__(self) -> None:
        super().__init__(FOREVER, latency=0.001)
        self.told = 0
        self.decided = asyncio.Event()

    def answer(self, request: Any) -> Any:
        """Cancels are answered when it has decided."""
        return self._decide() if request.url.endswith("/cancel") else super().answer(request)

    async def _decide(self) -> Any:
        self.told += 1
        await self.decided.wait()
        self.words["a-task"], self.runs = "CANCELED", 0.0
        return reply({"request_id": "r"})


async def test_a_server_that_stops_does_not_wait_for_a_cancel_of_the_remote_task() -> None:
    """503, since nobody knows; the call goes on, and the end is seen while the poller works."""
    cloud = Undecided()
    wanpoll = cloud_wanpoll(cloud)
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client, asyncio.timeout(2):
        request = asyncio.ensure_future(client.delete(TASK))
        await until(lambda: cloud.told)
        wanpoll.drain()
        async with asyncio.timeout(0.5), await request as response:
            problem = await response.json()
        assert (response.status, response.content_type) == (503, PROBLEM)
        assert (problem["type"], response.headers["Retry-After"]) == ("urn:wanpoll:problem:poller-closed", "1")
        assert "not known" in problem["detail"]
        cloud.decided.set()
        assert (await wanpoll.poller.wait_for("a-task")).status == "CANCELED"
        assert cloud.told == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("leaving", [True, False])
async def test_a_cancel_that_nobody_waits_for_goes_on_and_is_quiet(leaving: bool) -> None:
    """Its client left, or the app closed before the provider answered."""
    unread = list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unread.append(context))
    cloud = Undecided()
    wanpoll = cloud_wanpoll(cloud)
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client, asyncio.timeout(2):
        request = asyncio.ensure_future(client.delete(TASK))
        await until(lambda: cloud.told)
        if leaving:
            request.cancel()
            (room,) = wanpoll._rooms.values()
            await until(lambda: not room.stays)
            cloud.decided.set()
            assert (await wanpoll.poller.wait_for("a-task")).status == "CANCELED"
        else:
            wanpoll.drain()
            assert await status_of(request) == 503
    gc.collect()
    await asyncio.sleep(0)

    assert cloud.told == 1
    assert not unread


async def test_however_many_ask_for_a_cancel_the_provider_is_asked_once_at_a_time() -> None:
    """They share its answer with those whose clients left; then nothing is under way any more."""
    cloud = Undecided()
    wanpoll = cloud_wanpoll(cloud, interval=30.0)
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client, asyncio.timeout(5):
        (room,) = wanpoll._rooms.values()
        for stays in (False, True):
            requests = [asyncio.ensure_future(client.delete(TASK)) for _ in range(20)]
            await until(lambda: len(room.stays) == 20)
            if not stays:
                for each in requests:
                    each.cancel()
                await until(lambda: not room.stays)
        cloud.decided.set()
        assert {await status_of(each) for each in requests} <= {200, 202}
        assert cloud.told == 1
        await status_of(client.delete("/tasks/dashscope/another"))
        assert cloud.told == 2

    assert not room.cancels._running


async def test_a_cancel_that_the_provider_does_not_answer_is_capped_as_other_waits() -> None:
    """503: whether it was told is not known."""
    cloud = Undecided()
    app = app_of(cloud_wanpoll(cloud), allow_cancel=True, longest_wait=0.02)
    async with client_of(app) as client, asyncio.timeout(1), client.delete(TASK) as response:
        problem = await response.json()

    assert (response.status, response.content_type, response.headers["Retry-After"]) == (503, PROBLEM, "1")
    assert problem["type"] == "urn:wanpoll:problem:cancel-undecided"
    assert "not known: ask again" in problem["detail"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportError("dashscope", "disconnected", None, ""), "disconnected"),
        (DecodeError("dashscope", "$", ""), None),
    ],
    ids=["unreached", "unreadable"],
)
async def test_a_cancel_that_failed_does_not_promise_another(
    error: Exception, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks again but the client, and the provider may have been told."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        monkeypatch.setattr(wanpoll.poller._calls, "cancel", AsyncMock(side_effect=error))
        async with client.delete(TASK) as response:
            problem = await response.json()

    assert (response.status, response.content_type, response.headers["Retry-After"]) == (502, PROBLEM, "1")
    assert (problem["type"], problem.get("code")) == ("urn:wanpoll:problem:missed-poll", kind)
    assert problem["detail"] == "Whether the provider was told to cancel is not known: ask again."
