"""Policies on workloads, and how they did: requests per task, mean and p99 lag, as ratios to a fixed 15 s."""

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
    def of(cls, polls: Sequence[int], lags: Sequence[float], cpu: float = 0.0) -> Score:
        """Of the tasks with these counts and lags."""
        return cls(sum(polls) / len(polls), sum(lags) / len(lags), percentile(lags, 99), cpu / sum(polls) * 1e6)

    def over(self, other: Score) -> Score:
        """The ratios."""
        return Score(self.requests / other.requests, self.lag / other.lag, self.p99 / other.p99, self.cpu)


@frozen
class Result:
    """One policy on one workload. `ratio` is to the reference; `after` is that of the tasks right after a step."""

    workload: Workload
    policy: str
    score: Score
    ratio: Score
    after: Score | None = None


def measured(workload: Workload, policies: Sequence[str], seed: int) -> list[Result]:
    """Each policy on the same draws."""
    lives = workload.lives(seed)
    reference = RIVALS[REFERENCE](lives)
    oracle = Oracle(workload) if set(policies) & set(ORACLES) else None
    results = []
    for policy in policies:
        run = _run(policy, workload, lives, reference, oracle)
        score = Score.of(run.polls, run.lags, run.cpu)
        ratio = score.over(Score.of(reference.polls, reference.lags))
        results.append(Result(workload, policy, score, ratio, _after(run, reference) if workload.steps else None))
    return results


def _run(policy: str, workload: Workload, lives: list[Life], reference: Run, oracle: Oracle | None) -> Run:
    if policy == REFERENCE:
        return reference
    if policy in RIVALS:
        return RIVALS[policy](lives)
    if oracle is not None and policy in ORACLES:
        steered = oracle.same_lag if policy == "oracle-economy" else oracle.same_requests
        return steered(lives, reference)
    return replay(policy, workload, lives)


def _after(run: Run, reference: Run) -> Score:
    first = int(len(run.polls) * STEP)
    part = slice(first, first + AFTER_STEP)
    return Score.of(run.polls[part], run.lags[part]).over(Score.of(reference.polls[part], reference.lags[part]))
