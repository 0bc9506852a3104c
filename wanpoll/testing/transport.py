"""A transport that answers by a function, and the answers that it may give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from wanpoll._core.readings import Missed
from wanpoll.exceptions import TransportError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply, Request

Answer: TypeAlias = Reply | Missed
Script: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]


def reply(document: Any, status: int = 200, *, retry_after: float | None = None) -> Reply:
    """An answer with `document` as its JSON body; bytes are sent as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, body, received_at=1_750_000_000.0, retry_after=retry_after)


def missed(kind: str = "disconnected", provider: str = "dashscope") -> Missed:
    """No answer: what the transport says of a connection that broke."""
    return Missed(TransportError(provider, kind))


class ScriptedTransport:
    """Answers questions by a function, after `latency` seconds, and keeps a record of them.

    `script` gets each `Request` and returns a `Reply` or `Missed`, or an awaitable of one.
    `asked` lists (time, request); `most_under_way` is the highest number of questions at once.
    """

    def __init__(self, script: Script, *, latency: float = 0.05) -> None:
        self._script = script
        self._latency = latency
        self._under_way = 0
        self.most_under_way: int = 0
        self.asked: list[tuple[float, Request]] = []
        self.closed: bool = False

    async def send(self, provider: Provider, request: Request) -> Answer:
        """Ask the script."""
        self.asked.append((asyncio.get_running_loop().time(), request))
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            await asyncio.sleep(self._latency)
            said = self._script(request)
            return said if isinstance(said, Reply | Missed) else await said
        finally:
            self._under_way -= 1

    async def aclose(self) -> None:
        """Note that the transport was closed."""
        self.closed = True

    def times(self) -> list[float]:
        """When questions were asked."""
        return [at for at, _ in self.asked]
