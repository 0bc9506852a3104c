"""A server whose every byte the test decides, and a seeded proxy that breaks what passes through it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from attrs import define, field, frozen

from wanpoll import Rate
from wanpoll.providers import DashScope

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
GATEWAY_PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


@frozen
class Asked:
    """One request as it came: `connection` counts from 1, `names` are the header names as sent."""

    connection: int
    method: str
    target: str
    headers: Mapping[str, str]
    head: bytes = field(repr=False)

    @property
    def task_id(self) -> str:
        """The id in a poll's path, as sent."""
        return self.target.rsplit("/", 1)[1]


@define
class Line:
    """The connection that a request came on. A `play` writes to it what it likes, and ends it when it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send `data`. Raises `ConnectionError` once the client has gone."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except RuntimeError as error:  # uvloop's word for it
            raise ConnectionResetError from error

    def close(self) -> None:
        """End the connection in an orderly way."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection by a TCP reset; what the client has not read yet is lost."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has gone."""
        while await self.reader.read(65_536):
            pass


Play = Callable[[Asked, Line], Awaitable[None]]


class RawServer:
    """Reads requests on loopback and lets `play` answer each. `asked` and `connections` tell what came."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._tasks: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self.errors: list[Exception] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._tasks.values():
            writer.transport.abort()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=1)
            assert not late, "a play did not notice that its client has gone"
        if self.errors:
            raise self.errors[0]

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    def provider(self, key: str = "sk-test-key", *, interval: float = 0.05, **options: Any) -> DashScope:
        """A provider that asks this server."""
        options.setdefault("quota", Rate(1000))
        options.setdefault("base_url", f"{self.url}/api/v1")
        return DashScope(key, interval=interval, **options)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = writer
        self.connections += 1
        try:
            await self._serve(self.connections, Line(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        except Exception as error:
            self.errors.append(error)
        finally:
            del self._tasks[task]
            writer.close()

    async def _serve(self, connection: int, line: Line) -> None:
        while not line.writer.is_closing():
            head = await line.reader.readuntil(b"\r\n\r\n")
            asked = _parsed(connection, head)
            await line.reader.readexactly(int(asked.headers.get("content-length", 0)))
            self.asked.append(asked)
            await self._play(asked, line)


def _parsed(connection: int, head: bytes) -> Asked:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest if each)}
    return Asked(connection, method, target, headers, head)


def http(body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer. `headers` come on top of, or in place of, type and length."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode("latin-1", "surrogateescape") + body


def says(*answers: bytes | Play) -> Play:
    """The n-th request gets the n-th answer; the last answer stays. Bytes are sent as they are."""
    left = list(answers)

    async def play(asked: Asked, line: Line) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, bytes):
            await line.write(answer)
        else:
            await answer(asked, line)

    return play


# -- the proxy ---------------------------------------------------------------------------------------------------------

FAULTS = ("delay", "reset", "half-close", "slices", "black hole", "html")
"""What the proxy can do to an answer."""


class FaultProxy(RawServer):
    """Stands before the server at `port`. Each answer meets one of `faults` with the given `chance`; seeded."""

    def __init__(self, port: int, *, faults: Sequence[str] = FAULTS, chance: float = 0.5, seed: int = 0) -> None:
        super().__init__(self._pass_on)
        self._upstream = port
        self._faults = faults
        self._chance = chance
        self._dice = random.Random(f"{seed}/proxy")
        self.played: list[str] = []

    async def _pass_on(self, asked: Asked, line: Line) -> None:
        fault = self._dice.choice(self._faults) if self._dice.random() < self._chance else "none"
        share = self._dice.random()
        self.played.append(fault)
        if fault == "html":
            await line.write(http(GATEWAY_PAGE, 502, {"Content-Type": "text/html"}))
        elif fault == "black hole":
            await line.gone()
            line.close()
        else:
            answer = await self._true_answer(asked)
            await self._damage(fault, answer, int(share * len(answer)), line)

    async def _damage(self, fault: str, answer: bytes, cut: int, line: Line) -> None:
        if fault == "reset":
            await line.write(answer[:cut])
            line.reset()
        elif fault == "half-close":
            await line.write(answer[:cut])
            line.writer.write_eof()
            await line.gone()
            line.close()
        elif fault == "slices":
            for at in range(len(answer)):
                await line.write(answer[at : at + 1])
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.02 if fault == "delay" else 0)
            await line.write(answer)

    async def _true_answer(self, asked: Asked) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            writer.write(asked.head)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            return head + await reader.readexactly(int(length.split(b":")[1]))
        finally:
            writer.close()
