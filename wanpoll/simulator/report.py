"""What the simulator saw: a tally while it runs, a frozen report for those who ask."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import attrs
from attrs import field, frozen

from wanpoll._core.model import Rate
from wanpoll.simulator._checks import check, check_positive
from wanpoll.simulator.quota import QuotaKeeper
from wanpoll.simulator.world import World

T = TypeVar("T")


@frozen
class Report:
    """What the provider saw of its clients. All times are provider seconds.

    `requests` counts everything but submissions; `submissions` counts tasks, however they came in. `by_route` counts
    by "query", "batch", "list", "file", "cancel" and "submit", `by_answer` the answers to all but submissions: by the
    HTTP status (an int), or by the kind of fault (a text) where one befell the request.

    `peak` is the highest number of requests that one key sent within one window of the `quota`, refused ones
    included; `violations` counts the requests that made that number exceed the quota. `lags` tells for each task
    that ended how long the provider knew before an answer told so, shortest first. `durations` are the times from
    submission to end, or to now for what still runs. `seconds` is how long the simulator ran.
    """

    requests: int
    submissions: int
    by_route: Mapping[str, int]
    by_answer: Mapping[int | str, int]
    violations: int
    peak: int
    quota: Rate
    tasks_by_status: Mapping[str, int]
    lags: tuple[float, ...]
    durations: tuple[float, ...]
    seconds: float

    def lag(self, quantile: float) -> float:
        """The lag that the share `quantile` of the told ends did not exceed; NaN where none was told."""
        check("quantile", quantile, 0, 1)
        if not self.lags:
            return math.nan
        return self.lags[max(0, math.ceil(quantile * len(self.lags)) - 1)]

    def loop_requests(self, interval: float) -> int:
        """What one loop per task would have asked: first after `interval`, then at each interval until the end."""
        check_positive("interval", interval)
        # Differences of times are a hair off: 15.0000000001 seconds are one interval of 15, not two.
        return sum(max(1, math.ceil(duration / interval - 1e-6)) for duration in self.durations)


class Tally:
    """Counts every request as it comes and goes."""

    def __init__(self) -> None:
        self._routes: Counter[str] = Counter()
        self._answers: Counter[int | str] = Counter()
        self._lags: dict[str, float] = {}

    def arrived(self, route: str) -> None:
        """A request of this route arrived."""
        self._routes[route] += 1

    def answered(self, answer: int | str) -> None:
        """It was answered with this HTTP status, or befallen by this kind of fault."""
        self._answers[answer] += 1

    def told(self, task_ids: Iterable[str], world: World, now: float) -> None:
        """An answer told of the end of these tasks at `now`; only the first one counts."""
        for task_id in task_ids:
            task = world.get(task_id)
            if task is not None and task_id not in self._lags:
                self._lags[task_id] = max(0.0, now - task.ends_at)

    @property
    def routes(self) -> Mapping[str, int]:
        """How many requests of each route arrived."""
        return MappingProxyType({str(route): count for route, count in self._routes.items()})

    @property
    def answers(self) -> Mapping[int | str, int]:
        """How many were answered with each status or fault."""
        return MappingProxyType(dict(self._answers))

    @property
    def lags(self) -> Iterable[float]:
        """The lag of each end that was told."""
        return self._lags.values()


@frozen
class Books:
    """What is kept of one dialect: its tasks, the quota of its keys, its tally."""

    world: World
    keeper: QuotaKeeper
    tally: Tally = field(factory=Tally)

    def report(self, now: float) -> Report:
        """Everything up to `now`."""
        routes, tasks = self.tally.routes, tuple(self.world.all())
        return Report(
            requests=sum(count for route, count in routes.items() if route != "submit"),
            submissions=len(tasks),
            by_route=routes,
            by_answer=self.tally.answers,
            violations=self.keeper.violations,
            peak=self.keeper.peak,
            quota=self.keeper.quota,
            tasks_by_status=_counted(self.world.status(task, now) for task in tasks),
            lags=tuple(sorted(self.tally.lags)),
            durations=tuple(min(task.ends_at, now) - task.submitted_at for task in tasks),
            seconds=now,
        )


def total(reports: Sequence[Report]) -> Report:
    """The reports of all dialects in one, as of one provider with many keys."""
    return attrs.evolve(
        reports[0],
        requests=sum(report.requests for report in reports),
        submissions=sum(report.submissions for report in reports),
        by_route=_added(report.by_route for report in reports),
        by_answer=_added(report.by_answer for report in reports),
        violations=sum(report.violations for report in reports),
        peak=max(report.peak for report in reports),
        tasks_by_status=_added(report.tasks_by_status for report in reports),
        lags=tuple(sorted(lag for report in reports for lag in report.lags)),
        durations=tuple(duration for report in reports for duration in report.durations),
    )


def _added(countings: Iterable[Mapping[T, int]]) -> Mapping[T, int]:
    counts: Counter[T] = Counter()
    for counting in countings:
        counts.update(counting)
    return MappingProxyType(dict(counts))


def _counted(statuses: Iterable[str]) -> Mapping[str, int]:
    return MappingProxyType(dict(Counter(statuses)))
