"""What an account has learned of its tasks, by class: the schedule that asks when an answer is likely."""

from __future__ import annotations

import math
import zlib
from datetime import datetime

from wanpoll._core.cadence import Cadence
from wanpoll._core.entries import Entry
from wanpoll._core.line import HEAD, Line
from wanpoll._core.model import ClassStatistics, Status
from wanpoll._core.placement import LONGEST_SILENCE, PRESSURE, REGULAR, Placement, new_placement
from wanpoll._core.readings import Observation

MOST_CLASSES = 256
"""Classes of an account that are told apart; the rest share one, and so the memory of all is bounded."""

MOST_KIND = 200
"""Characters of `Task.kind` that tell classes apart."""

_JITTER = 0.06  # of a step: tasks that were submitted together do not stay aligned
_SCOUTS = 8  # one task in so many is asked at least
_SCOUT_EVERY = 2.0  # every so many intervals: a plan would sleep through tasks that have become much quicker,
_SCOUT_GAP = 2.0  # but one that begins in so many intervals is enough
_AT_HEAD = 4.0  # intervals after which the head of a line is asked, if no end was seen that let it begin
_TRUSTED = 20  # runs that were seen before their distribution is planned with
_REPLAN_GAP = 1 / 3  # intervals between two times that a class is planned anew
_NEWS = 1 / 300  # how much each poll counts for what is usual
_TRIM = 0.0003
_LATENESS = 0.1, 1.0  # intervals: between these lies the lateness that a full quota should have
_MOST_TRIM = 3.0
_MOST_PRESSURE = 15.0
_QUICKEST = 0.02  # the part of runs that are quicker than any that counts


class Class:
    """Alike tasks: how long they take from their submission, how long they run, and who waits to begin."""

    __slots__ = ("freed_at", "line", "replanned_at", "runs", "surprised", "whole")

    def __init__(self, interval: float, mode: str) -> None:
        self.whole = new_placement(interval, mode)
        self.runs: Placement | None = None  # once one was seen to begin
        self.line = Line()
        self.freed_at = float("-inf")  # when the last of them ended
        self.surprised = False  # whether the last end was where none was expected
        self.replanned_at = float("-inf")

    def statistics(self) -> ClassStatistics:
        """How long tasks take, and what a request is worth."""
        table = self.whole.table
        p10, p50, p90 = map(table.quantile, (0.1, 0.5, 0.9))
        return ClassStatistics(table.ends, p10, p50, p90, self.whole.price)


class Learned:
    """The schedule of one account. Tasks whose age is unknown are asked about at the advised interval."""

    def __init__(self, cadence: Cadence, mode: str) -> None:
        self.cadence = cadence
        self.mode = mode
        self._classes: dict[str, Class] = {}
        self._scouted_at = float("-inf")
        self._usual = cadence.interval  # seconds between two polls of a task, if the quota were no matter
        self._trim = 0.0
        self._pressure = 0
        self.saved = 0.0  # requests, beside asking at the advised interval

    @property
    def pressure(self) -> float:
        """How many times dearer the quota makes a request."""
        return math.exp(self._pressure * PRESSURE)

    def statistics(self) -> dict[str, ClassStatistics]:
        """What is known of each class."""
        return {name: known.statistics() for name, known in self._classes.items()}

    def first(self, entry: Entry, now: float) -> float:
        """When to ask about a new task for the first time."""
        if entry.born is None:
            return now
        if zlib.crc32(entry.task.id.encode()) % _SCOUTS == 0:
            entry.scout = now >= self._scouted_at + _SCOUT_GAP * self.cadence.interval
            self._scouted_at = now if entry.scout else self._scouted_at
        return self._after(entry, self._step(self.named(entry.task.kind).whole, now - entry.born), now)

    def next(self, entry: Entry, heard_at: float | None, now: float, *, began: bool) -> float:
        """When to ask again after "not yet"; `heard_at` is when the answer before said so.

        `began` when that one said PENDING, and this one RUNNING.
        """
        if entry.born is None:
            return self.cadence.next(entry.task.id, entry.polls, now)
        known = self.named(entry.task.kind)
        since = entry.born if heard_at is None else heard_at
        known.whole.table.survived(since - entry.born, now - entry.born)
        if entry.status is Status.PENDING:
            known.line.waits(entry, is_new=heard_at is None)
            return self._after(entry, self._until_begun(known, entry, now), now)
        if began:
            self._begins(known, entry, since, now)
        elif entry.begun is not None and known.runs is not None:
            known.runs.table.survived(since - entry.begun, now - entry.begun)
        return self._after(entry, self._until_ended(known, entry, now), now)

    def ended(self, entry: Entry, heard_at: float | None, seen: Observation, now: float) -> Entry | None:
        """The provider's word ended the task; the answer at `heard_at` had not. Whom to ask now: that lets one begin.

        A cancellation says nothing about how long tasks take.
        """
        if entry.born is None:
            return None
        known = self.named(entry.task.kind)
        known.surprised, steer = False, not self._pressure
        since = entry.born if heard_at is None else heard_at
        self.saved += max(1.0, (now - entry.born) / (REGULAR * self.cadence.interval)) - entry.polls
        whole = _seconds(seen.submitted_at, seen.finished_at)
        known.freed_at = (since + now) / 2 if whole is None else min(max(entry.born + whole, since), now)
        if seen.status is not Status.CANCELED:
            known.surprised = known.whole.ended(since - entry.born, now - entry.born, whole, steer=steer)
        if entry.begun is not None and known.runs is not None and seen.status is not Status.CANCELED:
            run = _seconds(seen.started_at, seen.finished_at)
            known.surprised |= known.runs.ended(max(0.0, since - entry.begun), now - entry.begun, run, steer=steer)
        known.line.begins(entry)
        return known.line.head() if known.line.keeps_order else None

    def wants_replanning(self, entry: Entry, now: float) -> bool:
        """Whether the tasks of the class of `entry` should be planned anew: its end was a surprise."""
        known = self.named(entry.task.kind)
        if not known.surprised or now < known.replanned_at + _REPLAN_GAP * self.cadence.interval:
            return False
        known.replanned_at = now
        return True

    def again(self, entry: Entry, now: float) -> float:
        """When to ask about a task by what is known now, whatever was planned at its last answer."""
        known, heard_at = self.named(entry.task.kind), entry.answered_at
        if entry.born is None or (heard_at is not None and entry.status is Status.PENDING):
            return entry.due_at
        since = entry.born if heard_at is None else heard_at
        return max(now, since + self._until_ended(known, entry, since))

    def named(self, kind: str | None) -> Class:
        """The tasks of one `kind`, or those without one."""
        name = (kind or "")[:MOST_KIND]
        found = self._classes.get(name)
        if found is None:
            if len(self._classes) >= MOST_CLASSES and name:
                return self.named(None)
            found = self._classes[name] = Class(self.cadence.interval, self.mode)
        return found

    def _begins(self, known: Class, entry: Entry, heard_at: float, now: float) -> None:
        """An answer says RUNNING, the one before said PENDING."""
        freed = known.line.keeps_order and heard_at <= known.freed_at
        entry.begun = known.freed_at if freed else (heard_at + now) / 2
        if known.runs is None:
            known.runs = new_placement(self.cadence.interval, self.mode)
        known.runs.table.survived(0.0, now - entry.begun)
        known.line.begins(entry)

    def _until_begun(self, known: Class, entry: Entry, now: float) -> float:
        """How long to leave a task alone that has not begun: it has to run, before it can end."""
        step = self._step(known.whole, now - (entry.born or now))
        if known.runs is not None and known.runs.table.ends >= _TRUSTED:
            step = max(step, known.runs.table.quantile(_QUICKEST))
        if not known.line.keeps_order:
            return step
        behind = known.line.ahead(entry) >= HEAD
        return max(step, (LONGEST_SILENCE if behind else _AT_HEAD) * self.cadence.interval)

    def _until_ended(self, known: Class, entry: Entry, now: float) -> float:
        """How long to leave a task alone that runs."""
        if entry.begun is not None and known.runs is not None and known.runs.table.ends:
            return self._step(known.runs, now - entry.begun)
        return self._step(known.whole, now - (entry.born or now))

    def _step(self, placement: Placement, elapsed: float) -> float:
        self._usual += (placement.step(elapsed) - self._usual) * _NEWS
        return placement.step(elapsed, self._pressure) if self._pressure else placement.step(elapsed)

    def asked(self, late: float, tracked: int, allowed: float) -> None:
        """A question leaves `late`, of `tracked` tasks that share `allowed` requests a second.

        If the tasks, each asked as often as it pays, would need more than that, a request becomes dearer for all: steps
        stretch by about the cube root of the price. What the forecast gets wrong, lateness mends, slowly.
        """
        wanted = tracked / max(self._usual, self.cadence.floor)
        punctual, tardy = (part * self.cadence.interval for part in _LATENESS)
        self._trim += _TRIM if late > tardy else -_TRIM if late < punctual else 0.0
        self._trim = min(_MOST_TRIM, max(-_MOST_TRIM if wanted > allowed else 0.0, self._trim))
        forecast = 3.0 * math.log(wanted / allowed) if wanted > allowed else 0.0
        self._pressure = round(min(_MOST_PRESSURE, max(0.0, forecast + self._trim)) / PRESSURE)

    def _after(self, entry: Entry, step: float, now: float) -> float:
        if entry.scout and entry.status is not Status.PENDING:
            step = min(step, _SCOUT_EVERY * self.cadence.interval)
        lot = zlib.crc32(entry.task.id.encode(), entry.polls) / 2**32
        return now + max(self.cadence.floor, step * (1.0 + _JITTER * (lot - 0.5)))


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    """How long something took, by the provider's own clock."""
    if since is None or until is None:
        return None
    seconds = (until - since).total_seconds()
    return seconds if seconds >= 0.0 else None
