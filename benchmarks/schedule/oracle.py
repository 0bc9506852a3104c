"""A bound: the rule with the true law of durations, learned from other draws of the same workload.

It knows the class that is told and the part of the run in which a task was submitted, but nothing of states and order:
where those are visible, the core can do better.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import frozen

from benchmarks.schedule.lives import Life
from benchmarks.schedule.replay import INTERVAL, Run
from benchmarks.schedule.rivals import Plan, follow
from benchmarks.schedule.workloads import Workload

FLOOR = 1.0
"""Seconds between two questions about a task, at least."""

_SEEDS = range(1000, 1008)
_HALVINGS = 16
_CHEAPEST, _DEAREST = 0.01, 1000.0

Group: TypeAlias = tuple[str | None, int]


@frozen
class Sample:
    """Durations in rising order, and their running sums."""

    durations: list[float]
    sums: list[float]

    @classmethod
    def of(cls, durations: list[float]) -> Sample:
        """That of `durations` in any order."""
        ordered = sorted(durations)
        return cls(ordered, [0.0, *itertools.accumulate(ordered)])

    def plan(self, price: float) -> Plan:
        """When to ask: each time at which the expected lag since the last answer has reached `price`."""
        ages = [max(FLOOR, self._reached(0, price))]
        while (first := bisect.bisect_right(self.durations, ages[-1])) < len(self.durations):
            ages.append(max(ages[-1] + FLOOR, self._reached(first, price)))
        return Plan(ages, INTERVAL)

    def _reached(self, first: int, price: float) -> float:
        """The age at which all lag, of those from the `first` on, has summed up to `price` for each of them."""
        budget = price * (len(self.durations) - first)
        low, high = first, len(self.durations) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.durations[middle] * (middle + 1 - first) - self._sum(first, middle) <= budget:
                low = middle
            else:
                high = middle - 1
        return (budget + self._sum(first, low)) / (low + 1 - first)

    def _sum(self, first: int, last: int) -> float:
        return self.sums[last + 1] - self.sums[first]


class Oracle:
    """The rule with the law known, for one workload."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        groups: defaultdict[Group, list[float]] = defaultdict(list)
        for seed in _SEEDS:
            for index, life in enumerate(workload.lives(seed)):
                groups[self._group(index, life)].append(life.duration)
        self._samples = {group: Sample.of(durations) for group, durations in groups.items()}

    def same_lag(self, lives: list[Life], reference: Run) -> Run:
        """The fewest requests with the mean lag of `reference`."""
        wanted = sum(reference.lags)
        return self._steered(lives, lambda run: sum(run.lags) <= wanted)[0]

    def same_requests(self, lives: list[Life], reference: Run) -> Run:
        """The least lag with the requests of `reference`."""
        wanted = sum(reference.polls)
        return self._steered(lives, lambda run: sum(run.polls) > wanted)[1]

    def _steered(self, lives: list[Life], too_cheap: Callable[[Run], bool]) -> tuple[Run, Run]:
        """What it does just below and just above the price at which a run is not `too_cheap` any more."""
        low, high = _CHEAPEST, _DEAREST
        below, above = self.at(lives, low), self.at(lives, high)
        for _ in range(_HALVINGS):
            price = (low * high) ** 0.5
            run = self.at(lives, price)
            if too_cheap(run):
                low, below = price, run
            else:
                high, above = price, run
        return below, above

    def at(self, lives: list[Life], price: float) -> Run:
        """What it does at a price, in seconds of lag."""
        plans: Mapping[Group, Plan] = {group: sample.plan(price) for group, sample in self._samples.items()}
        return follow(lives, lambda index, life: plans[self._group(index, life)])

    def _group(self, index: int, life: Life) -> Group:
        return life.kind, index * self._workload.blocks // self._workload.tasks
