"""The quota as a price: with more tasks than it can ask about, a request becomes dearer for all of them.

Steps stretch by about the cube root of the price. So the steps that are planned tell what would be asked for in a
second, and by how much dearer a request has to be for that to fit into the quota. What this forecast gets wrong is
seen in how late questions leave, and mended slowly: while all tasks are asked once, by a little.
"""

from __future__ import annotations

import math

from wanpoll._core.placement import DEARER

_FEWEST = 100  # tasks whose polls tell what is usual; of more tasks, one poll each does
_TRIM = 0.5  # of the logarithm of the price, while all tasks are asked once
_LATENESS = 1.0, 4.0  # intervals: between these lies the lateness that a full quota should have
_MOST_TRIM, _MOST = 3.0, 15.0


class Pressure:
    """That of one account."""

    __slots__ = ("_crowd", "_eased", "_floor", "_punctual", "_tardy", "_trim", "_usual", "steps")

    def __init__(self, interval: float, floor: float) -> None:
        self.steps = 0
        """How much dearer requests are, in steps of `DEARER` of the logarithm."""
        self._floor = floor
        self._punctual, self._tardy = (part * interval for part in _LATENESS)
        self._usual = interval  # seconds between two polls of a task, if the quota were no matter
        self._eased = 1.0  # such a step, as a part of one that is planned under the pressure
        self._crowd = _FEWEST
        self._trim = 0.0

    @property
    def times(self) -> float:
        """How many times dearer requests are: 1 where the quota is no matter."""
        return math.exp(self.steps * DEARER)

    def planned(self, step: float) -> None:
        """A task is to be left alone for so many seconds."""
        self._usual += (step * self._eased - self._usual) / self._crowd

    def asked(self, late: float, tracked: int, allowed: float) -> None:
        """A question leaves `late`, of `tracked` tasks that share `allowed` polls a second."""
        self._crowd = max(_FEWEST, tracked)
        wanted = tracked / max(self._usual, self._floor)
        if wanted <= allowed and not self.steps and late < self._tardy:
            self._trim = 0.0
            return
        trim = _TRIM / self._crowd
        self._trim += trim if late > self._tardy else -trim if late < self._punctual else 0.0
        self._trim = min(_MOST_TRIM, max(-_MOST_TRIM if wanted > allowed else 0.0, self._trim))
        forecast = 3.0 * math.log(wanted / allowed) if wanted > allowed else 0.0
        self.steps = round(min(_MOST, max(0.0, forecast + self._trim)) / DEARER)
        self._eased = math.exp(-self.steps * DEARER / 3.0)
