"""What the tests of the command line share: the real command, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import attrs

from wanpoll.simulator import Simulator

ROOT = Path(__file__).parents[2]
CANARY = "sk-canary-key-that-must-not-sing"
COMMAND = (sys.executable, "-m", "wanpoll")


@attrs.frozen
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def marked(self) -> list[str]:
        """The lines of stderr that are skipped when it is fed back."""
        return [line for line in self.err.splitlines() if line.startswith("#")]

    @property
    def unmarked(self) -> list[str]:
        """The lines of stderr that are not."""
        return [line for line in self.err.splitlines() if not line.startswith("#")]


def environment(simulator: Simulator | None = None, **more: str | None) -> dict[str, str]:
    """The environment of a command: a canary for a key, and the simulator for DashScope."""
    variables: Mapping[str, str | None] = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DASHSCOPE_API_KEY": CANARY,
        "DASHSCOPE_HTTP_BASE_URL": None if simulator is None else simulator.base_url(),
        **more,
    }
    return {name: value for name, value in variables.items() if value is not None}


@asynccontextmanager
async def started(*words: str, env: Mapping[str, str], stdout: int = -1) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs. It is killed if the test leaves it behind."""
    process = await asyncio.create_subprocess_exec(*words, env=env, stdin=-1, stdout=stdout, stderr=-1)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process, stdin: str = "") -> Ran:
    """How a command that runs comes to its end. No command ever shows a key or a traceback."""
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    ran = Ran(await process.wait(), (out or b"").decode(), err.decode())
    assert CANARY not in ran.out + ran.err
    assert "Signature=" not in ran.err
    assert "Traceback" not in ran.err
    assert "Exception ignored" not in ran.err
    return ran


async def wanpoll(*arguments: str, simulator: Simulator | None = None, stdin: str = "", **variables: str | None) -> Ran:
    """Run `wanpoll` with these arguments to its end."""
    async with started(*COMMAND, *arguments, env=environment(simulator, **variables)) as process:
        return await ended(process, stdin)


async def wait(simulator: Simulator, *arguments: str, stdin: str = "") -> Ran:
    """Run `wanpoll wait` at the pace of the simulator."""
    return await wanpoll("wait", *pace(simulator), *arguments, simulator=simulator, stdin=stdin)


def pace(simulator: Simulator) -> tuple[str, ...]:
    """The advised interval, in the client's time."""
    return "--interval", str(15.0 / simulator.speed)


async def cancel(simulator: Simulator, task_id: str) -> None:
    """End a task that is PENDING."""
    url = f"{simulator.base_url()}/tasks/{task_id}/cancel"
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer sk-another"}) as session,
        session.post(url) as response,
    ):
        assert response.status == 200
