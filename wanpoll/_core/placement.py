"""When an answer is likely: the moments at which it pays to ask.

This is optimal inspection (Barlow and Proschan 1963). A request costs a price, in seconds of lag that it is worth; ask
again at the moment by which the expected cost of not having asked since the last answer reaches it:

    E[(y - T)**2; x < T <= y | T > x] / d = price / 2        x: elapsed at the last "not yet", y: at the next question

The square keeps long lags rare. The price is solved for what the user wants: in *economy* the mean lag is that of
asking at the advised interval, in *fast* the requests are. What the estimate gets wrong is learned from ends whose
times are known: the price moves a little with each.
"""

from __future__ import annotations

import functools
import math
from collections import deque

from wanpoll._core.lifetable import LifeTable

ECONOMY = "economy"
FAST = "fast"

LONGEST_SILENCE = 20.0
"""Intervals (300 s, at 15 s): no task is left alone for longer, unless it has run ten times as long already."""

PRESSURE = 0.1
"""One step of pressure, in the logarithm of the price."""

REGULAR = 1.05
"""Intervals between two polls of the fixed schedule, on average: it never asks sooner than advised."""

_LATE = 0.1  # of the elapsed time: the longest silence of very old tasks
_FLOOR = 1 / 15  # of an interval
_CHEAPEST, _DEAREST = math.log(1 / 3000), math.log(30.0)  # intervals
_ENOUGH = 0.003  # the part of tasks whose plan does not matter
_MOST_POLLS = 300
_HALVINGS, _FEW_HALVINGS = 12, 4
_NEAR = 0.7  # of log price: how far it moves at most from one estimate to the next
_UNHEARD, _MOST_UNHEARD = 15, 100  # an estimate holds for a 15th of the ends more, and for so many at most
_GAIN = 0.02
_MOST_CORRECTION = 1.5
_RELATIVE = 1.015  # plans are kept for elapsed times this close
_TRUSTED = 20  # ends after which an estimate can be surprised
_RARE = 0.01
_FORGET = 15.0


class Placement:
    """Where the polls of tasks with one life table go."""

    __slots__ = ("_around", "_correction", "_due", "_next", "_strange", "mode", "price", "table")

    def __init__(self, table: LifeTable, mode: str, price: float | None = None) -> None:
        self.table = table
        self.mode = mode
        self._correction = 0.0
        self._around = _CHEAPEST, _DEAREST  # where the logarithm of the price is looked for
        self._next: dict[tuple[int, int], float] = {}  # by elapsed time, on a logarithmic grid, and pressure
        self._due = 0  # ends at which to estimate anew
        self._strange: deque[int] = deque(maxlen=3)  # of the last ends: 1 very late, -1 very early, 0 neither
        if price is None:
            self._solve()
        else:
            self._set_price(price)

    def step(self, elapsed: float, pressure: int = 0) -> float:
        """How long to leave a task alone that had not ended at `elapsed`.

        `pressure` (of the quota, in steps of `PRESSURE` in the logarithm) makes requests dearer.
        """
        key = int(math.log(max(elapsed, 1e-3)) / math.log(_RELATIVE)), pressure
        step = self._next.get(key)
        if step is None:
            step = self._next[key] = self._step(elapsed, self.price * math.exp(self._correction), pressure * PRESSURE)
        return step

    def ended(self, after: float, by: float, end: float | None, *, steer: bool = True) -> bool:
        """A task that had not ended at `after` had at `by`; `end` is when it did, where that is known.

        Whether that was a surprise: what was planned before is out of date. `steer` the price by the lag, unless the
        quota decides it.
        """
        forget = self._surprise(by if end is None else end)
        if end is None:
            self.table.ended(after, by, forget=forget)
        else:
            end = min(max(end, after), by)
            self.table.survived(after, end)
            self.table.ended(end, end, forget=forget)
            if steer:
                self._correct(by - end)
        if self.table.ends >= self._due or forget > 1.0:
            self.table.estimate()
            self._solve()
        return forget > 1.0

    def _surprise(self, end: float) -> float:
        """How many ends' worth to forget: more when two of three lie where only one in fifty should, a new regime."""
        if self.table.ends < _TRUSTED:
            return 1.0
        part = self.table.survival(end)
        self._strange.append(1 if part < _RARE else -1 if part > 1.0 - _RARE else 0)
        return _FORGET if abs(sum(self._strange)) >= 2 else 1.0

    def _correct(self, lag: float) -> None:
        if self.mode == ECONOMY:
            wanted = REGULAR * self.table.interval / 2
            moved = self._correction + _GAIN * max(-3.0, 1.0 - lag / wanted)
            self._correction = min(_MOST_CORRECTION, max(-_MOST_CORRECTION, moved))

    def _solve(self) -> None:
        """Find the price at which the plan has the lag, or makes the requests, that are wanted."""
        interval = self.table.interval
        wanted = REGULAR * interval / 2 if self.mode == ECONOMY else self._regular_requests()
        low, high = self._around
        for _ in range(_HALVINGS if high - low > 2 * _NEAR else _FEW_HALVINGS):
            middle = (low + high) / 2
            requests, lag = self._forecast(interval * math.exp(middle))
            too_dear = lag > wanted if self.mode == ECONOMY else requests < wanted
            low, high = (low, middle) if too_dear else (middle, high)
        self._set_price(interval * math.exp((low + high) / 2))

    def _set_price(self, price: float) -> None:
        found = math.log(price / self.table.interval)
        self.price = price
        self._around = max(_CHEAPEST, found - _NEAR / 2), min(_DEAREST, found + _NEAR / 2)
        self._next.clear()
        ends = self.table.ends
        self._due = ends + min(_MOST_UNHEARD, max(1, ends // _UNHEARD))

    def _regular_requests(self) -> float:
        """How many requests a task takes at the advised interval."""
        total, elapsed = 0.0, 0.0
        while (left := self.table.survival(elapsed)) > _ENOUGH:
            total += left
            elapsed += REGULAR * self.table.interval
        return total

    def _forecast(self, price: float) -> tuple[float, float]:
        """The requests and the lag of a task, on average, if this is the price."""
        elapsed = requests = lag = 0.0
        begun = self.table.moments(0.0)
        for _ in range(_MOST_POLLS):
            elapsed += self._step(elapsed, price)
            left = self.table.moments(elapsed)
            requests += begun[0]
            lag += elapsed * (begun[0] - left[0]) - (begun[1] - left[1])
            begun = left
            if left[0] < _ENOUGH:
                break
        return requests, lag

    def _step(self, elapsed: float, price: float, pressure: float = 0.0) -> float:
        interval = self.table.interval
        # A step is about as the cube root of its price, and so is the longest.
        longest = max(LONGEST_SILENCE * interval, _LATE * elapsed) * math.exp(pressure / 3.0)
        price *= math.exp(pressure)
        return max(self.table.reached(elapsed, price / 2 * interval, longest) - elapsed, _FLOOR * interval)


def new_placement(interval: float, mode: str) -> Placement:
    """A placement that has not learned anything yet."""
    return Placement(LifeTable(interval), mode, _first_price(interval, mode))


@functools.cache
def _first_price(interval: float, mode: str) -> float:
    """The price before anything is learned: the same for all classes, and dear to find."""
    return Placement(LifeTable(interval), mode).price
