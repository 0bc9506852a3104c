from hypothesis import given
from hypothesis import strategies as st

from wanpoll._core.model import Rate
from wanpoll.simulator.quota import QuotaKeeper

# Eighths of a second are exact in floats, so that "exactly one window apart" happens and is exact.
TICKS = st.lists(st.integers(0, 12), min_size=1, max_size=60)


def times(gaps):
    now = 0.0
    for gap in gaps:
        now += gap / 8
        yield now


def count_within(events, now, per):
    return sum(now - per < event <= now for event in events)


@given(gaps=TICKS, requests=st.integers(1, 5), per=st.sampled_from([0.5, 1.0, 2.0]))
def test_against_brute_force(gaps, requests, per):
    """Refusals, violations and the peak are those of counting every window by hand."""
    keeper = QuotaKeeper(Rate(requests, per=per))
    sent, accepted, violations, peak = [], [], 0, 0
    for now in times(gaps):
        admitted = keeper.admit("key", now)
        sent.append(now)
        highest = count_within(sent, now, per)
        violations, peak = violations + (highest > requests), max(peak, highest)

        assert admitted == (count_within(accepted, now, per) < requests)
        accepted += [now] * admitted

    assert (keeper.violations, keeper.peak) == (violations, peak)


@given(gaps=TICKS, requests=st.integers(1, 5))
def test_invariants(gaps, requests):
    """Every refusal is a violation, and there are violations exactly when the peak exceeds the quota."""
    keeper = QuotaKeeper(Rate(requests, per=1.0))
    refused = sum(not keeper.admit("key", now) for now in times(gaps))

    assert refused <= keeper.violations
    assert (keeper.violations == 0) == (keeper.peak <= requests)


def test_a_client_that_keeps_asking_is_let_through_again():
    """Refused requests do not keep the bucket full, though they stay in the record."""
    keeper = QuotaKeeper(Rate(2, per=1.0))
    admitted = [keeper.admit("key", tenth / 10) for tenth in range(12)]

    assert admitted == [True, True] + [False] * 8 + [True, True]
    assert keeper.violations == 10


def test_the_window_is_half_open():
    """Two requests exactly one window apart share no window."""
    keeper = QuotaKeeper(Rate(1, per=1.0))

    assert keeper.admit("key", 0.0)
    assert keeper.admit("key", 1.0)
    assert keeper.violations == 0


def test_keys_have_buckets_of_their_own():
    """One key's requests leave another key's quota alone."""
    keeper = QuotaKeeper(Rate(1, per=1.0))

    assert keeper.admit("one", 0.0)
    assert keeper.admit("two", 0.0)
    assert keeper.peak == 1
