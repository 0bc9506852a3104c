"""Who wanpoll is compared with, and wanpoll itself, set up alike."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from benchmarks.server import FOREVER, task_id
from wanpoll import Outcome, Poller, Rate, Task
from wanpoll.providers import DashScope, Reply
from wanpoll.transport import HttpTransport

KEY = "sk-bench"
QUOTA = Rate(100_000, per=1.0)
"""So high that nothing waits for it."""

RUNNING = (
    b'{"request_id":"r","output":{"task_id":"%s","task_status":"RUNNING","submit_time":"2026-03-01 17:38:24.817"}}'
)


def base_url(port: int) -> str:
    """The API prefix of the benchmark server."""
    return f"http://127.0.0.1:{port}/api/v1"


def dashscope(port: int = 9, *, interval: float) -> DashScope:
    """The provider that all benchmarks use. (Nothing listens at the default port.)"""
    return DashScope(KEY, base_url=base_url(port), quota=QUOTA, interval=interval)


def running_tasks(count: int, *, spread: float) -> list[Task]:
    """Tasks that do not end, and whose ages are spread over `spread` seconds, so that their polls are, too."""
    return aged((task_id(FOREVER) for _ in range(count)), count, spread=spread)


def aged(ids: Iterable[str], count: int, *, spread: float) -> list[Task]:
    """Tasks for `count` ids, with ages evenly between 0 and `spread` seconds."""
    now = datetime.now(UTC)
    step = spread / count
    return [
        Task(each, provider="dashscope", submitted_at=now - timedelta(seconds=step * place))
        for place, each in enumerate(ids)
    ]


class AtOnce:
    """A transport without a wire: every task is RUNNING."""

    def __init__(self) -> None:
        self.asked = 0

    async def send(self, provider: Any, request: Any) -> Reply:
        """Answer at once."""
        self.asked += 1
        return Reply(200, RUNNING % request.url.rpartition("/")[2].encode(), 0.0)

    async def aclose(self) -> None:
        """Nothing to close."""


# -- bare aiohttp ------------------------------------------------------------------------------------------------------


async def bare_gets(session: aiohttp.ClientSession, urls: Sequence[str], workers: int) -> None:
    """GET and read all `urls`, by `workers` at once: what no client on aiohttp can undercut."""
    todo = iter(urls)

    async def work() -> None:
        for url in todo:
            async with session.get(url) as response:
                await response.read()

    await asyncio.gather(*(work() for _ in range(workers)))


@contextlib.asynccontextmanager
async def session_like_ours(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with the very settings that wanpoll's transport uses."""
    transport = HttpTransport()
    try:
        yield transport._open(dashscope(port, interval=1.0).bind({}))
    finally:
        await transport.aclose()


# -- one loop for each task --------------------------------------------------------------------------------------------


async def sleep_loop(session: aiohttp.ClientSession, url: str, interval: float) -> Any:
    """What everyone writes: ask, sleep, ask. Returns the result document."""
    while True:
        async with session.get(url, headers={"Authorization": f"Bearer {KEY}"}) as response:
            document = json.loads(await response.read())
        if document["output"]["task_status"] not in ("PENDING", "RUNNING"):
            return document
        await asyncio.sleep(interval)


async def by_loops(session: aiohttp.ClientSession, port: int, ids: Sequence[str], interval: float) -> list[Any]:
    """Wait for all `ids`, one loop for each."""
    return await asyncio.gather(*(sleep_loop(session, f"{base_url(port)}/tasks/{each}", interval) for each in ids))


async def only_sleeping(interval: float) -> None:
    """The waiting of such a loop, without its questions: the least that a task with a sleep loop holds."""
    while True:
        await asyncio.sleep(interval)


# -- the official SDK --------------------------------------------------------------------------------------------------


def point_sdk_at(port: int) -> None:
    """Have the official SDK ask the benchmark server."""
    import dashscope as sdk

    sdk.base_http_api_url = base_url(port)
    sdk.api_key = KEY


async def by_sdk(ids: Sequence[str]) -> list[Any]:
    """Wait for all `ids` with the official SDK's asynchronous wait."""
    from dashscope.aigc.video_synthesis import AioVideoSynthesis

    return await asyncio.gather(*(AioVideoSynthesis.wait(each) for each in ids))


# -- wanpoll -----------------------------------------------------------------------------------------------------------


async def by_wanpoll(poller: Poller, ids: Sequence[str]) -> list[Outcome]:
    """Wait for all `ids` with wanpoll."""
    return await poller.wait_all(ids)
