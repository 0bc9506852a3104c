"""How long tasks take: laws to draw durations from, in seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import TypeAlias

Law: TypeAlias = Callable[[Random], float]

SHORTEST = 0.5
"""Seconds. No task ends sooner."""


def lognormal(median: float, sigma: float) -> Law:
    """`sigma` is that of the logarithm."""
    return lambda rng: median * math.exp(sigma * rng.gauss(0.0, 1.0))


def gamma(mean: float, shape: float) -> Law:
    """A sum of `shape` exponential steps."""
    return lambda rng: rng.gammavariate(shape, mean / shape)


def weibull(scale: float, shape: float) -> Law:
    """The hazard rises for a `shape` above one, falls below."""
    return lambda rng: rng.weibullvariate(scale, shape)


def exponential(mean: float) -> Law:
    """Nothing can be learned from how long a task has run."""
    return lambda rng: rng.expovariate(1.0 / mean)


def shifted(shift: float, mean: float) -> Law:
    """A silence of `shift`, then nothing can be learned."""
    return lambda rng: shift + rng.expovariate(1.0 / mean)


def constant(seconds: float) -> Law:
    """Always the same."""
    return lambda _: seconds


def mixture(*parts: tuple[float, Law]) -> Law:
    """One of several laws, each with its weight."""
    weights = [weight for weight, _ in parts]
    laws = [law for _, law in parts]
    return lambda rng: rng.choices(laws, weights)[0](rng)


def draw(law: Law, rng: Random) -> float:
    """A duration, no shorter than `SHORTEST`."""
    return max(SHORTEST, law(rng))
