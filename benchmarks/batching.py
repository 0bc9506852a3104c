"""Ten thousand tasks at a system that answers for fifty at once, asked about together and one by one.

Real sockets, the simulator in a process of its own, and no quota that anybody would notice.
"""

from __future__ import annotations

from typing import ClassVar

from benchmarks import measure, peers
from benchmarks.measure import Cpu, Figure
from benchmarks.simulated import simulating
from wanpoll import Poller
from wanpoll.providers import AceData

TASKS = 10_000
SPEED = 3.0
INTERVAL = 15.0
_SHORTEST, _LONGEST = 30.0, 90.0  # provider seconds


class OneByOne(AceData):
    """The same system, without batches."""

    max_batch: ClassVar[int] = 1


async def together(count: int) -> dict[str, float]:
    """Requests, lag and CPU with batches."""
    return await _measured(AceData, count)


async def one_by_one(count: int) -> dict[str, float]:
    """Requests, lag and CPU without."""
    return await _measured(OneByOne, count)


async def _measured(kind: type[AceData], count: int) -> dict[str, float]:
    with simulating("acedata", count, SPEED, _SHORTEST, _LONGEST) as simulated:
        provider = kind(peers.KEY, base_url=simulated.base_url, interval=INTERVAL / SPEED, quota=peers.QUOTA)
        async with Poller(provider) as poller:
            with Cpu() as cpu:
                outcomes = await poller.wait_all(simulated.ids)
        report = simulated.report()
    assert all(outcome.ok for outcome in outcomes)
    return {
        "requests": report["requests"],
        "lag": sum(report["lags"]) / len(report["lags"]),
        "p99": measure.percentile(report["lags"], 99),
        "cpu": cpu.seconds,
    }


def figures(quick: bool) -> list[Figure]:
    """Ratios, batches to single questions."""
    count = TASKS // 5 if quick else TASKS
    parts = {part.__name__: lambda part=part: measure.run(part, count=count) for part in (together, one_by_one)}
    results = measure.interleaved(parts, 1 if quick else 3)
    ours, single = results["together"], results["one_by_one"]
    return [
        _ratio("requests in batches / one by one", ours, single, "requests", "", 1 / 30),
        _ratio("mean lag in batches / one by one", ours, single, "lag", " s", 1.0),
        _ratio("p99 lag in batches / one by one", ours, single, "p99", " s", None),
        _ratio("CPU in batches / one by one", ours, single, "cpu", " s", None),
    ]


def _ratio(
    name: str,
    ours: list[dict[str, float]],
    single: list[dict[str, float]],
    key: str,
    unit: str,
    target: float | None,
) -> Figure:
    note = f"{measure.median_of(ours, key):,.4g}{unit} against {measure.median_of(single, key):,.5g}{unit}"
    return Figure(name, measure.median_ratio(ours, single, key), "", target, note)
