"""Servers whose handlers wait for tasks, each in a process of its own: `serving("wanpoll", base_url, interval)`.

"wanpoll" is the router of `wanpoll.fastapi`; "loops" is the handler that everyone writes first: it asks, sleeps and
asks again by itself, over one session of aiohttp for all; "idle" waits for nothing at all, and shows what uvicorn and
FastAPI hold for an open request. The last two do not see that a client leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import uvicorn
from attrs import frozen
from fastapi import FastAPI

from benchmarks import measure
from wanpoll import Rate
from wanpoll.fastapi import WanPoll
from wanpoll.providers import DashScope

_ENDS = {"SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"}


@frozen
class Served:
    """A running server."""

    port: int
    _process: subprocess.Popen[str]

    def resident(self) -> int:
        """Bytes of memory that it has now."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def serving(kind: str, base_url: str, interval: float, window: float) -> Iterator[Served]:
    """A server of that kind, which asks at `base_url` every `interval` seconds, 20 times in a `window` at the most."""
    command = [sys.executable, "-m", "benchmarks.apps", json.dumps([kind, base_url, interval, window])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Served(int(process.stdout.readline()), process)
        finally:
            process.stdin.close()
            process.wait(timeout=20)


def _wanpoll(base_url: str, interval: float, window: float) -> FastAPI:
    wanpoll = WanPoll(DashScope("sk-bench", base_url=base_url, interval=interval, quota=Rate(20, per=window)))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.router())
    return app


def _loops(base_url: str, interval: float, _: float) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer sk-bench"}) as app.state.session:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/tasks/dashscope/{task_id}")
    async def wait(task_id: str) -> Any:
        while True:
            async with app.state.session.get(f"{base_url}/tasks/{task_id}") as answer:
                if answer.status == 200:
                    document = await answer.json()
                    if document["output"]["task_status"] in _ENDS:
                        return document
            await asyncio.sleep(interval)

    return app


def _idle(*_: Any) -> FastAPI:
    app = FastAPI()

    @app.get("/tasks/dashscope/{task_id}")
    async def wait(task_id: str) -> None:
        await asyncio.Event().wait()

    return app


_KINDS = {"wanpoll": _wanpoll, "loops": _loops, "idle": _idle}


async def _serve(kind: str, *arguments: Any) -> None:
    config = uvicorn.Config(
        _KINDS[kind](*arguments),
        host="127.0.0.1",
        port=0,
        log_level="critical",
        backlog=4096,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(measure.resident(), flush=True)
    server.should_exit = True
    await running


if __name__ == "__main__":
    asyncio.run(_serve(*json.loads(sys.argv[1])))
