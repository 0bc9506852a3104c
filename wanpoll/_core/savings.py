"""Requests that were not made: those of the advised interval, less those that were."""

from __future__ import annotations

_REGULAR = 1.05  # intervals between two polls of the fixed schedule, on average: it never asks sooner than advised


class Savings:
    """Those of one account, from its first task on."""

    __slots__ = ("_interval", "_rate", "_since", "requests")

    def __init__(self, interval: float) -> None:
        self._interval = _REGULAR * interval
        self._rate = 0.0  # requests a second, at the advised interval
        self._since = 0.0
        self.requests = 0.0

    def follow(self, now: float, tracked: int, allowed: float, batch: int) -> None:
        """From `now` on so many tasks are followed, with so many requests a second, each about up to `batch` tasks."""
        self._pass(now)
        self._rate = min(tracked / self._interval / min(batch, max(1, tracked)), allowed)

    @property
    def goes_on(self) -> bool:
        """Whether there is anybody to ask about, and the account may."""
        return self._rate > 0.0

    def sleep(self, since: float, now: float) -> None:
        """From `since` to `now` the machine slept: nobody could have asked."""
        self._pass(max(self._since, since))
        self._since = now

    def spend(self, now: float) -> None:
        """A request is made."""
        self._pass(now)
        self.requests -= 1.0

    def _pass(self, now: float) -> None:
        self.requests += self._rate * (now - self._since)
        self._since = now
