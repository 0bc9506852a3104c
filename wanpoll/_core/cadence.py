"""When to ask again.

Three policies, kept apart: *cadence* (the task is not done yet), *retry* (the question failed) and *deadline*
(expiry, which is the machine's). All delays scale with the provider's advised interval.

Jitter is hashed from the task and the attempt: the core holds no dice, a run can be replayed, and ten thousand
tasks that were submitted together do not stay aligned.
"""

from __future__ import annotations

import itertools
import zlib

import backoff

LONGEST_RETRY = 60.0
"""Seconds between two failed questions, at most (unless the advised interval itself is longer)."""

_SPREAD = 0.1  # of an interval, upwards only: never sooner than advised
_FLOOR = 1 / 15  # of an interval
_GOLDEN = 2_654_435_769  # 2**32 / the golden ratio: multiples of it spread evenly


class Cadence:
    """The delays of one account."""

    __slots__ = ("_retries", "floor", "interval")

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.floor = interval * _FLOOR
        self._retries = _doubling(interval, max(LONGEST_RETRY, interval))

    def first(self, task_id: str, now: float, age: float | None) -> float:
        """When to ask about a task for the first time: at once, unless it is known to be younger than an interval."""
        if age is None:
            return now
        return max(now, self.next(task_id, 0, now - age))

    def next(self, task_id: str, polls: int, now: float) -> float:
        """When to ask again after the answer "not yet", the `polls`-th."""
        return now + self.interval * (1.0 + _SPREAD * _unit(task_id, polls))

    def retry(self, task_id: str, misses: int, now: float) -> float:
        """When to ask again after the `misses`-th failed question in a row: between half of the delay and all of it."""
        delay = self._retries[min(misses, len(self._retries)) - 1]
        return now + delay * (0.5 + 0.5 * _unit(task_id, -misses))


def _doubling(first: float, longest: float) -> tuple[float, ...]:
    """`first`, twice that, and so on, up to `longest`."""
    delays = backoff.expo(base=2, factor=first, max_value=longest)
    next(delays)  # backoff's generators give None first
    table: list[float] = []
    for delay in itertools.islice(delays, 1100):
        table.append(delay)
        if delay >= longest:
            break
    return tuple(table)


def _unit(task_id: str, attempt: int) -> float:
    """A number in [0, 1) that only the task and the attempt decide."""
    return zlib.crc32(task_id.encode()) * (_GOLDEN + 2 * attempt) % 2**32 / 2**32
