"""The quota of one account, as arithmetic on time."""

from __future__ import annotations

import bisect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanpoll import Rate, UsageError
from wanpoll._core.budget import LONGEST_PAUSE, Budget

STEP = 0.001


def most_in_any_window(arrivals: list[float], per: float) -> int:
    """By brute force: the most arrivals in a window of `per` seconds."""
    arrivals = sorted(arrivals)
    return max((bisect.bisect_right(arrivals, at + per - 1e-9) - i for i, at in enumerate(arrivals)), default=0)


def saturate(budget: Budget, seconds: float, latency: float = 0.0, start: float = 0.0) -> list[float]:
    """Take every place that there is, answering each after `latency`; when they were taken."""
    now, taken, under_way = start, [], []
    while now < start + seconds:
        while under_way and under_way[0][0] <= now:
            budget.done(now)
            under_way.pop(0)
        while budget.take(now):
            taken.append(now)
            under_way.append((now + latency,))
        at = min([budget.next_at(now)] + [due for (due,) in under_way[:1]])
        now = max(at, now + 1e-6)
    return taken


@settings(deadline=None)
@given(
    requests=st.integers(1, 30),
    per=st.sampled_from([0.02, 1.0, 7.0]),
    delays=st.lists(st.tuples(st.floats(0, 0.1) | st.floats(0, 9.0), st.floats(0, 1)), min_size=50, max_size=120),
)
def test_no_window_of_the_servers_clock_holds_more_than_the_rate(
    requests: int, per: float, delays: list[tuple[float, float]]
) -> None:
    """Whatever the latency, and wherever between sending and answer a request arrives."""
    budget = Budget(Rate(requests, per=per))
    now, arrivals, under_way = 0.0, [], []
    for latency, share in delays:
        while not budget.take(now):
            at = budget.next_at(now)
            if under_way and under_way[0] <= at:
                now = max(now, under_way.pop(0))
                budget.done(now)
            else:
                now = max(at, now + 1e-9)
        arrivals.append(now + latency * share)
        bisect.insort(under_way, now + latency)

    assert most_in_any_window(arrivals, per) <= requests


def test_the_whole_rate_is_used() -> None:
    """With fast answers, hardly a place is wasted."""
    taken = saturate(Budget(Rate(20)), 10.0, latency=0.001)

    assert 190 <= len(taken) <= 200


def test_requests_are_spread_over_the_window() -> None:
    """A burst is a quarter of the window at most, then requests are even."""
    taken = saturate(Budget(Rate(20)), 1.0)

    assert most_in_any_window(taken, 0.001) == 5
    assert most_in_any_window(taken, 0.5) <= 15


def test_an_unused_budget_answers_at_once() -> None:
    """The first request waits for nothing."""
    budget = Budget(Rate(1, per=60))

    assert budget.next_at(5.0) == 5.0
    assert budget.take(5.0)
    assert not budget.take(5.0)


def test_a_request_under_way_keeps_its_place() -> None:
    """Until its answer, however long that takes: nobody knows when it arrives."""
    budget = Budget(Rate(1, per=1.0))
    assert budget.take(0.0)

    assert budget.next_at(500.0) == math.inf
    budget.done(500.0)
    assert budget.next_at(500.0) == pytest.approx(501.0, abs=0.01)
    assert budget.take(501.01)


def test_a_throttled_account_pauses_then_goes_at_half_its_rate() -> None:
    """Multiplicative decrease."""
    budget = Budget(Rate(20))
    budget.throttle(0.0, asked_at=0.0)

    assert budget.share(0.0) == 0.5
    assert budget.next_at(0.0) == pytest.approx(2.0)
    assert 8 <= len(saturate(budget, 1.0, start=2.0)) <= 11


def test_one_burst_slows_the_account_once() -> None:
    """Answers to what was sent before the slow-down tell nothing new."""
    budget = Budget(Rate(20))
    for _ in range(50):
        budget.throttle(1.0, asked_at=0.9)

    assert budget.share(1.0) == 0.5
    budget.throttle(5.0, asked_at=4.0)
    assert budget.share(5.0) < 0.35


def test_it_recovers_by_itself() -> None:
    """Additive increase, up to the whole rate and no further."""
    budget = Budget(Rate(20))
    budget.throttle(0.0, asked_at=0.0)

    assert 0.5 < budget.share(15.0) < 1.0
    assert budget.share(60.0) == 1.0
    assert 19 <= len(saturate(budget, 1.0, start=60.0)) <= 20


def test_retry_after_is_obeyed_and_bounded() -> None:
    """The server may slow us down, but not silence us for a day."""
    budget = Budget(Rate(20))
    budget.throttle(0.0, asked_at=0.0, retry_after=30.0)
    assert budget.next_at(1.0) == 30.0

    budget.throttle(40.0, asked_at=39.0, retry_after=1e9)
    assert budget.next_at(41.0) == 40.0 + LONGEST_PAUSE


def test_the_slowest_account_still_asks() -> None:
    """However often it is throttled, it goes on, one request at a time."""
    budget = Budget(Rate(20))
    for now in range(0, 3000, 100):
        budget.throttle(float(now), asked_at=float(now))

    assert budget.next_at(2900.0) < 2900.0 + 60
    assert budget.take(3000.0)


def test_the_measured_rate_is_that_of_late() -> None:
    """It follows what is done, and fades."""
    budget = Budget(Rate(20))
    saturate(budget, 30.0)

    assert Budget(Rate(20)).measured(5.0) == 0.0
    assert budget.measured(30.0) == pytest.approx(19.5, rel=0.1)
    assert budget.measured(130.0) < 0.1


@pytest.mark.parametrize(
    "bad", [(0, 1.0), (-1, 1.0), (1, 0.0), (1, math.inf), (1, math.nan), (1.5, 1.0), ("a", 1.0), (True, 1.0), (5, "x")]
)
def test_a_rate_without_meaning_is_refused(bad: tuple[int, float]) -> None:
    """A quota of nothing would wait for ever."""
    with pytest.raises(UsageError, match="above zero"):
        Rate(bad[0], per=bad[1])


def test_the_first_moment_does_not_look_like_a_flood() -> None:
    """Five requests in the first hundredth of a second are not five hundred a second."""
    budget = Budget(Rate(20))
    saturate(budget, 0.01)

    assert budget.measured(0.01) < 6
