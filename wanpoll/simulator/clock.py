"""The provider's clock: the event loop's time, sped up.

The loop's and not the system's, so that a loop with virtual time carries the provider along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ProviderClock:
    """Provider seconds since the start: 0 before it, and they stand still once the clock is stopped."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._time: Callable[[], float] | None = None
        self._started_at = 0.0
        self._stopped_at = 0.0

    @property
    def now(self) -> float:
        """Provider seconds since the start."""
        if self._time is None:
            return self._stopped_at
        return (self._time() - self._started_at) * self._speed

    @property
    def running(self) -> bool:
        """Whether time passes."""
        return self._time is not None

    def start(self) -> None:
        """Let time pass, by the clock of the running event loop."""
        self._time = asyncio.get_running_loop().time
        self._started_at = self._time()

    def stop(self) -> None:
        """Let time stand still."""
        self._stopped_at, self._time = self.now, None
