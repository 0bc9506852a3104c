"""Handlers that wait: what 500 of them ask of the provider for the same 50 tasks, how late they answer, what they hold.

The server is a process of its own (`benchmarks.apps`); the simulator and the clients, which are bare sockets, are in
another. The simulator is `SPEED` times as fast as life, so its quota of 20 in a second is one of 20 in 50 ms. Lags are
told in provider seconds, from a task's end at the provider to the first byte of the response at the client.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks import measure
from benchmarks.apps import Served, serving
from benchmarks.measure import Figure
from wanpoll.simulator import Constant, Simulator, Uniform

SPEED = 20.0
INTERVAL = 15.0  # provider seconds, as advised
TASKS = 50
HANDLERS = 500
WAITING = 2_000
_FOREVER = 1e9
_MOST_AT_ONCE = 100  # connections being opened


async def _ask(port: int, task_id: str, opening: asyncio.Semaphore) -> bytes:
    """The head of the response to one long poll."""
    async with opening:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /tasks/dashscope/{task_id}?wait=25 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return await reader.readuntil(b"\r\n")
    finally:
        writer.close()


async def answered(kind: str, handlers: int, seed: int) -> dict[str, float]:
    """Requests to the provider and lags, when `handlers` long polls wait for `TASKS` tasks."""
    opening = asyncio.Semaphore(_MOST_AT_ONCE)
    lags: list[float] = []
    async with Simulator(speed=SPEED, seed=seed, durations=Uniform(60.0, 300.0), queue=Constant(0.0)) as simulator:
        with serving(kind, simulator.base_url(), INTERVAL / SPEED, 1.0 / SPEED) as served:
            ids = simulator.submit(TASKS)

            async def poll(task_id: str) -> None:
                head = await _ask(served.port, task_id, opening)
                assert head.startswith(b"HTTP/1.1 200"), head
                lags.append(simulator.now - simulator.task(task_id).ends_at)

            await asyncio.gather(*(poll(ids[number % TASKS]) for number in range(handlers)))
            report = simulator.report()
    told = sum(report.lags) / len(report.lags)
    return {
        "requests": report.requests,
        "violations": report.violations,
        "p50": measure.percentile(lags, 50),
        "p99": measure.percentile(lags, 99),
        "rest": (sum(lags) / len(lags) - told) / SPEED * 1_000,
    }


async def held(kind: str, handlers: int) -> float:
    """Bytes of resident memory for each long poll that waits, its connection included."""
    opening = asyncio.Semaphore(_MOST_AT_ONCE)
    async with Simulator(durations=Constant(_FOREVER), queue=Constant(0.0)) as simulator:
        with serving(kind, simulator.base_url(), 3600.0, 0.01) as served:
            ids = simulator.submit(handlers + 20)
            await _open(served, ids[:20], opening)  # whatever is made once is there
            before = served.resident()
            waiting = await _open(served, ids[20:], opening)
            grown = served.resident() - before
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    return grown / handlers


async def _open(served: Served, ids: list[str], opening: asyncio.Semaphore) -> list[asyncio.Task[Any]]:
    waiting = [asyncio.create_task(_ask(served.port, each, opening)) for each in ids]
    await asyncio.sleep(0.5)
    last = 0
    while (now := served.resident()) != last:  # until all have arrived and were asked about
        last = now
        await asyncio.sleep(0.5)
    return waiting


def figures(quick: bool) -> list[Figure]:
    """Requests and lags against handlers that poll by themselves, and bytes against handlers that do nothing."""
    seeds = range(1 if quick else 3)
    runs = {
        (kind, handlers): [measure.run(answered, kind=kind, handlers=handlers, seed=seed) for seed in seeds]
        for kind, handlers in (("wanpoll", HANDLERS), ("wanpoll", TASKS), ("loops", HANDLERS))
    }
    ours, few, loops = (_medians(each) for each in runs.values())
    count = WAITING // 4 if quick else WAITING
    sizes = {kind: measure.run(held, kind=kind, handlers=count) for kind in ("wanpoll", "loops", "idle")}
    return [
        Figure(
            f"requests of {HANDLERS} handlers / of {TASKS} waits",
            ours["requests"] / few["requests"],
            target=1.1,
            note=f"{ours['requests']:,.0f} for {TASKS} tasks; loops in the handlers: {loops['requests']:,.0f}",
        ),
        Figure("requests over the quota", ours["violations"], target=0.5, note=f"loops: {loops['violations']:,.0f}"),
        Figure("provider's end to response, p50", ours["p50"], "s", loops["p50"], "target: loops in the handlers"),
        Figure("provider's end to response, p99", ours["p99"], "s", loops["p99"], "target: loops in the handlers"),
        Figure("of it from the provider's answer, mean", ours["rest"], "ms", 50.0, f"loops: {loops['rest']:,.1f} ms"),
        Figure(
            "bytes of a handler that waits",
            sizes["wanpoll"],
            "B",
            1.25 * sizes["idle"],
            f"loops {sizes['loops']:,.0f}; one that waits for nothing {sizes['idle']:,.0f}",
        ),
    ]


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: measure.median_of(runs, key) for key in runs[0]}
