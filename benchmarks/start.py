"""How long it takes until 100,000 tasks are followed, and for how long the event loop is blocked at most meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time

from benchmarks import measure, peers
from benchmarks.measure import Figure
from benchmarks.server import FOREVER, task_id
from wanpoll import Poller

TASKS = 100_000
_AN_HOUR = 3600.0


class _Heartbeat:
    """Notices when the event loop is blocked."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now

    def stop(self) -> float:
        self._task.cancel()
        return self.longest * 1e3


async def started(count: int) -> dict[str, float]:
    """Seconds until all tasks are followed; milliseconds of the longest block then, and while all is closed again."""
    tasks = peers.running_tasks(count, spread=1.0)
    poller = Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce())
    async with poller:
        heart, start = _Heartbeat(), time.perf_counter()
        waiting = asyncio.create_task(poller.wait_all(tasks))
        while poller.statistics().tracked < count:
            await asyncio.sleep(0)
        seconds, blocked = time.perf_counter() - start, heart.stop()
        heart = _Heartbeat()
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    return {"seconds": seconds, "blocked": blocked, "blocked_at_end": heart.stop()}


async def polled(count: int) -> dict[str, float]:
    """The same for bare ids: each is asked about at once, too."""
    ids = [task_id(FOREVER) for _ in range(count)]
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce()) as poller:
        heart, start = _Heartbeat(), time.perf_counter()
        waiting = asyncio.create_task(poller.wait_all(ids))
        while poller.statistics().polls < count:
            await asyncio.sleep(0)
        seconds, blocked = time.perf_counter() - start, heart.stop()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    return {"seconds": seconds, "blocked": blocked}


def figures(quick: bool) -> list[Figure]:
    """Seconds and milliseconds."""
    repetitions = 1 if quick else 3
    results = [measure.run(started, count=TASKS) for _ in range(repetitions)]
    asked = [measure.run(polled, count=TASKS) for _ in range(repetitions)]

    def median(key: str) -> float:
        return statistics.median(each[key] for each in results)

    note = f"with a first poll of each, no wire: {statistics.median(each['seconds'] for each in asked):.1f} s"
    blocked = f"with polls: {statistics.median(each['blocked'] for each in asked):.0f} ms"
    return [
        Figure("start of 100,000 waits", median("seconds"), "s", note=note),
        Figure("longest block of the loop meanwhile", median("blocked"), "ms", note=blocked),
        Figure("longest block when they are dropped", median("blocked_at_end"), "ms"),
    ]
