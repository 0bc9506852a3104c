"""What many tasks cost: under a quota that is too small for them, in CPU, in memory."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Iterator
from random import Random
from types import FunctionType, ModuleType

from attrs import evolve

from benchmarks.measure import percentile
from benchmarks.schedule.laws import Law, lognormal
from benchmarks.schedule.lives import Draw, Life, closed, steady
from benchmarks.schedule.replay import NO_QUOTA, Replay, machine, replay
from benchmarks.schedule.workloads import Workload
from wanpoll import Rate
from wanpoll._core.entries import Ticket
from wanpoll._core.machine import Machine
from wanpoll._core.readings import Reading

QUOTA = Rate(20, per=1.0)
QUOTA_TASKS = 5_000
MANY = 100_000
CLASSES = 256

_GENERATIONS = 4  # of the tasks under the quota; the first and the last are not counted
_MEDIAN, _SIGMA = 480.0, 0.3
_WARM_UP = 60  # virtual seconds: at first all are asked about at once
_MEASURED = 20
_TASKS_OF_A_CLASS = 60


async def under_quota(schedule: str, in_flight: int) -> dict[str, float]:
    """Lags of `in_flight` tasks at a quota of two requests for each, and the most requests in a window."""
    quota = evolve(QUOTA, requests=QUOTA.requests * in_flight // QUOTA_TASKS)
    flow = closed(steady(lognormal(_MEDIAN, _SIGMA)), in_flight)
    workload = Workload("quota", "quota", flow, tasks=_GENERATIONS * in_flight)
    run = replay(schedule, workload, workload.lives(1), quota)
    counted = slice(in_flight, (_GENERATIONS - 1) * in_flight)
    lags, polls = run.lags[counted], run.polls[counted]
    return {
        "lag": statistics.fmean(lags),
        "p99": percentile(lags, 99),
        "longest": max(run.lags),
        "requests": statistics.fmean(polls),
        "peak": peak(run.asked_at, quota.per),
        "quota": quota.requests,
    }


def peak(times: tuple[float, ...], per: float) -> int:
    """The most of `times`, which rise, in any window of `per` seconds that does not hold its end."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - per:
            first += 1
        most = max(most, last - first + 1)
    return most


async def decision(schedule: str, count: int) -> dict[str, float]:
    """Microseconds in the core for each request, `count` tasks being followed."""
    core = _Timed(machine(schedule, NO_QUOTA))
    workload = Workload("many", "many", closed(steady(lognormal(_MEDIAN, _SIGMA)), count))
    replayed = Replay(core, workload, _in_full_swing(lognormal(_MEDIAN, _SIGMA), count))
    replayed.go(until=_WARM_UP)
    gc.collect()
    gc.freeze()
    core.watch.longest = 0.0
    before, asked = core.watch.seconds, len(replayed.asked_at)
    replayed.go(until=_WARM_UP + _MEASURED)
    requests = len(replayed.asked_at) - asked
    return {
        "cpu": (core.watch.seconds - before) / requests * 1e6,
        "rate": requests / _MEASURED,
        "longest": core.watch.longest * 1e3,
    }


class _Watch:
    """Seconds that passed in `with` blocks: all of them, and in the longest."""

    def __init__(self) -> None:
        self.seconds = self.longest = self._start = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        passed = time.perf_counter() - self._start
        self.seconds += passed
        self.longest = max(self.longest, passed)


class _Timed(Machine):
    """A machine with a watch on what the driver calls."""

    def __init__(self, core: Machine) -> None:
        self.__dict__.update(core.__dict__)
        self.watch = _Watch()

    def observe(self, ticket: Ticket, reading: Reading, now: float) -> None:
        with self.watch:
            super().observe(ticket, reading, now)

    def take_due(self, now: float) -> list[Ticket]:
        with self.watch:
            return super().take_due(now)

    def next_at(self) -> float | None:
        with self.watch:
            return super().next_at()


def _in_full_swing(law: Law, count: int) -> list[Life]:
    """`count` tasks that run at second 0, as if it had gone on so for ever, and those that follow for a minute."""
    rng = Random(count)
    durations = [law(rng) for _ in range(count)]
    running = []
    for duration in rng.choices(durations, durations, k=count):  # a long task is the likelier to be met
        age = duration * rng.random()
        running.append(Life(-age, -age, duration - age))
    first = sorted(life.finished for life in running if life.finished < _WARM_UP + _MEASURED)
    following = [Life(at, at, at + law(rng)) for at in first]
    return [*sorted(running, key=lambda life: life.submitted), *following]


async def bytes_of_class(schedule: str, classes: int) -> dict[str, float]:
    """Bytes that each of `classes` takes that has been learned, its waits and its runs."""
    one, all_of_them = (_size(schedule, kinds, _TASKS_OF_A_CLASS) for kinds in (1, classes + 1))
    return {"bytes": (all_of_them - one) / classes}


async def bytes_of_kinds(schedule: str, kinds: int) -> dict[str, float]:
    """Bytes of an account that has seen far more kinds than there may be classes, divided by that number."""
    return {"bytes": _size(schedule, kinds, 1) / CLASSES}


def _size(schedule: str, kinds: int, tasks: int) -> int:
    """Bytes of an account for which so many tasks of each kind have ended, without their outcomes."""
    law = lognormal(60.0, 0.3)

    def stream(rng: Random, count: int) -> Iterator[Draw]:
        for index in range(count):
            yield Draw(law(rng), waits=law(rng), kind=f"kind-{index % kinds}")

    workload = Workload("kinds", "kinds", closed(stream), states=True, tasks=kinds * tasks)
    core = machine(schedule, remember=1)
    Replay(core, workload, workload.lives(1)).go()
    return _reachable(core.accounts)


def _reachable(root: object) -> int:
    """Bytes of all that can be reached from `root`, without code."""
    seen: dict[int, object] = {}
    found = [root]
    while found:
        each = found.pop()
        if id(each) not in seen and not isinstance(each, type | ModuleType | FunctionType):
            seen[id(each)] = each
            found += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))
