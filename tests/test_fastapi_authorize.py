"""The `authorize` hook: how it is asked about many tasks, and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import HTTPException as FastApiException
from fastapi import Request
from fastapi.encoders import jsonable_encoder
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from tests.clouds import Cloud
from tests.fastapi_apps import PROBLEM, TASK, app_of, client_of, cloud_wanpoll, status_of
from tests.waiting import until
from wanpoll import Task, UsageError
from wanpoll.fastapi._authorize import MOST_HOOKS_AT_ONCE

FOREVER = 1e9


def batch(size: int) -> Any:
    """A request about so many tasks."""
    return {"tasks": [{"provider": "dashscope", "id": f"task-{number}"} for number in range(size)]}


class Hook:
    """An async `authorize` that takes its time, and notes who is in it."""

    def __init__(self, seconds: float, refused: str = "") -> None:
        self.inside = self.most = self.asked = self.cancelled = 0
        self._seconds = seconds
        self._refused = refused

    async def __call__(self, request: Request, task: Task) -> bool:
        self.inside += 1
        self.asked += 1
        self.most = max(self.most, self.inside)
        try:
            if task.id != self._refused:
                await asyncio.sleep(self._seconds)
            return task.id != self._refused
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1


async def test_the_hooks_of_a_batch_run_side_by_side() -> None:
    """Each task once, and not all of them at once."""
    hook = Hook(0.005)
    app = app_of(cloud_wanpoll(Cloud(FOREVER)), authorize=hook)
    async with client_of(app) as client, client.post("/tasks:batch", json=batch(100)) as response:
        told = (await response.json())["tasks"]

    assert [each["id"] for each in told] == [f"task-{number}" for number in range(100)]
    assert (hook.asked, hook.most) == (100, MOST_HOOKS_AT_ONCE)


@pytest.mark.filterwarnings("error")
async def test_one_refusal_ends_the_other_hooks() -> None:
    """403 at once; of what they raise nothing is left unread."""
    loop, unread = asyncio.get_running_loop(), list[Any]()
    loop.set_exception_handler(lambda loop, context: unread.append(context))
    hook, cloud = Hook(FOREVER, refused="task-7"), Cloud()
    async with client_of(app_of(cloud_wanpoll(cloud), authorize=hook)) as client, asyncio.timeout(1):
        async with client.post("/tasks:batch", json=batch(100)) as response:
            assert (response.status, response.content_type) == (403, PROBLEM)
        gc.collect()
        await asyncio.sleep(0)

    assert (hook.inside, hook.cancelled) == (0, hook.asked - 1)
    assert not unread
    assert not cloud.transport.asked


@pytest.mark.parametrize("size", [1, 30])
async def test_the_first_of_several_refusals_is_told(size: int) -> None:
    """As the hook told it."""

    async def authorize(request: Request, task: Task) -> bool:
        await asyncio.sleep(0)
        raise HTTPException(401, task.id)

    app = app_of(cloud_wanpoll(Cloud()), authorize=authorize)
    async with client_of(app) as client, client.post("/tasks:batch", json=batch(size)) as response:
        assert (response.status, (await response.json())["detail"]) == (401, "task-0")


async def test_a_hook_that_was_cancelled_from_within_permits_nothing() -> None:
    """It has not said yes."""

    async def authorize(request: Request, task: Task) -> bool:
        if task.id == "task-5":
            raise asyncio.CancelledError
        await asyncio.sleep(0)
        return True

    cloud = Cloud()
    wanpoll = cloud_wanpoll(cloud)
    async with client_of(app_of(wanpoll, authorize=authorize)) as client:
        with contextlib.suppress(OSError):  # the server may drop the connection
            assert await status_of(client.post("/tasks:batch", json=batch(30))) >= 400
        assert not wanpoll.poller.statistics().tracked


async def owns(request: Request, task: Task) -> bool:
    """A hook that refuses."""
    return False


async def forgotten(request: Request, task: Task) -> Any:
    """A hook whose author forgot an `await`."""
    return owns(request, task)


async def yields(request: Request, task: Task) -> Any:
    """A hook that is a generator."""
    yield False


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        (forgotten, "coroutine; an await is missing"),
        (yields, "async_generator"),
        (lambda request, task: owns, "function"),
        (lambda request, task: "no", "str"),
        (lambda request, task: 1, "int"),
        (lambda request, task: 0, "int"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_what_is_neither_yes_nor_no_lets_nobody_through(hook: Any, kind: str, size: int) -> None:
    """The app's author is told, and a coroutine that nobody awaited is closed."""
    cloud = Cloud()
    wanpoll = cloud_wanpoll(cloud)
    app, seen = app_of(wanpoll, authorize=hook), list[str]()

    async def noting(request: Request, proceed: Any) -> Any:
        try:
            return await proceed(request)
        except UsageError as error:
            seen.append(str(error))
            raise

    app.add_middleware(BaseHTTPMiddleware, dispatch=noting)
    async with client_of(app) as client:
        assert await status_of(client.post("/tasks:batch", json=batch(size))) == 500
        assert not wanpoll.poller.statistics().tracked
    gc.collect()

    assert seen == [f"authorize: the hook must return True or False, not a {kind}"]


QUESTIONS = [("GET", TASK), ("GET", f"{TASK}/events"), ("DELETE", TASK), ("POST", "/tasks:batch")]


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
async def test_a_client_that_leaves_ends_the_hook(method: str, path: str) -> None:
    """On every route."""
    hook = Hook(FOREVER)
    body = {"json": batch(3)} if method == "POST" else {}
    async with client_of(app_of(cloud_wanpoll(Cloud()), authorize=hook, allow_cancel=True)) as client:
        request = asyncio.ensure_future(client.request(method, path, **body))
        await until(lambda: hook.inside)
        request.cancel()
        await until(lambda: not hook.inside, 0.5)


@pytest.mark.parametrize(("method", "path"), QUESTIONS)
async def test_a_server_that_stops_ends_the_hook(method: str, path: str) -> None:
    """503 and when to ask again; so is a request that comes later, unless its hook need not wait."""
    wanpoll, hook = cloud_wanpoll(Cloud()), Hook(FOREVER)
    app = app_of(wanpoll, authorize=hook, allow_cancel=True)
    app.include_router(wanpoll.router(authorize=lambda request, task: True), prefix="/quick")
    body = {"json": batch(3)} if method == "POST" else {}
    async with client_of(app) as client, asyncio.timeout(1):
        request = asyncio.ensure_future(client.request(method, path, **body))
        await until(lambda: hook.inside)
        wanpoll.drain()
        for response in (await request, await client.request(method, path, **body)):
            assert (response.status, response.content_type) == (503, PROBLEM)
            assert (await response.json())["type"] == "urn:wanpoll:problem:poller-closed"
            assert response.headers["Retry-After"] == "1"
        assert await status_of(client.get(f"/quick{TASK}")) == 202

    assert not hook.inside


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize(("method", "path"), QUESTIONS)
async def test_a_hook_may_read_the_body(method: str, path: str, middleware: bool) -> None:
    """As those do that check a signature, though the client is watched meanwhile."""
    bodies = []

    async def authorize(request: Request, task: Task) -> bool:
        bodies.append(await request.body())
        return False

    app = app_of(cloud_wanpoll(Cloud()), authorize=authorize, allow_cancel=True)
    if middleware:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, proceed: proceed(request))
    async with client_of(app) as client, asyncio.timeout(2):
        body = {"json": batch(1)} if method == "POST" else {}
        assert await status_of(client.request(method, path, **body)) == 403

    assert [bool(each) for each in bodies] == [method == "POST"]


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize(("size", "status"), [(5, 403), (1 << 17, 500)])
async def test_a_hook_that_reads_the_body_of_a_get_late_does_not_hang(
    http: str, middleware: bool, size: int, status: int
) -> None:
    """A short one is still there; for a long one it is told that it came too late."""
    bodies = []

    async def authorize(request: Request, task: Task) -> bool:
        await asyncio.sleep(0.01)
        bodies.append(await request.body())
        return False

    app = app_of(cloud_wanpoll(Cloud()), authorize=authorize)
    if middleware:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, proceed: proceed(request))
    async with client_of(app, http=http) as client, asyncio.timeout(2):
        assert await status_of(client.get(TASK, data=b"x" * size)) == status

    assert bodies == ([b"x" * size] if status == 403 else [])


@pytest.mark.parametrize(
    "told",
    [
        {"reason": "quota", "left": None, "until": datetime(2026, 4, 2, tzinfo=UTC)},
        ["one", {"two": 2}],
        {},
        0,
    ],
    ids=repr,
)
async def test_a_detail_that_is_no_text_is_told_as_data(told: Any) -> None:
    """As JSON, with the headers; a hook that is not async is no other."""

    def authorize(request: Request, task: Task) -> bool:
        raise FastApiException(403, told, {"X-Reason": "quota"})

    app = app_of(cloud_wanpoll(Cloud()), authorize=authorize)
    async with client_of(app) as client, client.get(TASK) as response:
        problem = await response.json()

    assert (response.status, response.content_type, response.headers["X-Reason"]) == (403, PROBLEM, "quota")
    assert problem == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "See the data.",
        "data": jsonable_encoder(told),
    }


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_status_without_a_body_is_answered_without_one(status: int) -> None:
    """As FastAPI does it: a body would break the connection."""

    def authorize(request: Request, task: Task) -> bool:
        raise HTTPException(status, "not sent", {"X-Reason": "cached"})

    wanpoll = cloud_wanpoll(Cloud())
    app = app_of(wanpoll, authorize=authorize)
    transport = httpx.ASGITransport(app)
    async with wanpoll.lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        response = await client.get(TASK)

    assert (response.status_code, response.content, response.headers["X-Reason"]) == (status, b"", "cached")


async def test_a_detail_that_cannot_be_sent_is_told_as_far_as_it_can() -> None:
    """Half of a surrogate pair is no character."""

    def authorize(request: Request, task: Task) -> bool:
        raise HTTPException(403, "no \ud800!")

    app = app_of(cloud_wanpoll(Cloud()), authorize=authorize)
    async with client_of(app) as client, client.get(TASK) as response:
        assert (response.status, (await response.json())["detail"]) == (403, "no ?!")
