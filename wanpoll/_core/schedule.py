"""A priority queue keyed on time, with lazy deletion.

Precedents: trio's `Deadlines` (stale entries are dropped as they surface, and pruned in batches) and client-go's
delaying queue. Entries are tuples that compare by time, then by a serial, so that no Python `__lt__` runs.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

RESOLUTION = 0.001
"""Seconds. uvloop fires timers up to a millisecond early, so what is due within one millisecond is due:
comparing strictly would spin until the clock catches up."""

_PRUNE_FROM = 1000


class Scheduled(Protocol):
    """What a schedule holds. `slot` belongs to the schedule: the live entry, or None."""

    slot: tuple[float, int, Any] | None


T = TypeVar("T", bound=Scheduled)


class Schedule(Generic[T]):
    """At most one time for each item."""

    __slots__ = ("_heap", "_live", "_serials")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._live = 0
        self._serials = itertools.count()

    def __len__(self) -> int:
        return self._live

    def set(self, item: T, at: float) -> None:
        """Give `item` the time `at`, in place of the one it had."""
        slot = item.slot
        if slot is None:
            self._live += 1
        elif slot[0] == at:
            return
        item.slot = entry = (at, next(self._serials), item)
        heapq.heappush(self._heap, entry)
        if slot is not None:
            self._prune()

    def remove(self, item: T) -> None:
        """Take `item` out, if it is in."""
        if item.slot is not None:
            item.slot = None
            self._live -= 1
            self._prune()

    def pop_due(self, now: float, most: int) -> list[T]:
        """Take out the items that are due at `now`, the earliest first: `most` of them at the most."""
        heap = self._heap
        horizon = now + RESOLUTION
        due: list[T] = []
        while heap and heap[0][0] <= horizon and len(due) < most:
            entry = heapq.heappop(heap)
            item = entry[2]
            if item.slot is entry:
                item.slot = None
                due.append(item)
        self._live -= len(due)
        return due

    def pop_some(self, until: float, most: int, wanted: Callable[[T], bool]) -> list[T]:
        """Take out up to `most` items with times up to `until` that are `wanted`, the earliest first.

        It gives up after as many that are not: what is asked along costs nothing, looking for it does.
        """
        heap = self._heap
        taken: list[T] = []
        left: list[tuple[float, int, T]] = []
        while heap and heap[0][0] <= until and len(taken) < most and len(left) < most:
            entry = heapq.heappop(heap)
            item = entry[2]
            if item.slot is not entry:
                continue
            if wanted(item):
                item.slot = None
                taken.append(item)
            else:
                left.append(entry)
        for entry in left:
            heapq.heappush(heap, entry)
        self._live -= len(taken)
        return taken

    def until(self, at: float) -> Iterator[T]:
        """The items with times up to `at`, in no order. Those that are later are not looked at."""
        heap, places = self._heap, [0]
        while places:
            place = places.pop()
            if place < len(heap) and heap[place][0] <= at:
                entry = heap[place]
                if entry[2].slot is entry:
                    yield entry[2]
                places += (2 * place + 1, 2 * place + 2)

    def next_at(self) -> float | None:
        """The earliest time, or None."""
        heap = self._heap
        while heap:
            entry = heap[0]
            if entry[2].slot is entry:
                return entry[0]
            heapq.heappop(heap)
        return None

    def _prune(self) -> None:
        # Rebuilding when a fifth of the entries is stale costs O(1) for each change, amortised.
        if len(self._heap) > max(_PRUNE_FROM, self._live + self._live // 4):
            self._heap = [entry for entry in self._heap if entry[2].slot is entry]
            heapq.heapify(self._heap)
