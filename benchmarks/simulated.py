"""The simulator in a process of its own, so that its CPU is not the client's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any

from attrs import frozen

from wanpoll import Rate
from wanpoll.simulator import Simulator, Uniform


@frozen
class Simulated:
    """A running simulator: where it listens, and the tasks that were submitted as it began."""

    base_url: str
    ids: list[str]
    _process: subprocess.Popen[str]

    def report(self) -> dict[str, Any]:
        """What it saw up to now: requests, violations, and the lags in provider seconds."""
        _pipe(self._process.stdin).write("report\n")
        _pipe(self._process.stdin).flush()
        document: dict[str, Any] = json.loads(_pipe(self._process.stdout).readline())
        return document


@contextlib.contextmanager
def simulating(dialect: str, count: int, speed: float, shortest: float, longest: float) -> Iterator[Simulated]:
    """A simulator with `count` tasks that take from `shortest` to `longest` provider seconds."""
    command = [sys.executable, "-m", "benchmarks.simulated", json.dumps([dialect, count, speed, shortest, longest])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Simulated(*json.loads(_pipe(process.stdout).readline()), process)
        finally:
            _pipe(process.stdin).close()
            process.wait(timeout=10)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream
    return stream


async def _serve(dialect: str, count: int, speed: float, shortest: float, longest: float) -> None:
    durations = Uniform(shortest, longest)
    async with Simulator(speed=speed, durations=durations, quota=Rate(100_000, per=1.0)) as simulator:
        print(json.dumps([simulator.base_url(dialect), simulator.submit(count, dialect=dialect)]), flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            report = simulator.report(dialect)
            told = {"requests": report.requests, "violations": report.violations, "lags": report.lags}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(*json.loads(sys.argv[1])))
