"""The two clocks, and the one place where they meet.

Inside, time is the event loop's: monotonic seconds. The wall clock serves what is shown or compared with a
provider's times, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime


class Clock:
    """The time of one event loop."""

    __slots__ = ("_loop", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = loop.time

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()

    def age(self, moment: datetime) -> float:
        """Seconds since the aware `moment`; zero for one in the future."""
        return max(0.0, self.wall() - moment.timestamp())
