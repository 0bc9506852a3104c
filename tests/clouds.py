"""A remote that answers by a script: for tests of the poller in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wanpoll import Poller, Rate, Status
from wanpoll.providers import DashScope, Reply, Request
from wanpoll.testing import ScriptedTransport, missed, reply

KEY = "sk-test-key"


def state(task_id: str, word: str = "RUNNING", **output: Any) -> Reply:
    """DashScope's answer about one task."""
    return reply({"request_id": "r", "output": {"task_id": task_id, "task_status": word, **output}})


def done(task_id: str) -> Reply:
    """DashScope's answer about a task that succeeded."""
    return state(task_id, Status.SUCCEEDED, video_url=f"https://media.example/{task_id}.mp4?Signature=s")


def id_of(request: Request) -> str:
    """The task that a request is about."""
    return request.url.removesuffix("/cancel").rsplit("/", 1)[1]


class Cloud:
    """Tasks that run for `seconds[id]` (default `runs`) from the first question on, then end with `words[id]`."""

    def __init__(self, runs: float = 100.0, *, latency: float = 0.05) -> None:
        self.runs = runs
        self.seconds: dict[str, float] = {}
        self.words: dict[str, str] = {}
        self.trouble: dict[str, Callable[[], Any]] = {}
        self.begun: dict[str, float] = {}
        self.transport = ScriptedTransport(self.answer, latency=latency)

    def answer(self, request: Request) -> Any:
        """What the remote says."""
        task_id, now = id_of(request), asyncio.get_running_loop().time()
        if task_id in self.trouble:
            return self.trouble[task_id]()
        begun = self.begun.setdefault(task_id, now)
        if now - begun < self.seconds.get(task_id, self.runs):
            return state(task_id)
        word = self.words.get(task_id, "SUCCEEDED")
        return done(task_id) if word == "SUCCEEDED" else state(task_id, word, code="Odd", message="it did not work")

    def poller(self, *, quota: Rate | None = None, interval: float = 15.0, **options: Any) -> Poller:
        """A poller that asks this remote."""
        provider = DashScope(KEY, quota=quota or Rate(1000), interval=interval)
        return Poller(provider, transport=self.transport, **options)

    def asked(self, task_id: str) -> int:
        """How many questions were about a task."""
        return sum(id_of(request) == task_id for _, request in self.transport.asked)


def broken_connection() -> Any:
    """What the transport says of a connection that broke."""
    return missed("disconnected")
