"""Policies on workloads, and how they did: requests per task, mean and p99 lag, as ratios to a fixed interval."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from benchmarks.measure import percentile
from benchmarks.schedule.lives import Life
from benchmarks.schedule.oracle import Oracle
from benchmarks.schedule.replay import SCHEDULES, Run, replay
from benchmarks.schedule.rivals import RIVALS
from benchmarks.schedule.workloads import STEP, Workload

ORACLES = ("oracle-economy", "oracle-fast")
POLICIES = (*SCHEDULES, *RIVALS, *ORACLES)
REFERENCE = "every15"
AFTER_STEP = 100
"""Tasks after a sudden change that are looked at by themselves."""


@frozen
class Score:
    """How a policy did, on average over tasks. `cpu` is in microseconds for each request, 0 where none was measured."""

    requests: float
    lag: float
    p99: float
    cpu: float = 0.0

    @classmethod
    def of(cls, run: Run, part: slice = slice(None)) -> Score:
        """Of a part of the tasks."""
        polls, lags = run.polls[part], run.lags[part]
        cpu = run.cpu / sum(run.polls) * 1e6
        return cls(sum(polls) / len(polls), sum(lags) / len(lags), percentile(lags, 99), cpu)

    def over(self, other: Score) -> Score:
        """The ratios."""
        return Score(self.requests / other.requests, self.lag / other.lag, self.p99 / other.p99, self.cpu)


@frozen
class Result:
    """One policy on one workload. `ratio` is to the reference; `after` is that of the tasks right after a step."""

    workload: Workload
    policy: str
    reference: Score
    ratio: Score
    after: Score | None = None


def measured(workload: Workload, policies: Sequence[str], seed: int = 1, against: str = REFERENCE) -> list[Result]:
    """Each policy on the same draws."""
    lives = workload.lives(seed)
    regular = RIVALS[REFERENCE](lives)
    runs = {against: run_of(against, workload, lives, regular)}
    for policy in policies:
        if policy not in runs:
            runs[policy] = run_of(policy, workload, lives, regular)
    reference = Score.of(runs[against])
    return [
        Result(
            workload, policy, reference, Score.of(runs[policy]).over(reference), _after(workload, runs, policy, against)
        )
        for policy in policies
    ]


def run_of(policy: str, workload: Workload, lives: list[Life], regular: Run) -> Run:
    """What a policy does; an oracle has the lag, or the requests, of `regular`."""
    if policy in RIVALS:
        return RIVALS[policy](lives)
    if policy == "oracle-economy":
        return Oracle(workload).same_lag(lives, regular)
    if policy == "oracle-fast":
        return Oracle(workload).same_requests(lives, regular)
    return replay(policy, workload, lives)


def _after(workload: Workload, runs: dict[str, Run], policy: str, against: str) -> Score | None:
    if not workload.steps:
        return None
    first = int(workload.tasks * STEP)
    part = slice(first, first + AFTER_STEP)
    return Score.of(runs[policy], part).over(Score.of(runs[against], part))
