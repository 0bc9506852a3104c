"""Schedules on real sockets, side by side with the loops that people write: requests, and how late an end is known.

The simulator stands in the same process and passes time 75 times as fast as life. The lives of the tasks do not depend
on who asks: about fifty run at any time, and the *end* of one submits the next, not the news of it.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, count, islice, repeat
from random import Random
from typing import TypeAlias

import aiohttp
import backoff

from benchmarks import measure
from benchmarks.measure import Figure
from wanpoll import Poller, Rate, Task
from wanpoll.simulator import Simulator

SPEED = 75.0
INTERVAL = 15.0
MEDIAN, SIGMA = 120.0, 0.3
IN_FLIGHT = 50
TASKS = 400
QUOTA = Rate(1_000, per=1.0)
"""One that does not bind; what it would have bound is not the question here."""

Wait: TypeAlias = Callable[[str], Awaitable[None]]
"""Waits for the end of the task with this id."""


def regular() -> Iterator[float]:
    """The advised interval, again and again."""
    return repeat(INTERVAL)


def exponential() -> Iterator[float]:
    """From 1.5 s to a minute, half as long again each time."""
    waits = backoff.expo(base=1.5, factor=1.5, max_value=60)
    next(waits)
    return waits


def sdk() -> Iterator[float]:
    """What the official SDK (dashscope 2.0) sleeps between two questions: doubled every third time, up to 5 s."""
    return islice(chain.from_iterable(repeat(min(2.0**step, 5.0), 3) for step in count()), 1, None)


LOOPS = {"every 15 s": regular, "exponential": exponential, "the SDK's waits": sdk}
OURS = {
    "fixed": ("fixed", False),
    "economy": ("economy", False),
    "fast": ("fast", False),
    "economy, scan": ("economy", True),
}


async def loops(name: str, tasks: int) -> dict[str, float]:
    """A loop for each task, on one session."""
    async with Simulator(speed=SPEED, quota=QUOTA) as simulator, aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer key-of-a-bench"}

        async def wait(task_id: str) -> None:
            for seconds in LOOPS[name]():
                await asyncio.sleep(seconds / SPEED)
                async with session.get(f"{simulator.base_url()}/tasks/{task_id}", headers=headers) as answer:
                    document = await answer.json()
                if document["output"]["task_status"] not in ("PENDING", "RUNNING"):
                    return

        return await _lived(simulator, wait, tasks)


async def ours(name: str, tasks: int) -> dict[str, float]:
    """One poller for all."""
    schedule, scan = OURS[name]
    async with Simulator(speed=SPEED, quota=QUOTA) as simulator:
        provider = simulator.provider(interval=INTERVAL, scan=scan)
        async with Poller(provider, schedule=schedule) as poller:

            async def wait(task_id: str) -> None:
                await poller.wait_for(Task(task_id, submitted_at=datetime.now(UTC)))

            return await _lived(simulator, wait, tasks)


async def _lived(simulator: Simulator, wait: Wait, tasks: int) -> dict[str, float]:
    """Submit `tasks` tasks, one after the other in each of the flights, and wait for all of them."""
    loop, dice = asyncio.get_running_loop(), Random(5)
    durations = iter([MEDIAN * math.exp(SIGMA * dice.gauss(0, 1)) for _ in range(tasks)])
    starts = [dice.uniform(0, 60) for _ in range(IN_FLIGHT)]
    lags: list[float] = []
    waits: list[asyncio.Task[None]] = []

    async def follow(task_id: str, ends_at: float) -> None:
        await wait(task_id)
        lags.append((loop.time() - ends_at) * SPEED)

    async def fly(start: float) -> None:
        at = loop.time() + start / SPEED
        for duration in durations:
            await asyncio.sleep(at - loop.time())
            (task_id,) = simulator.submit(duration=duration)
            at = loop.time() + duration / SPEED
            waits.append(asyncio.ensure_future(follow(task_id, at)))

    await asyncio.gather(*map(fly, starts))
    await asyncio.gather(*waits)
    report = simulator.report()
    return {
        "requests": report.requests / tasks,
        "lag": statistics.fmean(lags),
        "p99": measure.percentile(lags, 99),
        "violations": report.violations,
    }


def figures(quick: bool) -> list[Figure]:
    """Ratios to a loop for each task that asks every 15 s."""
    tasks = TASKS // 4 if quick else TASKS
    seen = {name: measure.run(loops, name=name, tasks=tasks) for name in LOOPS}
    seen |= {name: measure.run(ours, name=name, tasks=tasks) for name in OURS}
    plain = seen["every 15 s"]
    targets = {"economy": (0.70, 1.10), "fast": (1.05, 0.68)}
    reached = []
    for name, each in seen.items():
        requests, lag = targets.get(name, (None, None))
        told = f"{each['requests']:.1f} requests a task"
        reached.append(Figure(f"{name}: requests / loop", each["requests"] / plain["requests"], "", requests, told))
        told = f"{each['lag']:.1f} s, p99 {each['p99']:.0f} s (provider seconds)"
        reached.append(Figure(f"{name}: mean lag / loop", each["lag"] / plain["lag"], "", lag, told))
    broken = sum(each["violations"] for each in seen.values())
    return [*reached, Figure("requests over the quota", broken, "", None)]
