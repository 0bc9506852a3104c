"""What forecasts get wrong, learned from ends: with each, the price of a class moves a little towards what is wanted.

*Economy* is to have the mean lag of the advised interval, *fast* is to make its requests.
"""

from __future__ import annotations

import math

from wanpoll._core.placement import DEARER, ECONOMY

_GAIN = 0.02
_MOST_OFF = 5.0
_CHEAPEST, _DEAREST = -4.0, 4.5  # in the logarithm of the price


class Steering:
    """The correction of the price of one class."""

    __slots__ = ("_correction", "_interval", "_mode", "_regular", "dearer")

    def __init__(self, interval: float, mode: str) -> None:
        self._interval = interval
        self._mode = mode
        self._correction = 0.0
        self._regular = 1.0  # requests for a task at the advised interval, on average
        self.dearer = 0
        """Steps of `DEARER` by which requests are dearer than the forecast says."""

    def ended(self, lag: float, followed: float, polls: int, crowd: int) -> None:
        """A task that was followed for so many seconds was found to have ended after `lag` more, by so many polls.

        `crowd` is how many are: they all end before it is seen what became of a correction.
        """
        if self._mode == ECONOMY:
            off = 1.0 - 2.0 * lag / self._interval
        else:
            regular = max(1.0, math.ceil(followed / self._interval))
            self._regular += (regular - self._regular) * _GAIN
            off = (polls - regular) / self._regular
        moved = self._correction + min(_GAIN, 1.0 / crowd) * max(-_MOST_OFF, min(_MOST_OFF, off))
        self._correction = min(_DEAREST, max(_CHEAPEST, moved))
        self.dearer = round(self._correction / DEARER)
