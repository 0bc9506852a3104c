"""What the tests of the simulator share: plain aiohttp clients, no wanpoll."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from wanpoll.simulator import Simulator

KEY = {"Authorization": "Bearer sk-simulated"}
ASYNC = {"X-DashScope-Async": "enable"}


def client(simulator: Simulator, dialect: str = "dashscope") -> aiohttp.ClientSession:
    """A client that asks this simulator in a dialect with a good key, and does not follow redirects by itself."""
    return aiohttp.ClientSession(simulator.base_url(dialect) + "/", headers=KEY)


async def ask(session: aiohttp.ClientSession, path: str, **parameters: Any) -> tuple[int, Any]:
    """Status and document of a GET."""
    async with session.get(path, params=parameters) as response:
        return response.status, json.loads(await response.read())


async def post(session: aiohttp.ClientSession, path: str, **options: Any) -> tuple[int, Any]:
    """Status and document of a POST."""
    async with session.post(path, **options) as response:
        return response.status, json.loads(await response.read())
