"""A poller for an app: lifespans, the dependency and errors as HTTP."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
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
    status_of,
)
from wanpoll import Outcome, Poller, PollerClosed, Status, Task, TaskExpired, TaskFailed, UsageError, WanpollError
from wanpoll import exceptions as errors
from wanpoll.fastapi import EXCEPTION_HANDLERS, DepPoller, PollerOptions, WanPoll, poller_of

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


async def test_a_mounted_app_that_is_told_of_no_poller_is_told_what_to_do() -> None:
    """Where the outer app's lifespan keeps the state to itself; and that is true: either mends it."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))
    mounted, outer = FastAPI(), FastAPI()
    mounted.get("/told")(ended)

    @mounted.get("/named")
    async def named(poller: Poller = Depends(wanpoll)) -> str:  # noqa: B008
        return await ended(poller)

    outer.mount("/sub", mounted)
    async with wanpoll.lifespan(outer) as state:
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            with pytest.raises(UsageError, match=r"yield state \(where this app is mounted, .*Depends\(wanpoll\)"):
                await client.get("/sub/told")
            assert (await client.get("/sub/named")).json() == "SUCCEEDED"

        async def stateful(scope: Any, receive: Any, send: Any) -> None:
            await outer({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(stateful)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            assert (await client.get("/sub/told")).json() == "SUCCEEDED"


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


async def test_an_app_with_several_is_told_to_name_one() -> None:
    """`DepPoller` takes none at random; the mounted app of another lifespan has its own."""
    one, two = cloud_wanpoll(Cloud(runs=0.0, latency=0.001)), WanPoll(quick(name="second"))
    mounted = FastAPI()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with one.lifespan(app) as first, two.lifespan(mounted) as second:
            yield {**first, **second}

    async def name(poller: DepPoller) -> str:
        return repr(poller)

    app = FastAPI(lifespan=lifespan)
    app.mount("/sub", mounted)
    app.get("/")(name)
    mounted.get("/")(name)
    async with client_of(app) as client:
        assert "dashscope" in await (await client.get("/")).json()
        assert "second" in await (await client.get("/sub/")).json()
        async with two.lifespan(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as asking:
                with pytest.raises(UsageError, match=r"several WanPolls; .*Depends\(wanpoll\)"):
                    await asking.get("/")
        assert await status_of(client.get("/")) == 200


async def test_the_state_of_the_app_is_left_alone() -> None:
    """Also what is named as wanpoll is."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with wanpoll.lifespan(app) as state:
            yield {**state, "wanpoll": "in the state of requests"}

    app = FastAPI(lifespan=lifespan)
    app.state.wanpoll = "mine"
    app.get("/")(ended)

    @app.get("/state")
    async def kept(request: Request) -> list[str]:
        return [request.app.state.wanpoll, request.state.wanpoll]

    async with client_of(app) as client:
        assert await (await client.get("/")).json() == "SUCCEEDED"
        assert await (await client.get("/state")).json() == ["mine", "in the state of requests"]


async def test_tests_replace_the_poller_by_its_dependency() -> None:
    """As FastAPI's documents say; no lifespan is needed then."""

    class Fake:
        async def wait_for(self, *args: Any, **options: Any) -> Outcome:
            return Outcome(Task("a-task"), Status.FAILED)

    app = FastAPI()
    app.get("/")(ended)
    app.dependency_overrides[poller_of] = Fake
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        assert (await client.get("/")).json() == "FAILED"


async def test_a_handler_does_not_close_the_poller_of_the_app() -> None:
    """Others wait by it: it says so."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))
    app, seen = FastAPI(lifespan=wanpoll.lifespan), list[str]()

    @app.get("/")
    async def closing(poller: DepPoller) -> None:
        with pytest.raises(UsageError) as refused:
            await poller.aclose()
        seen.append(str(refused.value))

    async with client_of(app) as client:
        assert await status_of(client.get("/")) == 200
        await wanpoll.poller.track("a-task")

    assert seen == ["a handler does not close the app's poller: its lifespan does"]


async def test_a_poller_that_closes_is_nobody_s_any_more() -> None:
    """A lifespan that begins meanwhile has a new one."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.0, latency=0.001))
    async with wanpoll.lifespan(FastAPI()):
        closed, close = wanpoll.poller, wanpoll.poller.aclose

        async def closing() -> None:
            async with wanpoll.lifespan(FastAPI()):
                assert wanpoll.poller is not closed
                await wanpoll.poller.track("a-task")
            await close()

        closed.aclose = closing  # type: ignore[method-assign]
    assert "closed" in repr(closed)


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"authorize": 5}, "authorize: give a function of a request and a task, or None, not a int"),
        ({"authorize": "may_ask"}, "authorize: give a function"),
        ({"allow_cancel": "no"}, "allow_cancel='no': give True or False"),
        ({"allow_cancel": 1}, "allow_cancel=1: give True or False"),
        ({"longest_wait": "5"}, "longest_wait='5': give a finite number"),
        ({"heartbeat": 0}, "heartbeat=0: give a finite number"),
    ],
)
def test_wrong_options_of_a_router_are_refused_at_once(options: Any, words: str) -> None:
    """Not at the first request; and "no" allows nothing."""
    with pytest.raises(UsageError, match=words):
        WanPoll(quick()).router(**options)


def test_what_is_no_provider_and_no_option_is_refused_at_once() -> None:
    """With what to give; the rest is checked when the lifespan begins."""
    untyped: Any = WanPoll
    with pytest.raises(UsageError, match=r"WanPoll\(DashScope\): give an instance, DashScope\(\)"):
        untyped(type(quick()))
    with pytest.raises(UsageError, match="WanPoll: a list is not a provider"):
        untyped([quick()])
    with pytest.raises(UsageError, match="WanPoll: bogus is none of its options: observer, unknown_grace, "):
        untyped(quick(), bogus=1)


def test_the_repr_is_short_and_shows_no_key() -> None:
    """Before any lifespan."""
    assert repr(WanPoll(quick(), quick(name="second"))) == "<WanPoll of dashscope, second: 0 running>"


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
