"""Apps on a real uvicorn, in the test's own event loop, and a client that reads server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import uvicorn
from attrs import frozen
from fastapi import FastAPI

from tests.clouds import Cloud
from wanpoll import Rate
from wanpoll.fastapi import EXCEPTION_HANDLERS, WanPoll
from wanpoll.providers import DashScope, Provider

TASK = "/tasks/dashscope/a-task"
PROBLEM = "application/problem+json"


def cloud_wanpoll(cloud: Cloud, *, interval: float = 0.02, **options: Any) -> WanPoll:
    """A `WanPoll` that asks a scripted remote, often."""
    return WanPoll(quick(interval), transport=cloud.transport, **options)


def quick(interval: float = 0.02, **options: Any) -> Provider:
    """A provider that may be asked often."""
    return DashScope("sk-test-key", quota=Rate(10_000), interval=interval, **options)


def app_of(wanpoll: WanPoll, **options: Any) -> FastAPI:
    """An app with all routes of `wanpoll`."""
    app = FastAPI(lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)
    app.include_router(wanpoll.router(**options))
    return app


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Runs `app` under uvicorn on loopback; the URL."""
    settings = {"log_level": "critical", "lifespan": "on", "timeout_graceful_shutdown": 1, **options}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, backlog=4096, **settings))
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.001)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@contextlib.asynccontextmanager
async def client_of(app: Any, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of `app`, which runs meanwhile."""
    async with serving(app, **options) as url, session(url) as client:
        yield client


def session(url: str) -> aiohttp.ClientSession:
    """A client with as many connections as it likes."""
    return aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0))


@frozen
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


async def events(response: aiohttp.ClientResponse, *, comments: bool = False) -> AsyncIterator[Event]:
    """The events of a stream, and its comments where asked for."""
    fields: dict[str, str] = {}
    async for line in response.content:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key and value:
            fields[key] = value
        elif "data" in fields:
            yield Event(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        elif comments and line.startswith(b":"):
            yield Event("comment", "", line[1:].strip().decode())
        elif not key:
            fields = {}


async def status_of(request: Any) -> int:
    """The status of an answer, its body read."""
    response = await request
    await response.read()
    status: int = response.status
    return status
