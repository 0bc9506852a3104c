"""The schedule: the real core in virtual time, on workloads drawn at random, beside a fixed interval of 15 s.

The figures are those that the schedule is to reach. `python -m benchmarks.schedule` is the tool behind them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from attrs import evolve

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.schedule import load
from benchmarks.schedule.hidden import random_workloads
from benchmarks.schedule.scores import Result, Score, measured
from benchmarks.schedule.workloads import Workload, scaled, step

SEED = 4
HIDDEN = 36
FACTORS = {"x 2.5": 2.5, "/ 2.5": 1 / 2.5}
_BASES = ((60.0, 0.2), (120.0, 0.3), (200.0, 0.5))
_SEEDS = 2
_LEARNED = ("economy", "fast")


def figures(quick: bool) -> list[Figure]:
    """All that the schedule is to reach."""
    return [*_hidden(12 if quick else HIDDEN), *_steps(1 if quick else _SEEDS), *_quota(quick), *_costs(quick)]


# -- requests and lags -------------------------------------------------------------------------------------------------


def _hidden(count: int) -> list[Figure]:
    rows = [measured(workload, _LEARNED) for workload in random_workloads(SEED, count)]
    economy, fast = ([row[column] for row in rows] for column in range(2))
    long, short = ([each for each in economy if each.workload.family == family] for family in ("long-queue", "queue"))
    return [
        _median("economy: requests / fixed, median", economy, _requests, 0.70),
        _median("economy: mean lag / fixed, median", economy, _lag, 1.05),
        _worst("economy: requests / fixed, worst", economy, _requests, 1.10),
        _worst("economy: mean lag / fixed, worst", economy, _lag, 1.35),
        _median("economy: p99 lag / fixed, median", economy, _p99, 1.6),
        _median("economy: requests / fixed, queues of 50", long, _requests, 0.20),
        _median("economy: requests / fixed, short queues", short, _requests, None),
        _median("fast: mean lag / fixed, median", fast, _lag, 0.68),
        _median("fast: requests / fixed, median", fast, _requests, 1.05),
        _median("fast: p99 lag / fixed, median", fast, _p99, 1.2),
    ]


def _steps(seeds: int) -> list[Figure]:
    """The next 100 tasks after durations have changed all at once, on average over workloads."""
    reached = []
    for name, factor in FACTORS.items():
        workloads = [step(f"step {base}", scaled(*base), factor) for base in _BASES]
        rows = [
            measured(each, _LEARNED, seed)
            for workload in workloads
            for each in (workload, evolve(workload, times=False))
            for seed in range(1, seeds + 1)
        ]
        for column, policy in enumerate(_LEARNED):
            after = [row[column].after for row in rows]
            reached.append(
                _mean(f"{policy}: requests / fixed, after {name}", [each.requests for each in after if each])
            )
            reached.append(_mean(f"{policy}: mean lag / fixed, after {name}", [each.lag for each in after if each]))
    return reached


def _mean(name: str, values: Sequence[float]) -> Figure:
    return Figure(name, statistics.fmean(values), "", 1.3, f"{len(values)} runs, the worst {max(values):.2f}")


def _median(name: str, results: Sequence[Result], value: Callable[[Score], float], target: float | None) -> Figure:
    values = sorted(value(result.ratio) for result in results)
    tenth = len(values) // 10
    note = f"{len(values)} workloads, 10 % to 90 %: {values[tenth]:.2f} to {values[-1 - tenth]:.2f}"
    return Figure(name, statistics.median(values), "", target, note)


def _worst(name: str, results: Iterable[Result], value: Callable[[Score], float], target: float) -> Figure:
    worst = max(results, key=lambda result: value(result.ratio))
    return Figure(name, value(worst.ratio), "", target, _name(worst.workload))


def _name(workload: Workload) -> str:
    return workload.name if workload.times else f"{workload.name}, no times told"


def _requests(score: Score) -> float:
    return score.requests


def _lag(score: Score) -> float:
    return score.lag


def _p99(score: Score) -> float:
    return score.p99


# -- many tasks --------------------------------------------------------------------------------------------------------


def _quota(quick: bool) -> list[Figure]:
    """Two requests for each task, and no more."""
    count = load.QUOTA_TASKS // 5 if quick else load.QUOTA_TASKS
    fixed, *learned = (measure.run(load.under_quota, schedule=each, in_flight=count) for each in ("fixed", *_LEARNED))
    reached = []
    for policy, seen in zip(_LEARNED, learned, strict=True):
        note = f"{seen['lag']:.0f} against {fixed['lag']:.0f} s; the longest {seen['longest']:,.0f} s"
        reached.append(Figure(f"{policy}: mean lag / fixed, small quota", seen["lag"] / fixed["lag"], "", 0.5, note))
        most = f"{seen['requests']:.1f} requests a task"
        reached.append(Figure(f"{policy}: most requests in a window", seen["peak"], "", seen["quota"], most))
    return reached


def _costs(quick: bool) -> list[Figure]:
    count = load.MANY // 10 if quick else load.MANY
    reached = []
    for policy in _LEARNED:
        cost = measure.run(load.decision, schedule=policy, count=count)
        note = f"{count:,} tasks, {cost['rate']:,.0f} requests a second; the longest call {cost['longest']:.0f} ms"
        reached.append(Figure(f"{policy}: core's CPU of a request", cost["cpu"], "us", 25.0, note))
    learned = measure.run(load.bytes_of_class, schedule="economy", classes=5 if quick else 20)
    kinds = measure.run(load.bytes_of_kinds, schedule="economy", kinds=400)
    return [
        *reached,
        Figure("memory of a class", learned["bytes"] / 1024, "KiB", 64.0, "waits and runs learned"),
        Figure("memory of any number of kinds / 256", kinds["bytes"] / 1024, "KiB", 64.0),
    ]
