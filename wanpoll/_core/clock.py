"""The provider's clock beside ours.

An answer tells by the provider's clock when a task ended. By ours it had not at the answer before. From what is told of
many tasks follows how far apart the clocks are, within a second or so: not at all, as long as nothing contradicts that.
"""

from __future__ import annotations

import math
from datetime import datetime

_RESOLUTION = 1.0  # seconds: many providers tell times in whole ones
_BELIEVED = 3  # ends in a row that agree on clocks that are apart


class Clock:
    """Tells by our clock what the provider tells by its own."""

    __slots__ = ("_agreed", "_latest", "_soonest", "epoch")

    def __init__(self) -> None:
        self.epoch: float | None = None  # the Unix time at which our clock shows 0
        self._soonest, self._latest = -math.inf, math.inf  # bounds of the seconds by which ours is ahead
        self._agreed = 0

    def end(self, told: datetime | None, after: float, by: float) -> float | None:
        """When a task ended that had not at `after` and had at `by`, by our clock; None where that is not told.

        A time that no clock could have shown which told what it did before is not believed.
        """
        if told is None or self.epoch is None:
            return None
        theirs = told.timestamp() - self.epoch
        soonest, latest = after - theirs - _RESOLUTION, by - theirs + _RESOLUTION
        if soonest > self._latest or latest < self._soonest:
            self._soonest, self._latest, self._agreed = soonest, latest, 0
            return None
        self._soonest, self._latest = max(soonest, self._soonest), min(latest, self._latest)
        self._agreed += 1
        if self._soonest <= 0.0 <= self._latest:
            return min(max(theirs, after), by)
        if self._agreed < _BELIEVED:
            return None
        return min(max(theirs + (self._soonest + self._latest) / 2.0, after), by)
