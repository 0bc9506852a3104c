import random
import statistics

import pytest

from wanpoll.exceptions import UsageError
from wanpoll.simulator import Constant, Exponential, Lognormal, Mixture, Uniform


def draws(distribution, count=4_000):
    dice = random.Random(0)
    return [distribution.draw(dice) for _ in range(count)]


@pytest.mark.parametrize(
    ("distribution", "median"),
    [
        (Constant(7), 7),
        (Uniform(2, 6), 4),
        (Exponential(10), 6.93),
        (Lognormal(180, 0.5), 180),
        (Mixture([(3, Constant(1)), (1, Constant(9))]), 1),
    ],
)
def test_median(distribution, median):
    """Half of the draws lie below the median that the distribution promises, and none below zero."""
    drawn = draws(distribution)

    assert statistics.median(drawn) == pytest.approx(median, rel=0.06)
    assert min(drawn) >= 0


def test_mixture_weights():
    """A part is drawn as often as its weight says."""
    drawn = draws(Mixture([(3, Constant(1)), (1, Constant(9))]))

    assert drawn.count(9) / len(drawn) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(-1),
        lambda: Uniform(5, 1),
        lambda: Exponential(0),
        lambda: Lognormal(0, 1),
        lambda: Lognormal(1, -1),
        lambda: Lognormal(float("nan"), 1),
        lambda: Mixture([]),
        lambda: Mixture([(0, Constant(1))]),
    ],
)
def test_nonsense_is_refused(make):
    """A distribution that cannot be drawn from is a UsageError when it is made."""
    with pytest.raises(UsageError, match="give"):
        make()
