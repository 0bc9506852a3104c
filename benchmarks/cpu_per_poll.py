"""Client CPU of one poll, beside a bare GET of the same answer over the same session settings.

Both keep 100 questions under way all the time (wanpoll by a short interval, the bare client by 100 workers), so that
neither waits and all CPU is that of questions.
"""

from __future__ import annotations

import asyncio

from benchmarks import measure
from benchmarks.measure import Cpu, Figure
from benchmarks.peers import bare_gets, base_url, dashscope, session_like_ours
from benchmarks.server import FOREVER, serving, task_id
from wanpoll import Poller

TASKS = 2_000
AT_ONCE = 100
_WARM_UP = 2_000  # requests


async def ours(port: int, polls: int) -> dict[str, float]:
    """CPU microseconds of a poll by wanpoll."""
    async with Poller(dashscope(port, interval=0.01), max_in_flight=AT_ONCE) as poller:
        for _ in range(TASKS):
            await poller.track(task_id(FOREVER))
        await _polled(poller, _WARM_UP)
        with Cpu() as cpu:
            before = poller.statistics().polls
            done = await _polled(poller, before + polls) - before
    return {"cpu": cpu.seconds / done * 1e6}


async def _polled(poller: Poller, polls: int) -> int:
    while (done := poller.statistics().polls) < polls:
        await asyncio.sleep(0.02)
    return done


async def bare(port: int, polls: int) -> dict[str, float]:
    """CPU microseconds of a GET by aiohttp alone."""
    urls = [f"{base_url(port)}/tasks/{task_id(FOREVER)}" for _ in range(TASKS)]
    async with session_like_ours(port) as session:
        await bare_gets(session, urls, AT_ONCE)
        with Cpu() as cpu:
            for _ in range(polls // TASKS):
                await bare_gets(session, urls, AT_ONCE)
    return {"cpu": cpu.seconds / polls * 1e6}


def figures(quick: bool) -> list[Figure]:
    """CPU per poll as a ratio."""
    polls, repetitions = (6_000, 3) if quick else (20_000, 7)
    with serving() as port:
        parts = {
            "ours": lambda: measure.run(ours, port=port, polls=polls),
            "bare": lambda: measure.run(bare, port=port, polls=polls),
        }
        results = measure.interleaved(parts, repetitions)
    costs = {name: measure.median_of(result, "cpu") for name, result in results.items()}
    note = f"{costs['ours']:.0f} us a poll, {costs['bare']:.0f} us a bare GET"
    return [Figure("CPU of a poll / bare GET", measure.median_ratio(**_pair(results), key="cpu"), "", 1.15, note)]


def _pair(results: dict[str, list[dict[str, float]]]) -> dict[str, list[dict[str, float]]]:
    return {"ours": results["ours"], "theirs": results["bare"]}
