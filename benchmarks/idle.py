"""CPU of a poller that has nothing to do: 100,000 tasks, none due for an hour."""

from __future__ import annotations

import asyncio
import importlib.util
import time

from benchmarks import measure, peers
from benchmarks.measure import Cpu, Figure
from wanpoll import Poller

TASKS = 100_000
_AN_HOUR = 3600.0


async def idle(count: int, seconds: float) -> float:
    """Percent of a core that is used while nothing is due."""
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce()) as poller:
        for task in peers.running_tasks(count, spread=1.0):
            await poller.track(task)
        await asyncio.sleep(0.2)
        start = time.perf_counter()
        with Cpu() as cpu:
            await asyncio.sleep(seconds)
        return 100 * cpu.seconds / (time.perf_counter() - start)


def figures(quick: bool) -> list[Figure]:
    """Percent of a core, on each event loop."""
    seconds = 2.0 if quick else 8.0
    loops = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]
    return [
        Figure(
            f"idle with 100,000 tasks, {loop}",
            measure.run(idle, count=TASKS, seconds=seconds, uvloop=loop == "uvloop"),
            "% of a core",
            1.0,
        )
        for loop in loops
    ]
