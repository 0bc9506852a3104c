"""The provider's clock beside ours.

An answer tells by the provider's clock when a task ended. By ours it had not at the answer before. From what is told of
many tasks follows how far apart the clocks are, within a second or so: not at all, as long as nothing contradicts that.
"""

from __future__ import annotations

import math
from datetime import datetime

_RESOLUTION = 1.0  # seconds: many providers tell times in whole ones
_BELIEVED = 3  # ends in a row that agree on clocks that are apart
_WIDE = 10.0  # seconds between two answers: few ends are so late in so long a time,
_TOUCHED = 0.2  # and where so many are told to be of the moment of the answer, it is that which is told, not the end
_FADE = 0.05  # of what is known of that, with each end


class Clock:
    """Tells by our clock what the provider tells by its own."""

    __slots__ = ("_agreed", "_ahead", "_latest", "_soonest", "_touched", "epoch")

    def __init__(self) -> None:
        self.epoch: float | None = None  # the Unix time at which our clock shows 0
        self._soonest, self._latest = -math.inf, math.inf  # bounds of the seconds by which ours is ahead
        self._agreed = 0
        self._ahead = 0.0  # what is believed
        self._touched = 0.0  # the part of ends that were told to be just then

    def ours(self, told: datetime) -> float | None:
        """What our clock showed when the provider's did `told`; None as long as ours is not known."""
        return None if self.epoch is None else told.timestamp() - self.epoch + self._ahead

    def end(self, told: datetime | None, after: float, by: float, *, called: bool = False) -> float | None:
        """When a task ended that had not at `after` and had at `by`, by our clock; None where that is not told.

        A time that no clock could have shown which told what it did before is not believed. Nor are those of a provider
        that tells often the time of the answer itself; `called` is whether that answer was asked for since the task had
        ended, so that there is nothing strange about it.
        """
        if told is None or self.epoch is None:
            return None
        theirs = told.timestamp() - self.epoch
        if not self._agrees(after - theirs - _RESOLUTION, by - theirs + _RESOLUTION):
            return None
        end = min(max(theirs + self._ahead, after), by)
        if by - after > _WIDE and not called:
            self._touched += _FADE * ((by - end <= _RESOLUTION) - self._touched)
        return end if self._touched < _TOUCHED else None

    def _agrees(self, soonest: float, latest: float) -> bool:
        """Whether an answer, by which our clock is ahead by so many seconds, agrees with those before it."""
        if soonest > self._latest or latest < self._soonest:
            self._soonest, self._latest, self._agreed, self._ahead = soonest, latest, 0, 0.0
            return False
        self._soonest, self._latest = max(soonest, self._soonest), min(latest, self._latest)
        self._agreed += 1
        if self._soonest <= 0.0 <= self._latest:
            self._ahead = 0.0
        elif self._agreed < _BELIEVED:
            return False
        else:
            self._ahead = (self._soonest + self._latest) / 2.0
        return True
