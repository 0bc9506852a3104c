"""How long things take: distributions of provider seconds, drawn with dice that the caller seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Protocol

from attrs import field, frozen

from wanpoll.exceptions import UsageError
from wanpoll.simulator._checks import between, check_positive, positive


class Distribution(Protocol):
    """Anything that draws provider seconds, 0 or more."""

    def draw(self, dice: random.Random) -> float:
        """One draw, in provider seconds."""
        ...


@frozen
class Constant:
    """Always the same number of provider seconds."""

    seconds: float = field(validator=between(0))

    def draw(self, dice: random.Random) -> float:
        """The constant itself."""
        return self.seconds


@frozen
class Uniform:
    """Any number of provider seconds from `low` to `high`, all alike."""

    low: float = field(validator=between(0))
    high: float = field(validator=between(0))

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise UsageError(f"Uniform(low={self.low:g}, high={self.high:g}): give a high that is not below low")

    def draw(self, dice: random.Random) -> float:
        """One draw, in provider seconds."""
        return dice.uniform(self.low, self.high)


@frozen
class Exponential:
    """Memoryless, with a `mean` in provider seconds."""

    mean: float = field(validator=positive)

    def draw(self, dice: random.Random) -> float:
        """One draw, in provider seconds."""
        return dice.expovariate(1 / self.mean)


@frozen
class Lognormal:
    """Half of the draws below `median` provider seconds, with a long tail: what rendering times look like.

    `sigma` is the standard deviation of the logarithm: at 0.5 one task in twenty takes over 2.3 medians.
    """

    median: float = field(validator=positive)
    sigma: float = field(validator=between(0))

    def draw(self, dice: random.Random) -> float:
        """One draw, in provider seconds."""
        return dice.lognormvariate(math.log(self.median), self.sigma)


def _weighed(parts: Iterable[tuple[float, Distribution]]) -> tuple[tuple[float, Distribution], ...]:
    weighed = tuple((check_positive("weight", weight), part) for weight, part in parts)
    if not weighed:
        raise UsageError("Mixture(parts=()): give at least one (weight, distribution)")
    return weighed


@frozen
class Mixture:
    """One of several distributions, by weight: `Mixture([(0.9, Constant(3)), (0.1, Lognormal(180, 0.5))])`."""

    parts: tuple[tuple[float, Distribution], ...] = field(converter=_weighed)

    def draw(self, dice: random.Random) -> float:
        """Choose a part by its weight and draw from it."""
        weights = [weight for weight, _ in self.parts]
        ((_, part),) = dice.choices(self.parts, weights)
        return part.draw(dice)
