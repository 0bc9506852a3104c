"""The provider's clock beside ours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanpoll._core.clock import Clock

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def clock() -> Clock:
    made = Clock()
    made.epoch = EPOCH.timestamp()
    return made


def shown(at: float, apart: float = 0.0) -> datetime:
    """What the provider's clock shows, in whole seconds."""
    return (EPOCH + timedelta(seconds=at + apart)).replace(microsecond=0)


def test_a_clock_that_nothing_contradicts_is_ours() -> None:
    """From the first answer on."""
    assert clock().end(shown(50.0), 40.0, 55.0) == 50.0


def test_nothing_is_told_without_a_time_or_without_our_own() -> None:
    """Then an end is only known to lie between two answers."""
    assert clock().end(None, 40.0, 55.0) is None
    assert Clock().end(shown(50.0), 40.0, 55.0) is None


@pytest.mark.parametrize("apart", [-86_400.0, -30.0, -5.0, 0.0, 5.0, 30.0, 8 * 3600.0])
def test_how_far_clocks_are_apart_is_learned(apart: float) -> None:
    """By the answers, which come every ten seconds: after a hundred ends, to a second or two."""
    ours, dice = clock(), random.Random(1)
    errors: list[float] = []
    for number in range(130):
        end = 100.0 * number + dice.uniform(0.0, 90.0)
        after = end - end % 10.0
        told = ours.end(shown(end, apart), after, after + 10.0)
        if number > 100:
            assert told is not None
            errors.append(abs(told - end))

    assert max(errors) <= 2.0


def test_a_clock_that_was_set_is_not_believed_at_once() -> None:
    """Nor is one time that is nonsense; three that agree are."""
    ours = clock()
    told = [ours.end(shown(end, 3600.0), end - 5.0, end + 5.0) for end in (10.0, 110.0, 210.0, 310.0)]
    again = [ours.end(shown(end, -7200.0), end - 5.0, end + 5.0) for end in (410.0, 510.0)]

    assert told[:2] == [None, None]
    assert told[3] == pytest.approx(310.0, abs=5.0)
    assert again == [None, None]


@pytest.mark.parametrize("often", [1.0, 0.5])
def test_the_time_of_the_answer_is_not_that_of_the_end(often: float) -> None:
    """Who says when it was asked, always or often, or touches its record then, tells nothing of ends."""
    ours, dice = clock(), random.Random(1)
    told = []
    for number in range(100):
        by = 100.0 * number + 20.0 * dice.random()
        at = by if dice.random() < often else by - 10.0
        told.append(ours.end(shown(at), by - 20.0, by))

    assert told[50:] == [None] * 50


def test_ends_that_somebody_tells_of_are_no_less_true() -> None:
    """Who is called at the moment of the end asks at once."""
    ours = clock()
    told = [ours.end(shown(at), at - 20.0, at, called=True) for at in (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0)]

    assert told[-1] == 700.0


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e8, 1e8), st.floats(0, 1e3)), max_size=20))
def test_no_time_is_outside_what_answers_say(told: list[tuple[float, float, float]]) -> None:
    """Whatever the provider tells."""
    ours = clock()
    for after, apart, more in told:
        end = ours.end(shown(after, apart), after, after + more)
        assert end is None or after <= end <= after + more
