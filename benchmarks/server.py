"""The other side: a minimal HTTP server in a process of its own, quick enough never to be the bottleneck.

A task's id says how long it runs: that of `task_id(4.5)` is submitted when it is first asked about, RUNNING for 4.5 s,
then SUCCEEDED with a result of 1.0 kB. Run by `serving()`, or by hand as `python -m benchmarks.server`, which prints
its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

FOREVER = 99_999.0
"""Seconds of a task that no benchmark sees end."""

_RUNNING = (
    '{"request_id":"0f7c1c0e-8d3d-9f0e-b0a6-0a1b2c3d4e5f","output":{"task_id":"%(id)s","task_status":"RUNNING",'
    '"submit_time":"%(begun)s","scheduled_time":"%(begun)s"}}'
)
_SUCCEEDED = (
    '{"request_id":"0f7c1c0e-8d3d-9f0e-b0a6-0a1b2c3d4e5f","output":{"task_id":"%(id)s","task_status":"SUCCEEDED",'
    '"submit_time":"%(begun)s","scheduled_time":"%(begun)s",'
    '"end_time":"%(ended)s","orig_prompt":"Video 2 holds Image 3 and plays a soothing American country '
    "ballad in a coffee shop, while Video 1 smiles, watches Video 2, and slowly walks towards him. "
    + "The light is warm, the camera moves slowly, and rain falls outside. "
    * 4
    + '","video_url":"https://dashscope-a717.oss-accelerate.example.com/1d/cb/20260402/a1b2c3d4/'
    "0f7c1c0e-8d3d-9f0e-b0a6-0a1b2c3d4e5f.mp4?Expires=1775228439&OSSAccessKeyId=example&"
    'Signature=c2lnbmF0dXJlIG9mIGFuIGV4YW1wbGU%%3D"},'
    '"usage":{"duration":15,"input_video_duration":5,"output_video_duration":10,"video_count":1,"SR":720,'
    '"ratio":"16:9"}}'
)
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_SAMPLE = {"id": "x" * 36, "begun": "2026-04-02 22:53:19.537", "ended": "2026-04-02 22:53:19.537"}
_ZONE = timezone(timedelta(hours=8))  # DashScope's
_serials = itertools.count()


def task_id(seconds: float) -> str:
    """A fresh id, as long as a UUID, of a task that runs so long."""
    return f"{seconds * 1000:09.0f}-{next(_serials):015d}-wanpollben"


def _answer(body: str) -> bytes:
    return (_HEAD % len(body % _SAMPLE) + body).encode()


class _Tasks:
    """What was asked about, since when."""

    def __init__(self) -> None:
        self._begun: dict[bytes, float] = {}
        self._running = _answer(_RUNNING)
        self._succeeded = _answer(_SUCCEEDED)

    def answer(self, task: bytes) -> bytes:
        now = time.time()
        begun = self._begun.setdefault(task, now)
        ended = begun + int(task[:9]) / 1000
        if now < ended:
            return self._running % {b"id": task, b"begun": _written(begun)}
        self._begun.pop(task)
        return self._succeeded % {b"id": task, b"begun": _written(begun), b"ended": _written(ended)}


def _written(moment: float) -> bytes:
    return datetime.fromtimestamp(moment, _ZONE).isoformat(" ", "milliseconds")[:23].encode()


class _Connection(asyncio.Protocol):
    """Keep-alive HTTP/1.1, requests without a body."""

    def __init__(self, tasks: _Tasks) -> None:
        self._tasks = tasks
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].partition(b"?")[0].rstrip(b"/")
            self._transport.write(self._tasks.answer(path.rpartition(b"/")[2]))


async def _serve() -> None:
    tasks = _Tasks()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(tasks), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the parent goes


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """A server process; its port."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())
