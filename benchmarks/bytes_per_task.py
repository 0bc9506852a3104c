"""Memory of a task that is waited for, with 100,000 of them.

Every task has been asked about once (over a transport without a wire) and waits for its next poll, an hour away. Ids
are made before. Measured as the growth of Python's own allocations (tracemalloc) and of resident memory, in two runs.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks import measure, peers
from benchmarks.measure import Figure
from benchmarks.server import FOREVER, task_id
from wanpoll import Poller

TASKS = 100_000
_AN_HOUR = 3600.0


async def tracked(count: int, traced: bool) -> float:
    """Bytes of a task that is followed and that nobody waits for."""
    ids = _ids(count)
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce()) as poller:
        size = _Size(traced)
        for each in ids:
            await poller.track(each)
        await _all_asked(poller, count)
        return size.growth() / count


async def in_wait_all(count: int, traced: bool) -> float:
    """Bytes of a task that one `wait_all` waits for, with all others."""
    ids = _ids(count)
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce()) as poller:
        size = _Size(traced)
        waiting = asyncio.create_task(poller.wait_all(ids))
        await _all_asked(poller, count)
        grown = size.growth() / count
        await _ended([waiting])
    return grown


async def with_callers(count: int, traced: bool) -> float:
    """Bytes of a task with a caller in `wait_for`, the caller's own asyncio task included."""
    ids = _ids(count)
    async with Poller(peers.dashscope(interval=_AN_HOUR), transport=peers.AtOnce()) as poller:
        size = _Size(traced)
        waiting = [asyncio.create_task(poller.wait_for(each)) for each in ids]
        await _all_asked(poller, count)
        grown = size.growth() / count
        await _ended(waiting)
    return grown


async def sleep_loops(count: int, traced: bool) -> float:
    """Bytes of an asyncio task that sleeps between polls, its questions left out."""
    size = _Size(traced)
    waiting = [asyncio.create_task(peers.only_sleeping(_AN_HOUR)) for _ in range(count)]
    await asyncio.sleep(0.2)
    grown = size.growth() / count
    await _ended(waiting)
    return grown


class _Size:
    """Growth of memory since it was made."""

    def __init__(self, traced: bool) -> None:
        gc.collect()
        if traced:
            tracemalloc.start()
        self._now: Callable[[], int] = (lambda: tracemalloc.get_traced_memory()[0]) if traced else measure.resident
        self._before = self._now()

    def growth(self) -> int:
        gc.collect()
        return self._now() - self._before


def _ids(count: int) -> list[str]:
    return [task_id(FOREVER) for _ in range(count)]


async def _all_asked(poller: Poller, count: int) -> None:
    while (now := poller.statistics()).polls < count or any(each.in_flight for each in now.accounts.values()):
        await asyncio.sleep(0.05)


async def _ended(waiting: list[asyncio.Task[Any]]) -> None:
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def figures(quick: bool) -> list[Figure]:
    """Bytes for each way of waiting."""
    count = TASKS // 5 if quick else TASKS
    kinds = (
        ("bytes of a task, tracked", tracked, 550),
        ("bytes of a task, in wait_all", in_wait_all, 700),
        ("bytes of a task, create_task(wait_for)", with_callers, 1_700),
        ("bytes of a sleep loop (peer)", sleep_loops, None),
    )
    return [_figure(name, part, target, count) for name, part, target in kinds]


def _figure(name: str, part: Any, target: float | None, count: int) -> Figure:
    objects, resident = (measure.run(part, count=count, traced=traced) for traced in (True, False))
    return Figure(name, objects, "B", target, f"resident: {resident:,.0f} B")
