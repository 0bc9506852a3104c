"""How long a full garbage collection stops a process in which 100,000 callers wait."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time

from benchmarks import measure, peers
from benchmarks.measure import Figure
from benchmarks.server import FOREVER, task_id
from wanpoll import Poller

TASKS = 100_000
_AN_HOUR = 3600.0
_COLLECTIONS = 7


async def ours(count: int) -> float:
    """Milliseconds of a full collection with `count` callers in `wait_for`."""
    ids = [task_id(FOREVER) for _ in range(count)]
    transport = peers.AtOnce()
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=transport) as poller:
        waiting = [asyncio.create_task(poller.wait_for(each)) for each in ids]
        while transport.asked < count:
            await asyncio.sleep(0.05)
        return await _collected(waiting)


async def sleep_loops(count: int) -> float:
    """Milliseconds of a full collection with `count` sleep loops."""
    waiting = [asyncio.create_task(peers.only_sleeping(_AN_HOUR)) for _ in range(count)]
    await asyncio.sleep(0.2)
    return await _collected(waiting)


async def _collected(waiting: list[asyncio.Task[None]]) -> float:
    gc.collect()
    times = [_one() for _ in range(_COLLECTIONS)]
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return statistics.median(times) * 1e3


def _one() -> float:
    start = time.perf_counter()
    gc.collect()
    return time.perf_counter() - start


def figures(quick: bool) -> list[Figure]:
    """Milliseconds of a pause."""
    count = TASKS // 5 if quick else TASKS
    parts = {
        part.__name__: lambda part=part: {"ms": measure.run(part, count=count) * TASKS / count}
        for part in (ours, sleep_loops)
    }
    results = measure.interleaved(parts, 1 if quick else 3)
    note = f"sleep loops (peer): {measure.median_of(results['sleep_loops'], 'ms'):.0f} ms"
    return [Figure("full collection, 100,000 waiting", measure.median_of(results["ours"], "ms"), "ms", 200, note)]
