"""When to ask again."""

from __future__ import annotations

from itertools import pairwise

import pytest

from wanpoll._core.cadence import LONGEST_RETRY, Cadence


def test_an_id_of_unknown_age_is_asked_at_once() -> None:
    """Its task may be long done."""
    assert Cadence(15.0).first("a", 100.0, None) == 100.0


def test_a_young_task_is_left_alone_for_an_interval() -> None:
    """With the time of submission, the first poll is placed like any other."""
    assert 115.0 <= Cadence(15.0).first("a", 100.0, 0.0) <= 116.5
    assert 110.0 <= Cadence(15.0).first("a", 100.0, 5.0) <= 111.5
    assert Cadence(15.0).first("a", 100.0, 3600.0) == 100.0


def test_polls_are_never_sooner_than_advised() -> None:
    """The jitter goes upwards, by a tenth at most."""
    cadence = Cadence(15.0)
    delays = [cadence.next(f"t{n}", n, 0.0) for n in range(1000)]

    assert min(delays) >= 15.0
    assert max(delays) <= 16.5


def test_tasks_that_were_submitted_together_do_not_stay_aligned() -> None:
    """The jitter is hashed from the task: ten thousand spread over it."""
    cadence = Cadence(15.0)
    times = sorted(cadence.next(f"task-{n}", 1, 0.0) for n in range(10_000))

    assert max(after - before for before, after in pairwise(times)) < 0.01


def test_the_same_task_gets_the_same_delays_in_every_run() -> None:
    """There are no dice in the core."""
    assert Cadence(15.0).next("a", 3, 0.0) == Cadence(15.0).next("a", 3, 0.0)


@pytest.mark.parametrize("interval", [0.01, 1.0, 15.0])
def test_retries_double_up_to_a_minute(interval: float) -> None:
    """From the interval, doubling, between half of the delay and all of it."""
    cadence = Cadence(interval)
    shares = []
    for misses in range(1, 25):
        full = min(interval * 2 ** (misses - 1), LONGEST_RETRY)
        assert full / 2 <= cadence.retry("a", misses, 0.0) <= full
        shares.append(cadence.retry("a", misses, 0.0) / full)

    assert max(shares) - min(shares) > 0.3, "jitter spreads them"


def test_an_interval_above_a_minute_is_its_own_longest_retry() -> None:
    """A failed question is not asked again sooner than half of what the provider advises."""
    assert 60.0 <= Cadence(120.0).retry("a", 50, 0.0) <= 120.0
