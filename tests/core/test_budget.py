"""The quota of one account, as arithmetic on time."""

from __future__ import annotations

import bisect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanpoll import Rate, UsageError
from wanpoll._core.budget import ARRIVAL, LONGEST_PAUSE, Budget

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
            budget.done(under_way.pop(0)[1], now)
        while (place := budget.take(now)) is not None:
            taken.append(now)
            under_way.append((now + latency, place))
        at = min([budget.next_at(now)] + [due for due, _ in under_way[:1]])
        now = max(at, now + 1e-6)
    return taken


@settings(deadline=None)
@given(
    requests=st.integers(1, 30),
    per=st.sampled_from([0.02, 1.0, 7.0]),
    delays=st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 1)), min_size=50, max_size=120),
)
def test_no_window_of_the_servers_clock_holds_more_than_the_rate(
    requests: int, per: float, delays: list[tuple[float, float]]
) -> None:
    """Whatever the latency, and wherever between sending and answer a request arrives."""
    budget = Budget(Rate(requests, per=per))
    now, arrivals, under_way = 0.0, [], []
    for latency, share in delays:
        while (place := budget.take(now)) is None:
            at = budget.next_at(now)
            if under_way and under_way[0][0] <= at:
                due, answered = under_way.pop(0)
                now = max(now, due)
                budget.done(answered, now)
            else:
                now = max(at, now + 1e-9)
        arrivals.append(now + latency * share)
        bisect.insort(under_way, (now + latency, place))

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
    assert budget.take(5.0) is not None
    assert budget.take(5.0) is None


def test_a_hanging_request_holds_its_place_for_a_bounded_time() -> None:
    """It is taken to have reached the server after a while; the account goes on."""
    budget = Budget(Rate(1, per=1.0))
    place = budget.take(0.0)

    assert place is not None
    assert budget.next_at(0.5) == pytest.approx(ARRIVAL + 1.0, abs=0.01)
    assert budget.take(ARRIVAL + 1.01) is not None
    budget.done(place, 9.0)  # the late answer changes nothing
    assert budget.next_at(9.0) == 9.0


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
    assert budget.take(3000.0) is not None


def test_the_measured_rate_is_that_of_late() -> None:
    """It follows what is done, and fades."""
    budget = Budget(Rate(20))
    saturate(budget, 30.0)

    assert budget.measured(30.0) == pytest.approx(19.5, rel=0.1)
    assert budget.measured(130.0) < 0.1


@pytest.mark.parametrize("bad", [(0, 1.0), (-1, 1.0), (1, 0.0), (1, math.inf), (1, math.nan)])
def test_a_rate_without_meaning_is_refused(bad: tuple[int, float]) -> None:
    """A quota of nothing would wait for ever."""
    with pytest.raises(UsageError, match="above zero"):
        Rate(bad[0], per=bad[1])
