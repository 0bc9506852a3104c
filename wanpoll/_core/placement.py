"""When an answer is likely: the moments at which it pays to ask.

This is optimal inspection (Barlow and Proschan 1963). A request costs a price, in seconds of lag that it is worth; ask
again at the moment by which the expected cost of not having asked since the last answer reaches it:

    E[(y - T)**2; x < T <= y | T > x] / d = price / 2        x: elapsed at the last "not yet", y: at the next question

The square keeps long lags rare. The price is solved for what the user wants: in *economy* the mean lag is that of
asking at the advised interval, in *fast* the requests are.
"""

from __future__ import annotations

import functools
import math
from array import array

from wanpoll._core.lifetable import LifeTable, Moments
from wanpoll._core.regime import News, Regime

ECONOMY = "economy"
FAST = "fast"

LONGEST_SILENCE = 20.0
"""Intervals (300 s, at 15 s): no task is left alone for longer, but for one that has run ten times as long already, or
under pressure, which stretches it as it does steps."""

LATE = 0.1
"""That part of the time for which a task has run: the longest silence about very old ones."""

DEARER = 0.1
"""One step in the logarithm of the price."""

_FLOOR = 1 / 15  # of an interval
_CHEAPEST, _DEAREST = math.log(1 / 3000), math.log(30.0)  # intervals
_ENOUGH = 0.003  # the part of tasks whose plan does not matter, at the least
_CAUTION = 2.0  # ends that justify one more interval of silence: a class that is not known is asked as if fixed
_UNSEEN, _KNOWN = 1.5, 4.0  # of tasks that nothing but the prior tells of: so many of 4 and those that were seen
_MOST_POLLS = 1000
_ALIKE = 0.01  # of the time that has passed: so far steps are taken together
_CLOSE = 0.02  # how near the forecast has to come to what is wanted
_MOST_FORECASTS = 12
_UNHEARD, _MOST_UNHEARD = 15, 250  # an estimate holds for a 15th of the ends more, and for so many at most
_PLANS = 1.0 / math.log(1.015)  # plans are kept for elapsed times this close
_FIRST_KEPT, _MOST_KEPT = 182, 1024  # a fifteenth of an interval, and 290,000 of them
_NONE_KEPT = array("f", bytes(4 * _MOST_KEPT))
_FORGET = 15.0  # ends' worth, where some were strange


class Placement:
    """Where the polls of tasks with one life table go."""

    __slots__ = ("_daring", "_due", "_kept", "_kept_for", "_regime", "estimates", "mode", "price", "table")

    def __init__(self, table: LifeTable, mode: str, price: float) -> None:
        self.table = table
        self.mode = mode
        self.price = price  # seconds of lag that a request is worth
        self._kept = _NONE_KEPT[:]  # steps, by elapsed time, at one pressure
        self._kept_for = 0, 0
        self.estimates = 0  # how many there were
        self._daring = 1.0  # intervals of silence that what is known may justify
        self._due = 1  # ends at which to estimate anew
        self._regime = Regime(table)

    def step(self, elapsed: float, pressure: int = 0, dearer: int = 0) -> float:
        """How long to leave a task alone that had not ended at `elapsed`.

        `pressure` (of the quota) and `dearer` (by what the forecast gets wrong) raise the price, in steps of `DEARER`.
        """
        if (pressure, dearer) != self._kept_for:
            self._kept, self._kept_for = _NONE_KEPT[:], (pressure, dearer)
        place = min(
            _MOST_KEPT - 1, int(math.log(max(elapsed, 0.0) / self.table.interval + _FLOOR) * _PLANS) + _FIRST_KEPT
        )
        step = self._kept[place]
        if not step:
            price = self.price * math.exp(dearer * DEARER)
            step = self._step(self.table.moments(elapsed), max(elapsed, 0.0), price, pressure * DEARER)
            self._kept[place] = step
        return step

    def survived(self, began: float, since: float, until: float, followed: float = 0.0) -> News:
        """A task that `began` then ran on from `since` to `until` seconds. Before `followed`, nobody knew of it."""
        # Who is tracked late is there because it has not ended: that says nothing of those that have.
        self.table.survived(max(since, followed) if followed > self.table.interval else since, until)
        news = self._regime.survived(began, max(since, followed), until)
        return News.NONE if news is News.NONE else self._heed(news)

    def ended(self, began: float, after: float, by: float, end: float | None, *, expected: bool = True) -> News:
        """A task that `began` then had not ended at `after` and had at `by`; `end` is when, where that is known.

        Was anything `expected` of it? While it ran, nobody knew its age otherwise.
        """
        news = self._regime.ended(began, after, by, end) if expected else News.NONE
        forget = _FORGET if news is News.DOUBT else 0.0
        if end is None:
            self.table.ended(began, after, by, forget=forget)
        else:
            self.table.survived(after, end)
            self.table.ended(began, end, end, forget=forget)
        if self.table.ends >= self._due and news <= News.STRANGE:
            self.solve()
        return self._heed(news)

    def _heed(self, news: News) -> News:
        if news is News.CHANGED:
            self.table.restart()
            self._regime.restart()
        if news >= News.DOUBT:
            self.solve()
        return news

    def solve(self) -> None:
        """Estimate anew, and find the price at which the plan has the lag, or makes the requests, that are wanted."""
        self.estimates += 1
        self._daring = 1.0 + self.table.known / _CAUTION
        self.table.estimate()
        self._regime.estimated()
        interval = self.table.interval
        wanted = interval / 2 if self.mode == ECONOMY else self._regular_requests()
        low, high = _CHEAPEST, _DEAREST
        found = min(high, max(low, math.log(self.price / interval)))
        for _ in range(_MOST_FORECASTS):
            requests, lag = self._forecast(interval * math.exp(found))
            off = math.log(wanted / lag) if self.mode == ECONOMY else math.log(requests / wanted)
            if abs(off) < _CLOSE or high - low < _CLOSE:
                break
            # A lag is about as the cube root of the price, and requests as its inverse.
            low, high = (found, high) if off > 0.0 else (low, found)
            guess = found + 3.0 * off
            found = guess if low < guess < high else (low + high) / 2
        self.price = interval * math.exp(found)
        self._kept = _NONE_KEPT[:]
        self._due = self.table.ends + min(_MOST_UNHEARD, max(1, self.table.ends // _UNHEARD))

    def _regular_requests(self) -> float:
        """How many requests a task takes at the advised interval."""
        total, elapsed, interval = 0.0, 0.0, self.table.interval
        left, enough = 1.0, self._enough()
        while left > enough:
            steps = _at_once(elapsed, interval)
            elapsed += steps * interval
            begun, left = left, self.table.survival(elapsed)
            total += begun if steps == 1 else steps * (begun + left) / 2.0
        return total

    def _forecast(self, price: float) -> tuple[float, float]:
        """The requests and the lag of a task, on average, if this is the price."""
        elapsed = requests = lag = 0.0
        begun, enough = self.table.moments(0.0), self._enough()
        for _ in range(_MOST_POLLS):
            step = self._step(begun, elapsed, price)
            steps = _at_once(elapsed, step)
            elapsed += steps * step
            left = self.table.moments(elapsed)
            if steps == 1:
                requests += begun[0]
                lag += elapsed * (begun[0] - left[0]) - (begun[1] - left[1])
            else:  # as if ends were spread evenly over them
                requests += steps * (begun[0] + left[0]) / 2.0
                lag += step / 2.0 * (begun[0] - left[0])
            begun = left
            if left[0] < enough:
                break
        return requests, lag

    def _enough(self) -> float:
        return max(_ENOUGH, _UNSEEN / (_KNOWN + self.table.known))

    def _step(self, begun: Moments, elapsed: float, price: float, pressure: float = 0.0) -> float:
        """`begun` are the moments at `elapsed`."""
        interval = self.table.interval
        longest = min(self._daring * interval, max(LONGEST_SILENCE * interval, LATE * elapsed))
        longest *= math.exp(pressure / 3.0)  # a step is about as the cube root of its price, and so is the longest
        price *= math.exp(pressure)
        step = self.table.reached(begun, elapsed, price / 2 * interval, longest) - elapsed
        if elapsed + step > self.table.frontier:
            return max(step, interval * math.exp(pressure / 3.0))
        return max(step, _FLOOR * interval)


def _at_once(elapsed: float, step: float) -> int:
    """How many steps that are alike are reckoned together, when they are short beside the time that has passed."""
    return max(1, int(elapsed * _ALIKE / step))


def new_placement(interval: float, mode: str) -> Placement:
    """A placement that has not learned anything yet."""
    return Placement(LifeTable(interval), mode, _first_price(interval, mode))


@functools.cache
def _first_price(interval: float, mode: str) -> float:
    """The price before anything is learned: the same for all classes, and dear to find."""
    first = Placement(LifeTable(interval), mode, interval)
    first.solve()
    return first.price
