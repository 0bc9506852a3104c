"""The quota: a sliding window per key that refuses, and a record that tells whether the client kept to it.

Two counts are kept, because they answer two questions:

*sent*      every request that arrived, refused ones too. A request is a **violation** when it makes more than
            `quota.requests` arrive within `quota.per` seconds; **peak** is the highest such count ever seen.
            So `violations == 0` exactly when `peak <= quota.requests`.
*accepted*  those that were let through. A request is **refused** when it would be one too many of these. Refusals
            do not count here: a client that keeps asking is let through again as soon as the window has moved on.

Every refusal is a violation. A violation need not be refused: right after a burst there is room again while the
burst still stands in the record. The window is half-open: two requests exactly `quota.per` apart share none.
"""

from __future__ import annotations

from collections import deque

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError


class Window:
    """The times, in provider seconds, of what happened within the last `per` seconds."""

    def __init__(self, per: float) -> None:
        self._per = per
        self._times: deque[float] = deque()

    def count(self, now: float) -> int:
        """How much happened in the window that ends at `now`."""
        times, per = self._times, self._per
        while times and now - times[0] >= per:
            times.popleft()
        return len(times)

    def add(self, now: float) -> None:
        """Something happened at `now`, which is never before the last time."""
        self._times.append(now)


class Bucket:
    """One key's share of the account: what it sent and what was accepted."""

    def __init__(self, quota: Rate) -> None:
        self._quota = quota
        self._sent = Window(quota.per)
        self._accepted = Window(quota.per)
        self.violations: int = 0
        self.peak: int = 0

    def admit(self, now: float) -> bool:
        """Record a request that arrived at `now`; whether it is let through."""
        self._record(now)
        if self._accepted.count(now) >= self._quota.requests:
            return False
        self._accepted.add(now)
        return True

    def _record(self, now: float) -> None:
        self._sent.add(now)
        count = self._sent.count(now)
        self.peak = max(self.peak, count)
        self.violations += count > self._quota.requests


class QuotaKeeper:
    """The quota of every key in one dialect. All its requests share a key's bucket, but submissions do not count."""

    def __init__(self, quota: Rate) -> None:
        if not isinstance(quota, Rate):
            raise UsageError(f"quota={quota!r}: give a Rate, as in Rate(20, per=1.0)")
        self.quota = quota
        self._buckets: dict[str, Bucket] = {}

    @property
    def violations(self) -> int:
        """Requests that broke the quota, over all keys."""
        return sum(bucket.violations for bucket in self._buckets.values())

    @property
    def peak(self) -> int:
        """The most requests that one key sent within one window."""
        return max((bucket.peak for bucket in self._buckets.values()), default=0)

    def admit(self, key: str, now: float) -> bool:
        """Record a request of `key` at `now` (provider seconds); whether it is let through."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self.quota)
        return bucket.admit(now)
