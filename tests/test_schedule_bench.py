"""The bench of the schedule: what it says of a policy is what that policy did."""

from __future__ import annotations

from random import Random

import pytest
from attrs import evolve

from benchmarks.schedule.hidden import random_workloads
from benchmarks.schedule.laws import constant, lognormal
from benchmarks.schedule.lives import Life, closed, closed_queue, queued_bursts, steady
from benchmarks.schedule.load import peak
from benchmarks.schedule.oracle import Oracle, Sample
from benchmarks.schedule.replay import LATENCY, SCHEDULES, Run, replay
from benchmarks.schedule.rivals import RIVALS, Plan
from benchmarks.schedule.scores import measured
from benchmarks.schedule.workloads import Workload, alike, named_workloads
from wanpoll import Rate

FEW = 120


def few(name: str) -> Workload:
    return evolve(named_workloads()[name], tasks=FEW)


@pytest.mark.parametrize(
    ("end", "polls", "asked_at"), [(3.0, 1, 10.0), (10.0, 1, 10.0), (10.2, 2, 20.0), (61.0, 5, 65.0)]
)
def test_a_plan_finds_an_end_by_its_first_question_after_it(end: float, polls: int, asked_at: float) -> None:
    """The lag lasts until the answer, not until the question."""
    asked, lag = Plan([10.0, 20.0], 15.0).detect(end)

    assert (asked, end + lag) == (polls, pytest.approx(asked_at + LATENCY))


def test_a_plan_sees_what_ended_while_the_question_was_under_way() -> None:
    """The server looks halfway through the latency."""
    plan = Plan([10.0], 15.0)

    assert plan.detect(10.0 + 0.49 * LATENCY)[0] == 1
    assert plan.detect(10.0 + 0.51 * LATENCY)[0] == 2


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["lognormal-45-0.2", "phases-60-120", "long-queue-30-2", "classes-told"])
def test_the_core_finds_every_end_and_is_charged_for_every_question(schedule: str, name: str) -> None:
    """No task is left, no lag is shorter than the news takes, and no question is missing in the count."""
    workload = few(name)

    run = replay(schedule, workload, workload.lives(1))

    assert min(run.lags) >= LATENCY / 2 - 1e-6
    assert min(run.polls) >= 1
    assert sum(run.polls) == len(run.asked_at)


def test_a_run_can_be_repeated() -> None:
    """The same seed gives the same draws and the same questions; another one gives others."""
    workload = few("lognormal-120-0.3")
    first, again = (replay("economy", workload, workload.lives(1)) for _ in range(2))

    assert (first.polls, first.lags) == (again.polls, again.lags)
    assert workload.lives(1) != workload.lives(2)


def test_hidden_workloads_are_those_of_their_seed() -> None:
    """All families are among them, and each seed has its own."""
    names = {workload.family for workload in random_workloads(1, 24)}
    one, same, other = ([workload.lives(1)[:5] for workload in random_workloads(seed, 6)] for seed in (1, 1, 2))

    assert len(names) == 12
    assert one == same
    assert one != other


def test_the_end_of_a_task_submits_the_next() -> None:
    """So many are in flight at any time, whoever asks about them."""
    lives = closed(steady(lognormal(60.0, 0.5)), in_flight=7)(Random(1), 200)
    at = lives[150].submitted + 1e-6

    assert sum(life.submitted <= at < life.finished for life in lives) == 7
    assert [life.submitted for life in lives] == sorted(life.submitted for life in lives)


@pytest.mark.parametrize("flow", [closed_queue, queued_bursts])
def test_a_queue_runs_as_many_as_it_has_servers_in_order(flow) -> None:
    """The wait is that of a queue, which is what the states show."""
    lives: list[Life] = flow(lognormal(30.0, 0.4), 3)(Random(1), 200)
    at = lives[100].started + 1e-6

    assert sum(life.started <= at < life.finished for life in lives) == 3
    assert [life.started for life in lives] == sorted(life.started for life in lives)


@pytest.mark.parametrize("seconds", [45.0, 90.0, 97.0, 104.9])
def test_the_fixed_interval_has_half_an_interval_of_lag_even_for_a_constant_duration(seconds: float) -> None:
    """Its lag is no accident of the duration, and its first poll, which is drawn, costs no request more."""
    run = RIVALS["every15"](alike("constant", constant(seconds)).lives(1))

    assert sum(run.lags) / len(run.lags) == pytest.approx(7.5 + LATENCY / 2, rel=0.04)
    assert sum(run.polls) / len(run.polls) == pytest.approx(seconds / 15.0 + 0.5, rel=0.01)


def test_the_fixed_interval_is_as_good_as_one_that_is_not_drawn() -> None:
    """`ceil(T / 15)` requests: what the ratios are to must not be weak."""
    lives = few("lognormal-45-0.2").flow(Random(1), 5000)

    drawn, strict = RIVALS["every15"](lives), [Plan([15.0], 15.0).detect(life.duration) for life in lives]

    assert sum(drawn.polls) == pytest.approx(sum(polls for polls, _ in strict), rel=0.02)
    assert sum(drawn.lags) == pytest.approx(sum(lag for _, lag in strict), rel=0.03)


def test_the_oracle_asks_when_the_lag_has_cost_the_price() -> None:
    """For durations of 10 and 20 s and a price of 3 s: 3 s of lag on average at 16 s, then 3 s after the last."""
    plan = Sample.of([20.0, 10.0]).plan(3.0)

    assert plan.ages == pytest.approx([16.0, 23.0])


def test_the_oracle_has_the_lag_or_the_requests_of_what_it_is_held_against() -> None:
    """It is a bound of the other of the two."""
    workload = few("lognormal-120-0.3")
    lives = workload.lives(1)
    regular = RIVALS["every15"](lives)

    economy, fast = Oracle(workload).same_lag(lives, regular), Oracle(workload).same_requests(lives, regular)

    assert sum(economy.lags) <= sum(regular.lags)
    assert sum(economy.polls) < 0.7 * sum(regular.polls)
    assert sum(fast.polls) <= sum(regular.polls)
    assert sum(fast.lags) < 0.7 * sum(regular.lags)


def test_the_reference_is_one() -> None:
    """Ratios are to the policy that is named."""
    (result,) = measured(few("gamma-150-4"), ["sdk"], against="sdk")

    assert (result.ratio.requests, result.ratio.lag, result.ratio.p99) == (1.0, 1.0, 1.0)


def test_peak_counts_the_fullest_window() -> None:
    """A window of one second does not hold what comes a whole second later."""
    assert peak((0.0, 0.5, 0.9, 1.0), 1.0) == 3
    assert peak((0.0, 0.5, 0.9, 0.99, 1.6), 1.0) == 4


def test_a_quota_is_never_exceeded_in_virtual_time() -> None:
    """The server sees no more in any window, whatever the schedule wants."""
    workload = few("lognormal-45-0.2")

    runs: list[Run] = [replay(each, workload, workload.lives(1), Rate(4, per=2.0)) for each in SCHEDULES]

    assert max(peak(run.asked_at, 2.0) for run in runs) <= 4
