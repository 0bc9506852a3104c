"""A poller for an app: lifespans, the dependency, errors as HTTP, clients that leave."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import aiohttp
import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Request, UploadFile, WebSocket
from starlette.middleware.base import BaseHTTPMiddleware

import wanpoll.fastapi
from tests.clouds import Cloud
from tests.fastapi_apps import (
    PROBLEM,
    TASK,
    app_of,
    client_of,
    cloud_wanpoll,
    quick,
    serving,
    session,
    status_of,
    until,
)
from wanpoll import Outcome, Poller, PollerClosed, Status, Task, TaskExpired, TaskFailed, UsageError, WanpollError
from wanpoll import exceptions as errors
from wanpoll.fastapi import EXCEPTION_HANDLERS, ClientLeft, DepPoller, PollerOptions, WanPoll

FOREVER = 1e9


async def ended(poller: DepPoller, task_id: str = "a-task") -> str:
    """A handler that waits, as users write it."""
    return (await poller.wait_for(task_id, provider="dashscope", timeout=5)).status


async def test_one_line_gives_an_app_a_poller_and_one_annotation_gives_it_to_handlers() -> None:
    """It is closed with the app."""
    cloud = Cloud(runs=0.0, latency=0.001)
    wanpoll = cloud_wanpoll(cloud)
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.get("/")(ended)
    async with client_of(app) as client:
        assert await (await client.get("/")).json() == "SUCCEEDED"

    assert cloud.transport.closed
    with pytest.raises(UsageError, match="lifespan"):
        wanpoll.poller  # noqa: B018


@pytest.mark.parametrize("forwarded", [True, False])
async def test_the_lifespan_is_a_part_of_the_app_s_own(forwarded: bool) -> None:
    """With the state of both, or of the app alone."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with wanpoll.lifespan(app) as state:
            assert wanpoll.poller.statistics().tracked == 0
            yield {**state, "db": "a database"} if forwarded else {"db": "a database"}

    app = FastAPI(lifespan=lifespan)
    app.get("/")(ended)

    @app.get("/database")
    async def database(request: Request) -> str:
        return request.state.db

    async with client_of(app) as client:
        assert await (await client.get("/")).json() == "SUCCEEDED"
        assert await (await client.get("/database")).json() == "a database"


async def test_routers_and_mounted_apps_have_the_poller_of_their_app() -> None:
    """A mounted app's own lifespan never runs."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))
    app, mounted, router = FastAPI(lifespan=wanpoll.lifespan), FastAPI(), APIRouter()
    router.get("/there")(ended)
    mounted.include_router(router)
    mounted.include_router(wanpoll.router())
    app.include_router(router)
    app.mount("/sub", mounted)
    async with client_of(app) as client:
        for path in ("/there", "/sub/there"):
            assert await (await client.get(path)).json() == "SUCCEEDED"
        assert await status_of(client.get(f"/sub{TASK}")) == 200


async def test_several_apps_share_a_poller_or_have_their_own() -> None:
    """One `WanPoll` on one event loop is one poller, so that the quota is kept; it closes with the last app."""
    shared, other = cloud_wanpoll(Cloud(runs=0.0)), cloud_wanpoll(Cloud(runs=0.0))
    async with client_of(app_of(shared)), client_of(app_of(other)):
        first = shared.poller
        async with client_of(app_of(shared)):
            assert shared.poller is first
            assert other.poller is not first
        await first.track("a-task")


async def test_an_app_with_several_names_the_one_that_it_means() -> None:
    """By `Depends(wanpoll)`."""
    one = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))
    two = WanPoll(quick(name="second"), transport=Cloud(runs=0.0, latency=0.001).transport)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with one.lifespan(app), two.lifespan(app):
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/names")
    async def names(first: Poller = Depends(one), second: Poller = Depends(two)) -> list[str | None]:  # noqa: B008
        return [(await each.wait_for("a-task")).task.provider for each in (first, second)]

    async with client_of(app) as client:
        assert await (await client.get("/names")).json() == ["dashscope", "second"]


async def test_forgetting_the_lifespan_is_a_clear_error() -> None:
    """On the dependency and on every route: it says what to write."""
    wanpoll = cloud_wanpoll(Cloud())
    app = FastAPI()
    app.include_router(wanpoll.router())
    app.get("/")(ended)
    seen: list[Exception] = []

    async def noting(request: Request, proceed: Any) -> Any:
        try:
            return await proceed(request)
        except UsageError as error:
            seen.append(error)
            raise

    app.add_middleware(BaseHTTPMiddleware, dispatch=noting)
    async with client_of(app, lifespan="off") as client:
        for path in ("/", TASK, f"{TASK}/events"):
            assert await status_of(client.get(path)) == 500

    assert len(seen) == 3
    assert all("FastAPI(lifespan=wanpoll.lifespan)" in str(error) for error in seen)


async def test_a_missing_key_stops_the_startup(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the poller's own words."""
    from wanpoll.providers import DashScope

    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    wanpoll = WanPoll(DashScope())

    with pytest.raises(UsageError, match="DASHSCOPE_API_KEY"):
        async with wanpoll.lifespan(FastAPI()):
            pass
    assert repr(wanpoll) == "<WanPoll of dashscope: 0 running>"


def test_the_options_are_those_of_the_poller() -> None:
    """All of them, with their types."""
    told, wanted = get_type_hints(PollerOptions), get_type_hints(Poller.__init__)

    assert told == {name: wanted[name] for name in signature(Poller).parameters if name != "providers"}


async def test_a_request_s_poller_is_the_app_s_poller() -> None:
    """Every way to wait works, and what does not wait, too."""
    cloud = Cloud(runs=0.01, latency=0.001)
    wanpoll = cloud_wanpoll(cloud)
    app = FastAPI(lifespan=wanpoll.lifespan)

    @app.get("/")
    async def every(poller: DepPoller) -> list[Any]:
        assert isinstance(poller, Poller)
        tracked = await poller.track("a")
        return [
            [update.status async for update in poller.watch(tracked)][-1],
            [outcome.status for outcome in await poller.wait_all(["a", "b"])],
            sorted([outcome.task.id async for outcome in poller.as_completed(["a", "b", "c"])]),
            poller.nudge("d"),
            poller.statistics().polls == wanpoll.poller.statistics().polls,
        ]

    async with client_of(app) as client:
        assert await (await client.get("/")).json() == [
            "SUCCEEDED",
            ["SUCCEEDED", "SUCCEEDED"],
            ["a", "b", "c"],
            False,
            True,
        ]


async def test_a_websocket_has_a_poller_too() -> None:
    """Its messages are left alone."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.01, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)

    @app.websocket("/")
    async def talk(socket: WebSocket, poller: DepPoller) -> None:
        await socket.accept()
        task_id = await socket.receive_text()
        await socket.send_text((await poller.wait_for(task_id)).status)
        await socket.send_text(await socket.receive_text())
        await socket.close()

    async with client_of(app, ws="websockets-sansio") as client, client.ws_connect("/") as socket:
        await socket.send_str("a-task")
        await socket.send_str("still there")
        assert [await socket.receive_str() for _ in range(2)] == ["SUCCEEDED", "still there"]


async def test_apps_can_be_tested_without_a_server() -> None:
    """Over httpx's ASGI transport, which tells of a leaving client after the response only."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.01, latency=0.001))
    app = app_of(wanpoll)
    transport = httpx.ASGITransport(app)
    async with wanpoll.lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        response = await client.get(TASK, params={"wait": 5})
        stream = await client.get(f"{TASK}/events")

    assert response.json()["status"] == "SUCCEEDED"
    assert "event: outcome" in stream.text


async def test_errors_in_the_app_s_handlers_are_problems() -> None:
    """By `EXCEPTION_HANDLERS`: each class its status, none with words that are not for strangers."""
    task, link = Task("a", "dashscope"), "https://h.example/v?Signature=CANARY"
    raised: dict[str, tuple[WanpollError, int]] = {
        "closed": (PollerClosed([Task("somebody-elses")]), 503),
        "refused": (errors.ProviderRefused("dashscope", "Arrearage", f"pay at {link}"), 502),
        "unknown": (TaskExpired(Outcome(task, Status.EXPIRED, reason="unknown")), 404),
        "expired": (TaskExpired(Outcome(task, Status.EXPIRED, reason="expired")), 410),
        "failed": (TaskFailed(Outcome(task, Status.FAILED, raw={"url": link})), 502),
        "late": (errors.WaitTimeout(1.0, [task]), 504),
        "id": (errors.InvalidTaskId("bad"), 422),
        "cannot": (errors.NotSupported("no"), 409),
        "unreached": (errors.TransportError("dashscope", "timeout", None, link), 502),
    }
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @app.get("/{name}")
    async def raising(name: str) -> None:
        raise raised[name][0]

    async with client_of(app) as client:
        for name, (_, status) in raised.items():
            async with client.get(f"/{name}") as response:
                text = await response.text()

                assert (response.status, response.content_type) == (status, PROBLEM)
                assert "CANARY" not in text
                assert "somebody-elses" not in text


async def test_bugs_of_the_app_are_left_to_be_seen() -> None:
    """A wrong argument is a 500, and its traceback is in the log."""
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)

    @app.get("/")
    async def wrong() -> None:
        raise UsageError("timeout=-1: give 0 or more")

    async with client_of(app) as client:
        assert await status_of(client.get("/")) == 500


# -- clients that leave ----------------------------------------------------------------------------------------------


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


def test_without_fastapi_the_error_names_the_extra() -> None:
    """And importing wanpoll alone does not need it."""
    code = """if True:
        import sys
        sys.modules["fastapi"] = None
        import wanpoll.exceptions
        try:
            import wanpoll.fastapi
        except wanpoll.exceptions.MissingExtra as error:
            sys.exit(0 if "pip install 'wanpoll[fastapi]'" in str(error) else str(error))
        sys.exit("no error")
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(wanpoll.__file__).parents[2])


def test_exports_exist() -> None:
    """`__all__` is the truth, and public classes say where they are found."""
    for name in wanpoll.fastapi.__all__:
        value = getattr(wanpoll.fastapi, name)
        assert not isinstance(value, type) or value.__module__ == "wanpoll.fastapi"
