"""The promises that are not a matter of speed: the quota at the server, and the truth under faults.

The simulator counts each request at the moment of its arrival; time runs faster there, the quota's window is shorter
accordingly, and client and server share one event loop, which stalls both alike.
"""

from __future__ import annotations

import asyncio

from benchmarks import measure
from benchmarks.measure import Figure
from wanpoll import Poller
from wanpoll.simulator import FAULTS, Lognormal, Simulator

TASKS = 10_000
SPEED = 50.0
_BURST_EVERY = 150.0  # provider seconds
_BURST = 8.0  # provider seconds of 429
_SHARE = 0.02  # of all answers, for each kind of fault


async def bursts(count: int) -> dict[str, float]:
    """Requests over the quota when `count` tasks wait and 429s come in bursts."""
    async with Simulator(speed=SPEED, seed=11, durations=Lognormal(600.0, 0.3)) as simulator:
        ids = simulator.submit(count)
        async with Poller(simulator.provider(), remember=count) as poller:
            waiting = asyncio.ensure_future(poller.wait_all(ids))
            while not waiting.done():
                await asyncio.wait([waiting], timeout=_BURST_EVERY / SPEED)
                simulator.inject("throttle", _BURST)
            outcomes = waiting.result()
        return _judged(simulator, outcomes)


async def mixed(count: int) -> dict[str, float]:
    """Requests over the quota, and waits that ended wrongly, under a mix of all faults."""
    faults = dict.fromkeys(sorted(set(FAULTS) - {"unauthorized"}), _SHARE)
    async with Simulator(speed=SPEED, seed=12, durations=Lognormal(120.0, 0.5), faults=faults, failed=0.1) as simulator:
        ids = simulator.submit(count)
        async with Poller(simulator.provider(), poll_timeout=0.5) as poller:
            return _judged(simulator, await poller.wait_all(ids))


def _judged(simulator: Simulator, outcomes: list) -> dict[str, float]:
    report = simulator.report()
    return {
        "violations": report.violations,
        "peak": report.peak,
        "requests": report.requests,
        "wrong": sum(outcome.status != simulator.task(outcome.task.id).status for outcome in outcomes),
    }


def figures(quick: bool) -> list[Figure]:
    """Violations and wrong ends; both have to be zero."""
    burst = measure.run(bursts, count=2_000 if quick else TASKS)
    mix = measure.run(mixed, count=200 if quick else 600)
    return [
        _none("requests over the quota, bursts of 429", burst["violations"], burst),
        _none("requests over the quota, all faults", mix["violations"], mix),
        _none("waits that ended wrongly, bursts and faults", burst["wrong"] + mix["wrong"], mix),
    ]


def _none(name: str, count: float, seen: dict[str, float]) -> Figure:
    verdict = "ok" if count == 0 else "NOT REACHED"
    return Figure(name, count, note=f"target 0: {verdict}; {seen['requests']:,} requests, {seen['peak']} in a window")
