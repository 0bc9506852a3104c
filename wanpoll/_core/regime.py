"""Whether tasks have changed: answers that an estimate does not expect, one after the other.

A provider that becomes quicker is the harder to notice: nobody asks about tasks that cannot be ready yet. Each answer
is weighed: how much likelier is it, if tasks take half of the time, or a fifth (the sequential test of Page, 1954)? The
first that is much likelier is reason to ask about contemporaries of its task, and only theirs count after it: older
tasks go on as they did. One that becomes slower is noticed by answers "not yet" that come late, before the first end.
"""

from __future__ import annotations

import enum
import math

from wanpoll._core.lifetable import LifeTable

_TRUSTED = 20  # ends after which an estimate can be wrong about one
_QUICKER = 2.0, 5.0  # times
_STRANGE = 2.5  # one answer, in the logarithm of how much likelier it is
_DOUBTFUL, _PROVED = 5.0, 8.0  # several
_MOST = 4.0  # what one answer counts
_UNLIKELY = 0.001
_EXACT = 1.05  # an exact end is as good as one in a span of this ratio on each side
_LATE = 0.01  # the part of ends that is late
_USUAL = 1 / 3  # how much an end where it was expected speaks against a slow-down
_SLOWER, _SLOW = 2.0, 3.0
_OF_A_CROWD = 0.05  # of tasks that began together so many may be late, after the others have ended


class News(enum.IntEnum):
    """What an answer says of the estimate. The greater, the more is to be done about it."""

    NONE = 0
    STRANGE = 1
    """An end was early: contemporaries of its task should be asked."""
    DOUBT = 2
    """Several answers were strange: the past counts for less."""
    CHANGED = 3
    """What was known is of no use any more, nor is what was planned."""


class Regime:
    """Watches the answers about the tasks of one life table."""

    __slots__ = ("_from", "_late", "_quicker", "_slower", "_suspect", "_table")

    def __init__(self, table: LifeTable) -> None:
        self._table = table
        self.restart()

    def restart(self) -> None:
        """Expect nothing until enough ends of the new regime were seen, of tasks that others have come after.

        (Of those that began together the quick ones end first: it would be wrong to expect the same of the rest.)
        """
        self._from = self._passed() + _TRUSTED
        self._quicker = self._slower = 0.0  # how much speaks for a change
        self._suspect = -math.inf  # when the task was submitted whose answer was the first of those
        self._late = math.inf

    def estimated(self) -> None:
        """The estimate is new. (But a multitude that runs on is not the measure of its own lateness.)"""
        late = self._table.quantile(1.0 - _LATE)
        if self._passed() >= self._from and late <= self._table.frontier:
            self._late = late

    def ended(self, born: float, after: float, by: float, end: float | None) -> News:
        """A task submitted at `born` that had not ended after `after` seconds had by `by`; `end`, where it is known."""
        if self._late == math.inf:
            return News.NONE
        if end is not None and after <= self._late < end:
            return self.survived(born, after, end)
        self._slower = max(0.0, self._slower - _USUAL)
        since, until = (after, by) if end is None else (max(after, end / _EXACT), min(by, end * _EXACT))
        quicker = (self._ends(after, since, until, times) for times in _QUICKER)
        return self._weigh(born, sum(quicker) / 2.0, self._ends(after, since, until, 1.0))

    def survived(self, born: float, since: float, until: float) -> News:
        """A task ran on from `since` to `until` seconds. It is late once."""
        if since <= self._late < until:
            self._quicker = 0.0
            self._slower += 1.0
            slower = self._slower - _OF_A_CROWD * self._table.contemporaries
            return News.CHANGED if slower >= _SLOW else News.DOUBT if slower >= _SLOWER else News.NONE
        if self._quicker:
            quicker = (self._lasts(since, until, times) for times in _QUICKER)
            known = self._lasts(since, until, 1.0)
            self._weigh(born, min(known, sum(quicker) / 2.0), known)  # to run on never speaks for it
        return News.NONE

    def _passed(self) -> float:
        return self._table.ends - self._table.contemporaries

    def _weigh(self, born: float, changed: float, known: float) -> News:
        """An answer with such probabilities, if tasks are quicker, and if they are as they were."""
        likelier = math.log(max(changed, _UNLIKELY) / max(known, _UNLIKELY))
        if not self._quicker:
            self._suspect = born
        elif born < self._suspect:
            return News.NONE
        self._quicker = max(0.0, self._quicker + max(-_MOST, min(_MOST, likelier)))
        if likelier > 0.0 and self._quicker >= _DOUBTFUL:
            return News.CHANGED if self._quicker >= _PROVED else News.DOUBT
        return News.STRANGE if likelier >= _STRANGE else News.NONE

    def _ends(self, after: float, since: float, until: float, times: float) -> float:
        survival = self._table.survival
        ends = survival(since * times) - survival(until * times)
        return ends / max(survival(after * times), _UNLIKELY)

    def _lasts(self, since: float, until: float, times: float) -> float:
        survival = self._table.survival
        return survival(until * times) / max(survival(since * times), _UNLIKELY)
