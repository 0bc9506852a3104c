"""The waiting line of one class: tasks that are PENDING, in the order of their submission.

Many providers work on few tasks of an account at a time, one after the other. Then a task behind five that wait cannot
be next, and the one at the head begins when another ends: there is no need to ask the rest. Whether a provider keeps
the order is learned from its answers; one that does not is asked as if there were no line.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

from wanpoll._core.model import Status

if TYPE_CHECKING:
    from wanpoll._core.entries import Entry

HEAD = 5
"""How many at the head of the line may be next."""

_FADE = 0.99  # of the evidence, with each new piece
_EVIDENCE = 15.0  # pieces from which an order is believed
_TRIAL = 40.0  # pieces until which it is tried
_EXCEPTIONS = 0.02  # the part of them that may speak against it
_PRUNE_FROM = 16


class Line:
    """Who waits to begin. Those that have begun, ended or left are dropped as they come to the head."""

    __slots__ = ("_against", "_first", "_for", "_prune_at", "_waiting", "latest")

    def __init__(self) -> None:
        self._waiting: list[tuple[float, str, Entry]] = []
        self._first = 0  # those before it are gone
        self._prune_at = _PRUNE_FROM
        self.latest = float("-inf")  # when the youngest task that has begun was submitted
        self._for = self._against = 0.0

    @property
    def keeps_order(self) -> bool:
        """Whether tasks begin in the order of their submission, as far as is known."""
        return self._for + self._against >= _EVIDENCE and self.is_tried

    @property
    def is_long(self) -> bool:
        """Whether one that comes to its end cannot be next."""
        return self.keeps_order and self.ahead(None) >= HEAD

    @property
    def is_tried(self) -> bool:
        """Whether the head should be asked when another has begun: it is believed in order, or may be."""
        return self._against <= _EXCEPTIONS * max(_TRIAL, self._for + self._against)

    def waits(self, entry: Entry) -> None:
        """`entry` is PENDING."""
        born = entry.born or 0.0
        if entry.overtaken:
            return
        at = bisect.bisect_left(self._waiting, (born, entry.task.id), lo=self._first, key=_place)
        if at == len(self._waiting) or self._waiting[at][2] is not entry:
            self._waiting.insert(at, (born, entry.task.id, entry))
            if len(self._waiting) > self._prune_at:
                self._prune()
        if born < self.latest and entry.answered_at is not None:
            entry.overtaken = True
            self._against += 1.0

    def begins(self, entry: Entry) -> None:
        """An answer says that `entry` is RUNNING, or has ended."""
        born = entry.born or 0.0
        if self._waiting and self._waiting[-1][2] is not entry:  # it was not the only one that could
            self._for, self._against = self._for * _FADE + 1.0, self._against * _FADE
        self.latest = max(self.latest, born)

    def ahead(self, entry: Entry | None) -> int:
        """How many wait before `entry`, or at all, counted up to `HEAD`."""
        place, count = self._drop(), 0
        while place < len(self._waiting) and count < HEAD:
            each = self._waiting[place][2]
            if each is entry:
                return count
            count += _is_waiting(each)
            place += 1
        return count

    def head(self) -> Entry | None:
        """The first that waits and about whom no question is under way or due."""
        place, looked = self._drop(), 0
        while place < len(self._waiting) and looked < HEAD:
            entry = self._waiting[place][2]
            if _is_waiting(entry):
                looked += 1
                if entry.ticket is None and entry.queue is None:
                    return entry
            place += 1
        return None

    def _drop(self) -> int:
        waiting = self._waiting
        while self._first < len(waiting) and not _is_waiting(waiting[self._first][2]):
            self._first += 1
        if self._first > _PRUNE_FROM and self._first > len(waiting) // 2:
            self._prune()
        return self._first

    def _prune(self) -> None:
        """Drop all who do not wait any more. It is done when there may be as many of them as of the others."""
        self._waiting = [each for each in self._waiting if _is_waiting(each[2])]
        self._first = 0
        self._prune_at = 2 * len(self._waiting) + _PRUNE_FROM


def _place(each: tuple[float, str, Entry]) -> tuple[float, str]:
    return each[:2]


def _is_waiting(entry: Entry) -> bool:
    """Whether it has a place in the line. Who was overtaken has not: it may be stuck, and tells nothing of the rest."""
    return entry.alive and entry.status is Status.PENDING and not entry.overtaken
