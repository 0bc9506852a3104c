"""Whether tasks have changed: ends where an estimate expects none, one after the other.

A provider that becomes quicker is the harder to notice: nobody asks about tasks that cannot be ready yet. So one early
end is reason to ask about its contemporaries, and only theirs count for or against it: older tasks go on as they did.
One that becomes slower is noticed by answers "not yet", before the first end.
"""

from __future__ import annotations

import enum

from wanpoll._core.lifetable import LifeTable

_RARE = 0.01  # the part of ends that is early, and the part that is late
_TRUSTED = 20  # ends after which an estimate can be wrong about one
_DOUBT, _PROOF = 2.0, 3.0
_USUAL = 1 / 3  # how much an end where it was expected speaks against a change


class News(enum.IntEnum):
    """What an answer says of the estimate. The greater, the more is to be done about it."""

    NONE = 0
    STRANGE = 1
    """The first early end: its contemporaries should be asked."""
    DOUBT = 2
    """Several ends were strange: the past counts for less."""
    CHANGED = 3
    """What was known is of no use any more, nor is what was planned."""


class Regime:
    """Watches the ends of one life table."""

    __slots__ = ("_early", "_late", "_since", "_suspect", "early", "late")

    def __init__(self) -> None:
        self._since = 0  # ends before this regime began
        self._early = self._late = 0.0  # how much speaks for a change
        self._suspect = float("-inf")  # when the first of the early ones was submitted
        self.early, self.late = 0.0, float("inf")

    def estimated(self, table: LifeTable) -> None:
        """The estimate of `table` is new."""
        if table.ends >= self._since + _TRUSTED:
            self.early, self.late = table.quantile(_RARE), table.quantile(1.0 - _RARE)

    def ended(self, born: float, after: float, end: float) -> News:
        """A task that was submitted at `born` and had not ended `after` seconds of running ended by `end`."""
        if end < self.early:
            if not self._early:
                self._suspect = born
            self._late = 0.0
            self._early += 1.0
            return _news(self._early)
        if end > self.late:
            return self.survived(after, end)
        self._late = max(0.0, self._late - _USUAL)
        if born >= self._suspect:
            self._early = max(0.0, self._early - _USUAL)
        return News.NONE

    def survived(self, since: float, until: float) -> News:
        """A task ran on from `since` to `until` seconds. It is late once."""
        if not since <= self.late < until:
            return News.NONE
        self._early = 0.0
        self._late += 1.0
        return News.NONE if self._late < _DOUBT else _news(self._late)

    def restart(self, table: LifeTable) -> None:
        """Expect nothing until enough ends of the new regime were seen."""
        self._since = table.ends
        self._early = self._late = 0.0
        self._suspect = float("-inf")
        self.early, self.late = 0.0, float("inf")


def _news(evidence: float) -> News:
    return News.CHANGED if evidence >= _PROOF else News.DOUBT if evidence >= _DOUBT else News.STRANGE
