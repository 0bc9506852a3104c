"""What is learned of durations."""

from __future__ import annotations

import math
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanpoll._core.lifetable import LifeTable

INTERVAL = 15.0
PACE = 100.0  # seconds between two tasks


def learned(durations: list[float], **options: float) -> LifeTable:
    table = LifeTable(INTERVAL)
    for number, each in enumerate(durations):
        table.survived(0.0, each)
        table.ended(PACE * number, each, each, **options)
    table.estimate()
    return table


def lognormal(median: float, sigma: float, count: int, seed: int = 1) -> list[float]:
    dice = random.Random(seed)
    return [median * math.exp(sigma * dice.gauss(0, 1)) for _ in range(count)]


MANY = {median: learned(lognormal(median, 0.5, 50)) for median in (300.0, 6000.0)}


def test_nothing_is_known_at_first() -> None:
    """Then the prior holds, whose tail is heavy."""
    table = LifeTable(INTERVAL)

    assert table.survival(0.0) == 1.0
    assert table.survival(60.0) == pytest.approx(0.5, abs=0.02)
    assert table.survival(3600.0) == pytest.approx(1 / 61, rel=0.1)


@pytest.mark.parametrize(("median", "sigma"), [(45.0, 0.2), (120.0, 0.3), (480.0, 0.3), (120.0, 1.0)])
def test_it_learns_a_distribution(median: float, sigma: float) -> None:
    """Three hundred ends give the survival within a few hundredths."""
    table = learned(lognormal(median, sigma, 300))
    for z in (-1.5, -0.5, 0.0, 0.5, 1.5):
        true = 0.5 * math.erfc(z / math.sqrt(2))

        assert table.survival(median * math.exp(sigma * z)) == pytest.approx(true, abs=0.1)
    assert table.quantile(0.5) == pytest.approx(median, rel=0.1 + 0.15 * sigma)


def test_a_constant_is_learned_sharply() -> None:
    """A hundred tasks of ninety seconds: almost none before 85, almost none after 95."""
    table = learned([90.0] * 100)

    assert table.survival(85.0) > 0.95
    assert table.survival(95.0) < 0.03


@pytest.mark.parametrize("tail", [0.05, 0.1, 0.5])
def test_what_lies_behind_a_sharp_peak_stays(tail: float) -> None:
    """Most tasks take forty seconds, the others a few minutes: there are as many of those as were seen."""
    dice = random.Random(4)
    table = learned([dice.uniform(150.0, 250.0) if dice.random() < tail else 40.0 for _ in range(2000)])

    assert table.survival(100.0) == pytest.approx(tail, rel=0.5)


def test_a_multitude_has_a_frontier() -> None:
    """Of a hundred that began together nobody has seen what comes next, unless there were some before."""
    table = learned(lognormal(120.0, 0.3, 500))
    for _ in range(100):
        table.survived(0.0, 90.0)
    table.estimate()

    assert table.frontier == math.inf

    table = LifeTable(INTERVAL)
    for _ in range(100):
        table.survived(0.0, 90.0)
    table.estimate()

    assert table.frontier == pytest.approx(90.0, rel=0.05)

    for number in range(100):
        table.survived(90.0, 100.0 + number)
        table.ended(0.0, 100.0 + number, 100.0 + number)
    table.estimate()

    assert table.frontier == math.inf


def test_ends_say_nothing_of_what_nobody_has_seen() -> None:
    """A thousand began together, and a fifth ended within the last thirty seconds: how many will in the next?"""
    table, dice = LifeTable(INTERVAL), random.Random(2)
    for _ in range(200):
        end = dice.uniform(60.0, 90.0)
        table.survived(0.0, end)
        table.ended(0.0, end, end)
    for _ in range(800):
        table.survived(0.0, 90.0)
    table.estimate()

    assert table.survival(90.0) == pytest.approx(0.8, abs=0.02)
    assert table.survival(105.0) / table.survival(90.0) == pytest.approx(150.0 / 165.0, abs=0.05)  # the prior's word


def test_ends_between_two_answers_are_learned() -> None:
    """Known only to lie within an interval, they tell the distribution all the same."""
    table = LifeTable(INTERVAL)
    for number, each in enumerate(lognormal(120.0, 0.3, 500)):
        after = each - each % INTERVAL
        table.survived(0.0, after)
        table.ended(PACE * number, after, after + INTERVAL)
        if table.ends % 10 == 0:
            table.estimate()
    table.estimate()

    assert table.quantile(0.5) == pytest.approx(120.0, rel=0.1)


def test_tasks_that_go_on_are_learned_from() -> None:
    """Censored ones count: where none of many ended, ends are unlikely."""
    table = learned(lognormal(120.0, 0.3, 100))
    before = table.survival(200.0)
    for _ in range(200):
        table.survived(0.0, 200.0)
    table.estimate()

    assert table.survival(200.0) > before + 0.3


def test_the_past_fades() -> None:
    """Two hundred ends later, a provider that has become slower is known as it is."""
    table = learned([*lognormal(60.0, 0.2, 500), *lognormal(150.0, 0.2, 200)])

    assert table.quantile(0.5) == pytest.approx(150.0, rel=0.15)


def test_contemporaries_are_not_forgotten() -> None:
    """Of two thousand that began together the quick ones count as much as the slow ones, however many those are."""
    table = LifeTable(INTERVAL)
    durations = sorted(lognormal(480.0, 0.3, 2000))
    for each in durations[:1800]:
        table.survived(0.0, each)
        table.ended(0.0, each, each)
    for _ in durations[1800:]:
        table.survived(0.0, durations[1800])
    table.estimate()

    assert table.quantile(0.1) == pytest.approx(durations[200], rel=0.05)
    assert table.quantile(0.5) == pytest.approx(durations[1000], rel=0.05)


def test_a_burst_fades_with_the_next() -> None:
    """Contemporaries are the past of those that began after they had ended."""
    table = LifeTable(INTERVAL)
    for begin, median in ((0.0, 60.0), (1000.0, 150.0)):
        for each in lognormal(median, 0.2, 400):
            table.survived(0.0, each)
            table.ended(begin, each, each)
    table.estimate()

    assert table.quantile(0.5) == pytest.approx(150.0, rel=0.1)


def test_forgetting_is_quicker_when_told() -> None:
    """Five ends' worth more for each: forty are enough."""
    slowly, quickly = (learned(lognormal(60.0, 0.2, 500)) for _ in range(2))
    for table, forget in ((slowly, 0.0), (quickly, 5.0)):
        for number, each in enumerate(lognormal(150.0, 0.2, 40), 500):
            table.survived(0.0, each)
            table.ended(PACE * number, each, each, forget=forget)
        table.estimate()

    assert quickly.survival(100.0) > slowly.survival(100.0) + 0.1


def test_rescaling_changes_nothing() -> None:
    """Weights grow without end and are brought back now and then."""
    table = learned(lognormal(120.0, 0.3, 300), forget=20.0)

    assert 80.0 < table.quantile(0.5) < 180.0
    assert table.survival(0.0) == 1.0


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), max_size=30),
    st.lists(st.floats(0, 1e6), min_size=2, max_size=2),
)
def test_it_is_a_survival_function(ends: list[tuple[float, float]], points: list[float]) -> None:
    """Whatever it was told: from one to zero, never rising, and no number is lost."""
    table = LifeTable(INTERVAL)
    for after, more in ends:
        table.survived(0.0, after)
        table.ended(PACE * table.ends, after, after + more)
    table.estimate()
    sooner, later = sorted(points)

    assert table.survival(0.0) == pytest.approx(1.0)
    assert 0.0 <= table.survival(later) <= table.survival(sooner) <= 1.0
    assert all(math.isfinite(each) for each in table.moments(later))


@pytest.mark.parametrize("median", [300.0, 6000.0])
@given(part=st.floats(0, 2), cost=st.floats(0.001, 5000), longest=st.floats(1.0, 1000.0))
def test_the_cost_is_reached_when_it_says(median: float, part: float, cost: float, longest: float) -> None:
    """The expected square is what was asked for, within a fifth; the answer is not later than allowed."""
    table, elapsed = MANY[median], part * median
    begun = table.moments(elapsed)
    at = table.reached(begun, elapsed, cost, longest)

    assert elapsed <= at <= elapsed + longest
    if begun[0] > 1e-6 and at < elapsed + longest - 1e-6:
        assert table._square(begun, at) == pytest.approx(cost * begun[0], rel=0.2, abs=1e-3)


def test_beyond_its_end_the_interval_holds() -> None:
    """Of tasks that run for days nobody knows anything: they are asked about as if there were no table."""
    table = learned([200_000.0] * 30)

    assert table.reached(table.moments(150_000.0), 150_000.0, 1.0, 15_000.0) == 150_000.0 + INTERVAL


def test_a_table_is_small() -> None:
    """Two of them, which a class may need, fit into 64 KiB."""
    LifeTable(INTERVAL)  # the grid is shared
    tracemalloc.start()
    kept = LifeTable(INTERVAL)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert kept.ends == 0
    assert size < 27_000
