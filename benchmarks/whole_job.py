"""A whole job: 2,000 tasks that take five polls each at a regular interval, and begin together.

Client CPU and peak memory, beside loops and beside the official SDK.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from benchmarks import measure, peers
from benchmarks.measure import Cpu, Figure
from benchmarks.server import serving, task_id
from wanpoll import Poller

TASKS = 2_000
INTERVAL = 1.0
MEDIAN, SIGMA = 3.7, 0.4
"""Of the durations, in seconds, lognormal: five polls of a regular loop on average."""

MEGABYTE = 1e6

Job = Callable[[], Awaitable[list[Any]]]


async def ours(port: int, traced: bool) -> dict[str, float]:
    """The job by wanpoll."""
    ids = _ids()
    async with Poller(peers.dashscope(port, interval=INTERVAL)) as poller:
        await poller.wait_for(task_id(0))
        return await _measured(lambda: peers.by_wanpoll(poller, ids), traced)


async def loops(port: int, traced: bool) -> dict[str, float]:
    """The job by one aiohttp loop for each task, default session."""
    ids = _ids()
    async with aiohttp.ClientSession() as session:
        await peers.by_loops(session, port, [task_id(0)], INTERVAL)
        return await _measured(lambda: peers.by_loops(session, port, ids, INTERVAL), traced)


async def sdk(port: int, traced: bool) -> dict[str, float]:
    """The job by the official SDK's asynchronous wait, whose sleeps grow from 1 s by themselves."""
    from dashscope.api_entities.aio_session import close_shared_aio_session

    ids = _ids()
    peers.point_sdk_at(port)
    await peers.by_sdk([task_id(0)])
    measured = await _measured(lambda: peers.by_sdk(ids), traced)
    await close_shared_aio_session()
    return measured


def _ids() -> list[str]:
    draws = random.Random(7)
    return [task_id(draws.lognormvariate(math.log(MEDIAN), SIGMA)) for _ in range(TASKS)]


async def _measured(job: Job, traced: bool) -> dict[str, float]:
    return await (_traced(job) if traced else _timed(job))


async def _timed(job: Job) -> dict[str, float]:
    await asyncio.sleep(0.05)
    gc.collect()
    measure.forget_peak()
    before, start = measure.resident(), time.perf_counter()
    with Cpu() as cpu:
        results = await job()
    assert len(results) == TASKS
    return {
        "cpu": cpu.seconds / TASKS * 1e6,
        "resident": (measure.peak_resident() - before) / MEGABYTE,
        "wall": time.perf_counter() - start,
    }


async def _traced(job: Job) -> dict[str, float]:
    gc.collect()
    tracemalloc.start()
    results = await job()
    kept, peak = tracemalloc.get_traced_memory()
    assert len(results) == TASKS
    return {"kept": kept / MEGABYTE, "peak": peak / MEGABYTE}


def figures(quick: bool) -> list[Figure]:
    """CPU and memory as ratios."""
    with serving() as port:
        timed = _results(port, 1 if quick else 5, traced=False)
        traced = _results(port, 1, traced=True)
    return [*_cpu(timed), *_memory("peak resident", timed, "resident"), *_memory("peak of objects", traced, "peak")]


def _results(port: int, repetitions: int, *, traced: bool) -> dict[str, list[Any]]:
    parts = {
        part.__name__: lambda part=part: measure.run(part, port=port, traced=traced) for part in (ours, loops, sdk)
    }
    return measure.interleaved(parts, repetitions)


def _cpu(results: dict[str, list[Any]]) -> list[Figure]:
    costs = {name: measure.median_of(result, "cpu") for name, result in results.items()}
    note = "us a task: " + ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items())
    return [
        Figure(
            "CPU of the job / loops", measure.median_ratio(results["ours"], results["loops"], "cpu"), "", 0.95, note
        ),
        Figure("CPU of the job / official SDK", measure.median_ratio(results["ours"], results["sdk"], "cpu"), "", 0.3),
    ]


def _memory(name: str, results: dict[str, list[Any]], key: str) -> list[Figure]:
    sizes = {name: measure.median_of(result, key) for name, result in results.items()}
    note = "MB: " + ", ".join(f"{name} {size:.1f}" for name, size in sizes.items())
    return [Figure(f"memory of the job ({name}) / loops", sizes["ours"] / sizes["loops"], "", 0.4, note)]
