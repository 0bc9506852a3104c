"""The quota as a price: with more tasks than it can ask about, a request becomes dearer for all of them.

Steps stretch by about the cube root of the price. So the steps that are planned tell what would be asked for in a
second, and by how much dearer a request has to be for that to fit into the quota. What this forecast gets wrong is
seen in how late questions leave, and mended slowly: while all tasks are asked once, by a little.
"""

from __future__ import annotations

import math

from wanpoll._core.placement import DEARER

_FEWEST = 50  # tasks whose polls tell what is usual; of more tasks, one poll each does
_TRIM = 0.5  # of the logarithm of the price, while all tasks are asked once
_EASING = 3.0  # times as much where questions leave in time: a part of the quota is not used then
_LATENESS = 1.0, 4.0  # intervals: between these lies the lateness that a full quota should have
_MOST_TRIM, _MOST = 3.0, 15.0
_RELIEF = 2.0  # a fall of the logarithm of the price: steps are by half shorter


class Pressure:
    """That of one account."""

    __slots__ = ("_floor", "_planned_under", "_punctual", "_tardy", "_trim", "_usual", "crowd", "steps", "stretch")

    def __init__(self, interval: float, floor: float) -> None:
        self.steps = 0
        """How much dearer requests are, in steps of `DEARER` of the logarithm."""
        self._floor = floor
        self._punctual, self._tardy = (part * interval for part in _LATENESS)
        self._usual = interval  # seconds between two polls of a task, if the quota were no matter
        self._planned_under = 0  # the highest pressure under which tasks have been planned that are not asked yet
        self.stretch = 1.0
        """How many times longer steps are: about the cube root of `times`."""
        self.crowd = _FEWEST
        """Tasks that are followed; no fewer than what is usual needs."""
        self._trim = 0.0

    @property
    def times(self) -> float:
        """How many times dearer requests are: 1 where the quota is no matter."""
        return math.exp(self.steps * DEARER)

    def planned(self, step: float) -> None:
        """A task is to be left alone for so many seconds."""
        self._usual += (step / self.stretch - self._usual) / self.crowd

    def asked(self, late: float | None, tracked: int, allowed: float) -> bool:
        """A question leaves `late`, if one does, of `tracked` tasks that share `allowed` polls a second.

        True if the pressure has fallen so far that what was planned under it is not to be waited for.
        """
        self.crowd = max(_FEWEST, tracked)
        wanted = tracked / max(self._usual, self._floor)
        if wanted <= allowed and not self.steps and (late is None or late < self._tardy):
            self._trim = 0.0
        else:
            self._weigh(late, math.log(max(1.0, wanted / allowed)))
        if self.steps > self._planned_under:
            self._planned_under = self.steps
        if self.steps > self._planned_under - _RELIEF / DEARER:
            return False
        self._planned_under = self.steps
        return True

    def _weigh(self, late: float | None, excess: float) -> None:
        """`excess` is the logarithm of what is wanted over what is allowed."""
        if late is not None:
            trim = _TRIM / self.crowd
            self._trim += trim if late > self._tardy else -_EASING * trim if late < self._punctual else 0.0
        self._trim = min(_MOST_TRIM, max(-_MOST_TRIM if excess else 0.0, self._trim))
        self.steps = round(min(_MOST, max(0.0, 3.0 * excess + self._trim)) / DEARER)
        self.stretch = math.exp(self.steps * DEARER / 3.0)
