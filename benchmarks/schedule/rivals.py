"""What others do, on the same draws: each asks about a task at times that only its age decides."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from random import Random

from attrs import frozen

from benchmarks.schedule.lives import Life
from benchmarks.schedule.replay import INTERVAL, LATENCY, Run


@frozen
class Plan:
    """Ask at these ages (seconds since the submission), then every `step` seconds."""

    ages: list[float]
    step: float

    def detect(self, end: float) -> tuple[int, float]:
        """How often a task that ends at the age `end` is asked about, and the lag of the news."""
        seen = end - LATENCY / 2
        before = bisect.bisect_left(self.ages, seen)
        if before < len(self.ages):
            return before + 1, self.ages[before] + LATENCY - end
        more = math.ceil((seen - self.ages[-1]) / self.step)
        return before + more, self.ages[-1] + more * self.step + LATENCY - end


def follow(lives: Iterable[Life], plan_of: Callable[[int, Life], Plan]) -> Run:
    """All lives, each by its plan."""
    detected = [plan_of(index, life).detect(life.duration) for index, life in enumerate(lives)]
    return Run([polls for polls, _ in detected], [lag for _, lag in detected])


def every(interval: float) -> Callable[[list[Life]], Run]:
    """A fixed interval.

    The first one is drawn, from half to one and a half of it: else tasks of a constant duration would be in step with
    the polls, and their lag an accident. It asks as often as a strict one does on average, `ceil(T / interval)`.
    """

    def run(lives: list[Life]) -> Run:
        rng = Random(len(lives))
        return follow(lives, lambda *_: Plan([interval * rng.uniform(0.5, 1.5)], interval))

    return run


def growing(delays: tuple[float, ...], *, at_once: bool) -> Callable[[list[Life]], Run]:
    """Sleep these delays between an answer and the next question, the last of them again and again."""
    waits = [delay + LATENCY for delay in delays]
    first = 0.0 if at_once else delays[0]
    ages = list(itertools.accumulate([first, *(waits if at_once else waits[1:])]))
    plan = Plan(ages, waits[-1])
    return lambda lives: follow(lives, lambda *_: plan)


RIVALS: Mapping[str, Callable[[list[Life]], Run]] = {
    "every15": every(INTERVAL),
    "doubling": growing((1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 60.0), at_once=False),
    "sdk": growing((*[1.0] * 2, *[2.0] * 3, *[4.0] * 3, 5.0), at_once=True),
}
"""The fixed interval; exponential from 1.5 to 60 s; the growth of the official SDK, which asks at once first."""
