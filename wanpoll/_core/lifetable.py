"""How long tasks of one class run: learned from answers, forgotten slowly.

A life table on a logarithmic grid holds, for each bin of elapsed time, how many ends were seen in it and how much
running was seen through it. An answer "not yet" is running up to that moment (it needs no more than two additions: the
exposures are kept as differences); an end is an end in a bin, or, where it is only known to lie between two answers, is
spread over them as the estimate so far has it.

Two memories, of about 100 and 1,000 ends, are kept. The short one is drawn to the long one, and that one to a prior
with a heavy tail, the more so the less it has seen: the first tasks of a class are asked about at nearly regular times.
"""

from __future__ import annotations

import functools
import itertools
import math
from array import array
from collections.abc import Sequence
from typing import TypeAlias

BINS = 550
RATIO = 1.019
"""Of a bin's end to its beginning: 550 of them reach from a fifth of an interval to 6,000 (3 s to 25 hours)."""

Moments: TypeAlias = tuple[float, float, float]
"""P(T > t), E[T; T > t] and E[T**2; T > t]."""

_SMALLEST = 1 / 5  # of an interval: the end of the first bin
_PRIOR_SCALE = 4.0  # intervals: the prior's survival is 1 / (1 + t / scale)
_PRIOR_STRENGTH = 2.0  # tasks' worth of exposure
_LONG_STRENGTH = 4.0  # the same, of the long memory's pull on the short one
_NEIGHBOURS = 0.6  # n ends are spread over bins that hold about n**0.6 of them,
_WIDEST = 60  # but over no more than so many bins on each side,
_NARROWEST = 20.0  # nor, while there are few, over fewer than so many / sqrt(1 + n)
_RESCALE = 1e12
_MOST_FADED = 2.0  # times what is kept: a multitude that began together does not vanish with the first end after it
_NO_MASS = 1e-9
_CROWD, _HARDLY = 30.0, 0.25  # of more than so many tasks that should have come so far, so small a part has, and fewer:
_TAIL = 0.1  # but of the last of them it is no wonder
_TRACE = 1.0  # ends' worth of what was known that outlives a change of regime
_BINS_OF_E = 1.0 / math.log(RATIO)
_log = math.log


class _Memory:
    """Ends and exposures; the last `keep` ends make up the most. New ones weigh more, old ones stay as they are."""

    __slots__ = ("count", "ends", "exposures", "keep", "scale")

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self.ends = array("f", bytes(4 * BINS))
        self.exposures = array("f", bytes(4 * (BINS + 1)))  # differences
        self.scale = 1.0
        self.count = 0.0

    def fade(self, times: float) -> None:
        """Forget as much as with so many ends."""
        part = (1.0 - 1.0 / self.keep) ** times
        self.count *= part
        self.scale /= part
        if self.scale > _RESCALE:
            self.ends = array("f", (each / self.scale for each in self.ends))
            self.exposures = array("f", (each / self.scale for each in self.exposures))
            self.scale = 1.0


class LifeTable:
    """The distribution of one duration, in seconds. `interval` sets the scale of the grid."""

    __slots__ = (
        "_edges",
        "_first",
        "_g1",
        "_g2",
        "_latest",
        "_long",
        "_prior",
        "_s",
        "_short",
        "contemporaries",
        "ends",
        "frontier",
        "interval",
    )

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._edges, self._prior = _grid(interval)
        self._first = self._edges[1]
        self._short, self._long = _Memory(100.0), _Memory(1000.0)
        self.ends = 0
        self._latest = -math.inf  # when the task began that began last, of those that have ended
        self.contemporaries = 0.0
        """Ends that have not made the past fade yet, since their tasks began at about the same time."""
        self.frontier = math.inf
        """Seconds of which it was seen what becomes of tasks; hardly any of many has been seen to come further."""
        self.estimate()

    # -- learning ----------------------------------------------------------------------------------------------

    def survived(self, since: float, until: float) -> None:
        """A task that ran `since` seconds ran on to `until`."""
        since = max(0.0, since)
        if until <= since:
            return
        edges, first, last = self._edges, self._bin(since), self._bin(until)
        begin, end = edges[first + 1], edges[last]
        before = (begin - since) / (begin - edges[first])  # the part of the first bin that lies behind `since`
        after = (until - end) / (edges[last + 1] - end)
        for memory in (self._short, self._long):
            exposures, scale = memory.exposures, memory.scale
            if first == last:
                part = scale * (before + after - 1.0)
                exposures[first] += part
                exposures[first + 1] -= part
            else:
                part = scale * before
                exposures[first] += part
                exposures[first + 1] += scale - part
                part = scale * after
                exposures[last] += part - scale
                exposures[last + 1] -= part

    def ended(self, began: float, after: float, by: float, *, forget: float = 0.0) -> None:
        """A task that ran `after` seconds since it `began` ended `by` then, or just then where both are the same.

        With it the past fades away, and `forget` ends' worth of it more.
        """
        self.ends += 1
        first, parts, run = self._parts(after, by)
        edges = self._edges
        ahead = max(0.0, min(1.0, (edges[first + 1] - after) / (edges[first + 1] - edges[first])))
        fades = self._fades(began, began + by) + forget
        for memory in (self._short, self._long):
            memory.fade(min(fades, _MOST_FADED * memory.keep))
            memory.count += 1.0
            ends, exposures, scale = memory.ends, memory.exposures, memory.scale
            alive, before, could = scale, 0.0, ahead
            for each, (part, through) in enumerate(zip(parts, run, strict=True), first):
                ended = scale * part
                ends[each] += ended
                alive -= ended
                # Who ends in a bin could have ended in all that was left of it: so ends / exposure is a probability.
                weight = alive * through + ended * could
                exposures[each] += weight - before
                before, could = weight, 1.0
            exposures[first + len(parts)] -= before

    def _fades(self, began: float, now: float) -> float:
        """How many ends' worth of the past fades with the end of a task that `began` then.

        On average one. But contemporaries do not make one another forgotten: of a thousand that began together, the
        quick ones would be by the slow ones, and what is left would be wrong about both.
        """
        self.contemporaries += 1.0
        latest, self._latest = self._latest, max(self._latest, began)
        if not latest < began < now or latest == -math.inf:
            return 0.0
        fades = self.contemporaries * (began - latest) / (now - latest)
        self.contemporaries -= fades
        return fades

    def restart(self) -> None:
        """Forget all but a trace: what was seen is of no use any more."""
        for memory in (self._short, self._long):
            if memory.count > _TRACE:
                memory.fade(math.log(_TRACE / memory.count) / math.log(1.0 - 1.0 / memory.keep))

    def _parts(self, after: float, by: float) -> tuple[int, list[float], list[float]]:
        """The first of the bins from `after` to `by`; how likely the end lies in each, and how far each is run through.

        As likely as it was estimated last; within a bin, ends are spread evenly.
        """
        edges, survival, first, last = self._edges, self._s, self._bin(after), self._bin(by)
        if first == last:
            return first, [1.0], [(by - after) / (edges[first + 1] - edges[first])]
        run = [1.0] * (last + 1 - first)
        run[0] = (edges[first + 1] - after) / (edges[first + 1] - edges[first])
        run[-1] = (by - edges[last]) / (edges[last + 1] - edges[last])
        masses = [max(1e-12, (survival[each] - survival[each + 1]) * part) for each, part in enumerate(run, first)]
        total = sum(masses)
        return first, [mass / total for mass in masses], run

    @property
    def known(self) -> float:
        """How many ends' worth is remembered."""
        return self._long.count

    # -- estimating --------------------------------------------------------------------------------------------

    def estimate(self) -> None:
        """Take what was learned into account. (It costs a millisecond, so whoever learns says when.)"""
        explored = _explored(self._long)
        self.frontier = self._edges[explored] if explored < BINS else math.inf
        hazards = _hazards(self._long, explored, self._prior, _PRIOR_STRENGTH)
        if self.ends:
            hazards = _hazards(self._short, explored, hazards, _LONG_STRENGTH)
        survival = [1.0]
        for hazard in hazards:
            survival.append(survival[-1] * (1.0 - min(0.9999, max(1e-9, hazard))))
        survival[-1] = 0.0
        first, second = [0.0] * (BINS + 1), [0.0] * (BINS + 1)
        # Summed from the end: in the tail, where little is left, nothing is lost to rounding.
        for each in range(BINS - 1, -1, -1):
            mass, begin, end = survival[each] - survival[each + 1], self._edges[each], self._edges[each + 1]
            first[each] = first[each + 1] + mass * (begin + end) / 2
            second[each] = second[each + 1] + mass * (begin * begin + begin * end + end * end) / 3
        self._s, self._g1, self._g2 = array("d", survival), array("d", first), array("d", second)

    def survival(self, elapsed: float) -> float:
        """The probability that a task runs longer than `elapsed` seconds."""
        each = self._bin(elapsed)
        begin, end, left = self._edges[each], self._edges[each + 1], self._s[each + 1]
        return left if elapsed >= end else left + (self._s[each] - left) * (end - elapsed) / (end - begin)

    def quantile(self, part: float) -> float:
        """The seconds within which `part` of the tasks end."""
        survival, low, high = self._s, 0, BINS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if survival[middle] > 1.0 - part else (low, middle)
        return self._edges[high]

    def mean_end(self, after: float, by: float) -> float:
        """When tasks end that run `after` seconds and not longer than `by`, on average."""
        begun, left = self.moments(after), self.moments(by)
        mass = begun[0] - left[0]
        return (begun[1] - left[1]) / mass if mass > _NO_MASS else (after + by) / 2

    def moments(self, elapsed: float) -> Moments:
        """The moments of what lies beyond `elapsed` seconds; within a bin, ends are spread evenly."""
        each = self._bin(elapsed)
        begin, end = self._edges[each], self._edges[each + 1]
        if elapsed > end:
            elapsed = end
        left = (self._s[each] - self._s[each + 1]) * (end - elapsed) / (end - begin)
        return (
            self._s[each + 1] + left,
            self._g1[each + 1] + left * (elapsed + end) / 2,
            self._g2[each + 1] + left * (elapsed * elapsed + elapsed * end + end * end) / 3,
        )

    def reached(self, begun: Moments, elapsed: float, cost: float, longest: float) -> float:
        """When E[(y - T)**2; elapsed < T <= y | T > elapsed] reaches `cost`; after `longest` seconds, if not before.

        `begun` are the moments at `elapsed`.
        """
        left, first, second = begun
        latest, wanted = elapsed + longest, cost * left
        if not left:  # nobody knows of any that ran so long
            return min(elapsed + self.interval, latest)
        if self._square(begun, latest) < wanted:
            return latest
        s, g1, g2, edges = self._s, self._g1, self._g2, self._edges
        low, high = self._bin(elapsed), min(BINS, self._bin(latest) + 1)
        while high - low > 1:
            middle = (low + high) // 2
            at = edges[middle]
            square = at * at * (left - s[middle]) - 2 * at * (first - g1[middle]) + second - g2[middle]
            low, high = (low, middle) if square >= wanted else (middle, high)
        sooner, later = max(elapsed, edges[low]), min(edges[high], latest)
        # Within a bin it grows as a cube, since ends are spread evenly over it.
        before, after, wanted = (
            max(0.0, each) ** (1 / 3) for each in (self._square(begun, sooner), self._square(begun, later), wanted)
        )
        return sooner + (later - sooner) * (wanted - before) / (after - before) if before < wanted < after else later

    def square(self, since: float, until: float) -> float:
        """E[(until - T)**2; since < T <= until | T > since]."""
        begun = self.moments(since)
        return self._square(begun, until) / max(begun[0], _NO_MASS)

    def _square(self, begun: Moments, at: float) -> float:
        left = self.moments(at)
        return at * at * (begun[0] - left[0]) - 2 * at * (begun[1] - left[1]) + begun[2] - left[2]

    def _bin(self, elapsed: float) -> int:
        if elapsed <= self._first:
            return 0
        each = 1 + int(_log(elapsed / self._first) * _BINS_OF_E)
        return each if each < BINS else BINS - 1


@functools.cache
def _grid(interval: float) -> tuple[array[float], array[float]]:
    """The edges of the bins, and the prior's hazard in each: the same for all classes of an account."""
    edges = array("d", [0.0, *(interval * _SMALLEST * RATIO**each for each in range(BINS))])
    scale = _PRIOR_SCALE * interval
    return edges, array("d", ((end - begin) / (scale + end) for begin, end in itertools.pairwise(edges)))


def _explored(memory: _Memory) -> int:
    """The bins of which it was seen what becomes of tasks.

    Of a multitude that began together nobody knows what comes next: many that have not ended, none that is older.
    """
    exposed, coming, most = 0.0, 0.0, _CROWD * memory.scale
    for each, (exposure, ended) in enumerate(zip(memory.exposures, memory.ends, strict=False)):
        exposed += exposure
        coming = max(coming, exposed)  # those that would have come here, if all were followed to their ends
        most = max(most, coming)
        if coming < _TAIL * most:
            return BINS
        if exposed < min(_HARDLY * coming, _CROWD * memory.scale):
            return each
        coming *= max(0.0, 1.0 - ended / exposed)
    return BINS


def _hazards(memory: _Memory, explored: int, base: Sequence[float], strength: float) -> list[float]:
    """The probability to end in each bin for those that reach it, drawn to `base` with `strength`."""
    scale, exposed, left = memory.scale, 0.0, 1.0
    expected, seen = [], []  # parts of all tasks that end in each bin
    for exposure, ended, prior in zip(memory.exposures, memory.ends, base, strict=False):
        exposed += exposure
        at_risk = max(exposed, 0.0) / scale + strength
        expected.append(left * strength * prior / at_risk)
        seen.append(left * min(1.0, ended / scale / at_risk))
        left = max(0.0, left - expected[-1] - seen[-1])
    # Parts are spread, not probabilities: however sharp a peak is, what lies behind it stays.
    hazards, left, spread = [], 1.0, 0.0
    for part, more in zip(expected, _spread(memory, seen, explored), strict=False):
        spread += more
        ends = part + max(0.0, spread)
        hazards.append(min(1.0, ends / left) if left > _NO_MASS else 1.0)
        left = max(0.0, left - ends)
    return hazards


def _spread(memory: _Memory, parts: Sequence[float], explored: int) -> list[float]:
    """The parts that end in each bin, spread over those of its neighbours that are explored, as differences."""
    ends, wanted = memory.ends, memory.scale * max(1.0, memory.count) ** _NEIGHBOURS
    sums = [0.0]
    for each in ends:
        sums.append(sums[-1] + each)
    least = half = int(_NARROWEST / math.sqrt(1.0 + memory.count))
    spread = [0.0] * (BINS + 1)
    for place, part in enumerate(parts):
        if not part:
            continue
        while half > least and sums[min(BINS, place + half)] - sums[max(0, place - half + 1)] >= wanted:
            half -= 1
        while half < _WIDEST and sums[min(BINS, place + half + 1)] - sums[max(0, place - half)] < wanted:
            half += 1
        begin, end = max(0, place - half), min(max(explored, place + 1), place + half + 1)
        spread[begin] += part / (end - begin)
        spread[end] -= part / (end - begin)
    return spread
