"""SIGTERM and reload, under uvicorn in processes of its own: whoever waits is answered in under a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI

from tests.clouds import Cloud
from tests.fastapi_apps import cloud_wanpoll, events, session
from tests.waiting import until
from wanpoll.fastapi._signals import SignalWatch
from wanpoll.simulator import Simulator

ROOT = Path(__file__).parent.parent
APP = "wanpoll.examples.service:app"
POLLS, STREAMS = 30, 10


@contextlib.asynccontextmanager
async def uvicorn(simulator: Simulator, *options: str, cwd: Path = ROOT) -> AsyncIterator[tuple[Any, str]]:
    """The service of the README under uvicorn; its process and URL."""
    names = {"DASHSCOPE_HTTP_BASE_URL": simulator.base_url(), "DASHSCOPE_API_KEY": "sk-x", "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", APP, "--port", "0", *options),
        env={**os.environ, **names},
        cwd=cwd,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    lines, listening, ready = [], "", 0
    workers = int(options[options.index("--workers") + 1]) if "--workers" in options else 1
    async with asyncio.timeout(20):
        while not listening or ready < workers:
            line = (await process.stderr.readline()).decode()
            assert line, "".join(lines)
            lines.append(line)
            listening = (re.findall(r"running on (http://\S+)", line) or [listening])[0]
            ready += "startup complete" in line
        while not await listens(listening):  # which a supervised process does a moment after it said so
            await asyncio.sleep(0.01)
    rest = asyncio.ensure_future(process.stderr.read())
    try:
        yield process, listening
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        log = "".join(lines) + (await rest).decode()
        assert "Traceback" not in log, log


async def listens(url: str) -> bool:
    """Whether somebody accepts connections there."""
    host, port = url.removeprefix("http://").split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def waiting(client: aiohttp.ClientSession, simulator: Simulator) -> list[asyncio.Future[tuple[int, str, float]]]:
    """Long polls, handlers of the app that wait, and streams, all under way."""
    begun = asyncio.Semaphore(0)

    async def poll(path: str) -> tuple[int, str, float]:
        begun.release()
        async with client.get(path) as response:
            return response.status, await response.text(), time.monotonic()

    async def stream(path: str) -> tuple[int, str, float]:
        async with client.get(path) as response:
            begun.release()
            names = [event.name async for event in events(response)]
            return response.status, " ".join(names), time.monotonic()

    ids = simulator.submit(POLLS, duration=1e6)
    polls = [
        poll(f"/tasks/dashscope/{each}?wait=25" if index % 2 else f"/videos/{each}") for index, each in enumerate(ids)
    ]
    streams = [stream(f"/tasks/dashscope/{each}/events") for each in ids[:STREAMS]]
    running = [asyncio.ensure_future(each) for each in (*polls, *streams)]
    for _ in running:
        await begun.acquire()
    await until(lambda: simulator.report().requests >= POLLS)  # each has arrived, and its task was asked about
    assert not any(each.done() for each in running)
    return running


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--loop", "uvloop", "--http", "httptools")], ids=" ".join)
async def test_a_server_that_is_told_to_stop_answers_those_who_wait(options: tuple[str, ...]) -> None:
    """Long polls 202 and streams whole, so both come back by themselves; handlers of the app 503. Then it stops."""
    async with Simulator(speed=10) as simulator, uvicorn(simulator, *options) as (process, url), session(url) as client:
        running = await waiting(client, simulator)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*running)
            await process.wait()
        stopped = time.monotonic()

    assert max(at for _, _, at in answers) - told < 1.0
    assert stopped - told < 3.0
    assert [status for status, _, _ in answers] == [503, 202] * (POLLS // 2) + [200] * STREAMS
    assert all("problem" not in text for _, text, _ in answers[POLLS:])
    assert "urn:wanpoll:problem:poller-closed" in answers[0][1]


async def test_a_reload_answers_those_who_wait(tmp_path: Path) -> None:
    """The next server then has the same tasks."""
    (tmp_path / "watched.py").write_text("")
    reload = ("--reload", "--reload-dir", str(tmp_path))
    async with Simulator(speed=10) as simulator, uvicorn(simulator, *reload) as (_, url), session(url) as client:
        running = await waiting(client, simulator)
        (tmp_path / "watched.py").write_text("# changed")
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*running)
        first, last = min(at for _, _, at in answers), max(at for _, _, at in answers)

    assert last - first < 1.0
    assert [status for status, _, _ in answers] == [503, 202] * (POLLS // 2) + [200] * STREAMS


@contextlib.contextmanager
def handled(number: int, handler: Any) -> Any:
    """A handler of somebody else's, for a while."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


async def test_handlers_of_others_are_called_and_put_back() -> None:
    """Signals reach whoever was there before; the poller of the app lives on until its lifespan ends."""
    seen: list[int] = []

    def theirs(number: int, frame: Any) -> None:
        seen.append(number)

    wanpoll = cloud_wanpoll(Cloud())
    with handled(signal.SIGTERM, theirs), handled(signal.SIGINT, signal.default_int_handler):
        one, other = FastAPI(), FastAPI()
        async with wanpoll.lifespan(one), wanpoll.lifespan(other):
            (room,) = wanpoll._rooms.values()
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            assert room.is_stopping(one)
            assert room.is_stopping(other)
            assert seen == [signal.SIGTERM]
            await wanpoll.poller.track("a-task")
        assert signal.getsignal(signal.SIGTERM) is theirs


async def test_a_wrapper_around_ours_stays() -> None:
    """What others installed meanwhile is theirs to take away; through us it still reaches who was there before."""
    seen: list[str] = []
    told: list[str] = []
    watch = SignalWatch(lambda: told.append("stopping"))
    with handled(signal.SIGTERM, lambda number, frame: seen.append("first")):
        watch.start()
        ours = signal.getsignal(signal.SIGTERM)

        def wrapper(number: int, frame: Any) -> None:
            seen.append("wrapper")
            ours(number, frame)

        signal.signal(signal.SIGTERM, wrapper)
        watch.stop()
        assert signal.getsignal(signal.SIGTERM) is wrapper
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)

    assert seen == ["wrapper", "first"]
    assert not told


async def test_where_there_are_no_signals_nothing_is_watched() -> None:
    """A server in a thread is stopped by its own means, and calls `drain`."""
    with handled(signal.SIGTERM, lambda number, frame: None):
        before = signal.getsignal(signal.SIGTERM)
        watch = SignalWatch(lambda: None)
        await asyncio.to_thread(watch.start)
        assert signal.getsignal(signal.SIGTERM) is before
        watch.stop()
