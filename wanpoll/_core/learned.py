"""What an account has learned of its tasks, by class: the schedule that asks when an answer is likely."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator

from wanpoll._core.cadence import Cadence
from wanpoll._core.clock import Clock
from wanpoll._core.entries import Entry
from wanpoll._core.line import HEAD, Line
from wanpoll._core.model import ClassStatistics, Status
from wanpoll._core.placement import DEARER, ECONOMY, FAST, LATE, LONGEST_SILENCE, Placement, new_placement
from wanpoll._core.pressure import Pressure
from wanpoll._core.readings import Observation
from wanpoll._core.regime import News
from wanpoll._core.savings import Savings
from wanpoll._core.steering import Steering

MOST_CLASSES = 256
"""Classes of an account, that of tasks without a kind among them. Kinds for which there is no room share that one, and
so the memory of all is bounded."""

MOST_KIND = 200
"""Characters of `Task.kind` that tell classes apart."""

_IDLE = 10 * MOST_CLASSES  # tasks that were tracked since a class was used last: another may have its place,
_SEVERAL = 3  # of which so many tasks have ended
_FEW = 10.0  # of so many tasks one ends in an interval, where nothing is known
_TIE, _MOST_TIES = 1e-6, 100_000  # seconds between tasks that were submitted at one moment
_JITTER = 0.06  # of a step: tasks that were submitted together do not stay aligned
_SCOUTS = 4  # one task in so many is asked more often, since a plan would sleep through a speed-up:
_SCOUT_STEP = 1.0, 2.0  # in the middle of a silence that is longer than so many intervals (the second: ends tell when)
_SCOUT_GAP = 1.0  # one that begins in so many intervals is enough
_ALIKE, _PROBED = 0.25, 3  # how much older, by a part of its age, a task may be that tells of another; how many tell
_AT_HEAD = 4.0  # intervals after which the head of a line is asked, if no end was seen that let it begin
_TRUSTED = 20  # runs that were seen before their distribution is planned with
_QUICKEST = 0.02  # the part of runs that are quicker than any that counts
_MOST_OFTEN = {ECONOMY: 1.1, FAST: 1.3}  # times the requests at the advised interval, and `_AHEAD` more: whatever is
_AHEAD = {ECONOMY: 1.0, FAST: 5.0}  # believed of its class, no task is asked more often for it


class Class:
    """Alike tasks: how long they take from their submission, how long they run, and who waits to begin."""

    __slots__ = ("exact", "freed_at", "line", "name", "planned_at", "runs", "steering", "told", "used", "whole")

    def __init__(self, name: str, interval: float, mode: str) -> None:
        self.name = name
        self.told: tuple[int, int] = 0, 0  # estimates, and the correction of the price, when it was last told of
        self.used = 0  # tasks of the account that had been tracked when it was used last
        self.whole = new_placement(interval, mode)
        self.runs: Placement | None = None  # once one was seen to begin
        self.line = Line()
        self.exact = False  # whether the last end told when it was
        self.steering = Steering(interval, mode)
        self.freed_at = float("-inf")  # when the last of them ended
        self.planned_at = float("-inf")  # when all of them were planned anew

    def statistics(self) -> ClassStatistics:
        """How long tasks take, and what a request is worth."""
        table = self.whole.table
        p10, p50, p90 = map(table.quantile, (0.1, 0.5, 0.9))
        return ClassStatistics(table.ends, p10, p50, p90, self._price())

    def _price(self) -> float:
        if self.whole.table.ends:
            return self.whole.price * math.exp(self.steering.dearer * DEARER)
        # Nothing is known, so it is asked at the interval, whatever price was looked for: at this one that is right.
        interval = self.whole.table.interval
        return 2.0 * self.whole.table.square(0.0, interval) / interval


class Learned:
    """The schedule of one account. Tasks whose age is unknown are asked about at the advised interval."""

    def __init__(self, cadence: Cadence, mode: str, clock: Clock) -> None:
        self.cadence = cadence
        self.mode = mode
        self.clock = clock
        self._classes: dict[str, Class] = {}
        self._forgotten: list[str] = []
        self._sharing: dict[str, int] = {}  # ends of kinds that have no class of their own, the latest last
        self._tracked = 0
        self._scouted_at = float("-inf")
        self.pressure = Pressure(cadence.interval, cadence.floor)
        self._latest_born = float("-inf")
        self.saved = Savings(cadence.interval)

    def to_tell(self, kind: str | None) -> tuple[str, ClassStatistics] | None:
        """The name of the class and what is known of it, if that has changed since it was told."""
        known = self.find(kind)
        if known is None or (known.whole.estimates, known.steering.dearer) == known.told:
            return None
        known.told = known.whole.estimates, known.steering.dearer
        return known.name, known.statistics()

    def take_forgotten(self) -> list[str]:
        """The names of the classes that have given way to others since the last call, and have not come back."""
        if not self._forgotten:
            return []
        taken, self._forgotten = self._forgotten, []
        return [name for name in taken if name not in self._classes]

    def statistics(self) -> dict[str, ClassStatistics]:
        """What is known of each class."""
        return {name: known.statistics() for name, known in self._classes.items()}

    def first(self, entry: Entry, now: float) -> float:
        """When to ask about a new task for the first time."""
        self._tracked += 1
        if entry.born is None:
            return now
        entry.born = self._latest_born = _after_ties(entry.born, self._latest_born)
        if zlib.crc32(entry.task.id.encode()) % _SCOUTS == 0:
            entry.scout = now >= self._scouted_at + _SCOUT_GAP * self.cadence.interval
            self._scouted_at = now if entry.scout else self._scouted_at
        known = self.named(entry.task.kind)
        # Planned from its beginning: nobody has heard that it had not ended by now.
        if known.line.is_long and entry.born >= known.line.latest:
            known.line.waits(entry)
            step = self._until_begun(known, entry, entry.born)
        else:
            step = self._until_ended(known, entry, entry.born)
        return max(now, self._after(entry, step, entry.born))

    def aged(self, entry: Entry, heard_at: float) -> None:
        """It is known now when the task was submitted, of which all answers up to that at `heard_at` said "not yet"."""
        self.named(entry.task.kind).whole.table.survived(0.0, heard_at - (entry.born or heard_at))

    def next(self, entry: Entry, heard_at: float | None, now: float, *, began: bool) -> tuple[float, News]:
        """When to ask again after "not yet"; `heard_at` is when the answer before said so.

        `began` when that one said PENDING, and this one RUNNING.
        """
        if entry.born is None:
            return self.cadence.next(entry.task.id, entry.polls, now), News.NONE
        known = self.named(entry.task.kind)
        since = entry.born if heard_at is None else heard_at
        followed = max(0.0, entry.tracked_at - entry.born)
        news = known.whole.survived(entry.born, since - entry.born, now - entry.born, followed)
        if entry.status is Status.PENDING and entry.begun is None:
            known.line.waits(entry)
            return self._after(entry, self._until_begun(known, entry, now), now), news
        if began and entry.begun is None:
            self._begins(known, entry, since, now)
        elif entry.begun is not None and known.runs is not None:
            news = max(news, known.runs.survived(entry.begun, since - entry.begun, now - entry.begun))
        return self._after(entry, self._until_ended(known, entry, now), now), news

    def ended(self, entry: Entry, heard_at: float | None, seen: Observation, now: float, *, planned: bool) -> News:
        """The provider's word ended the task; the answer at `heard_at` had not.

        Was it `planned`, or is its age known only now? A cancellation that was asked for here says nothing about when
        tasks end.
        """
        if entry.born is None:
            return News.NONE
        self._make_room(entry.task.kind)
        known, news = self.named(entry.task.kind), News.NONE
        since = entry.born if heard_at is None else heard_at
        called = entry.nudged or entry.listed_end
        told = self.clock.end(seen.finished_at, since, now, called=called)
        known.exact = told is not None
        known.freed_at = self._ended_at(known, entry, since, now) if told is None else told
        followed = max(entry.born, entry.tracked_at)
        if seen.status is not Status.CANCELED or not entry.called_off:
            # Else the quota decided the price, a hiccup or a pause the lag, a nudge or the list when it was asked.
            if planned and not (self.pressure.steps or entry.retried or entry.delayed or called):
                late_since = max(known.freed_at, entry.tracked_at)  # before that, nobody could have asked
                known.steering.ended(now - late_since, known.freed_at - followed, entry.polls, self.pressure.crowd)
            news = _taught(known.whole, entry.born, since, now, told, expected=planned)
            if entry.begun is not None and known.runs is not None:
                news = max(news, _taught(known.runs, entry.begun, since, now, told))
        known.line.begins(entry)
        return news

    def next_in_line(self, entry: Entry) -> Entry | None:
        """Who has begun, most likely, since `entry` has ended, or has begun although it is younger."""
        known = self.find(entry.task.kind)
        if known is None:
            return None
        line = known.line
        if not (line.is_tried if entry.alive else line.keeps_order):
            return None
        head = line.head()
        return head if head is not None and (not entry.alive or (head.born or 0.0) < (entry.born or 0.0)) else None

    def sooner(self, news: News, entry: Entry, planned: list[Entry], now: float) -> Iterator[tuple[Entry, float]]:
        """When to ask about tasks of the class of `entry`, youngest first in `planned`, after `news` about it.

        Has this happened to those that were submitted at the same time?
        """
        if entry.born is None:
            return
        age = now - entry.born
        alike = [each for each in planned if each.born is not None and each.born >= entry.born - age * _ALIKE]
        probed = [each for each in alike if self._too_soon(each, now) <= 0.0][-_PROBED:]
        for each in probed:
            yield each, max(now, (each.born or now) + age)
        if news > News.STRANGE:
            yield from ((each, max(now, at)) for each, at in self.anew(planned))

    def anew(self, planned: Iterable[Entry]) -> Iterator[tuple[Entry, float]]:
        """When to ask about tasks by what is known now, if it was not to be before."""
        for each in planned:
            heard_at = each.answered_at
            if each.born is not None and (heard_at is None or each.status is not Status.PENDING):
                since = each.born if heard_at is None else heard_at
                yield each, since + self._until_ended(self.named(each.task.kind), each, since)

    def cost(self, entry: Entry, now: float) -> float:
        """What it has cost not to ask since the last answer: the square of the lag that is to be expected, in s**2."""
        since = entry.tracked_at if entry.answered_at is None else entry.answered_at
        known = None if entry.born is None else self.named(entry.task.kind)
        if known is None or not known.whole.table.ends:  # nothing is known: as if few of many ended in an interval
            return _square(now - since, self.cadence.interval)
        began, placement = self._clock_of(known, entry)
        if entry.answered_at is None:
            since = entry.born or since
        return placement.table.square(max(0.0, since - began), now - began)

    def named(self, kind: str | None) -> Class:
        """The class of the tasks of one `kind`, or of those without one, which is in use now."""
        name = self._class_name(kind)
        found = self._classes.get(name)
        if found is None:
            found = self._classes[name] = Class(name, self.cadence.interval, self.mode)
        found.used = self._tracked
        return found

    def find(self, kind: str | None) -> Class | None:
        """The same, if there is one, to look at: that is no use of it."""
        return self._classes.get(self._class_name(kind))

    def alike(self, one: Entry, other: Entry) -> bool:
        """Whether two tasks are of one class."""
        return one.task.kind == other.task.kind or self._class_name(one.task.kind) == self._class_name(other.task.kind)

    def _class_name(self, kind: str | None) -> str:
        name = _name(kind)
        return name if name in self._classes or not self._is_full else ""

    @property
    def _is_full(self) -> bool:
        """Whether there is no room for one more kind. (There is always room for tasks without one.)"""
        return len(self._classes) >= MOST_CLASSES - ("" not in self._classes)

    def _make_room(self, kind: str | None) -> None:
        """A task has ended whose kind may deserve a class of its own more than another that nobody uses any more."""
        name = _name(kind)
        if self._class_name(kind) == name:
            return
        ends = self._sharing[name] = self._sharing.pop(name, 0) + 1
        if len(self._sharing) > MOST_CLASSES:
            del self._sharing[next(iter(self._sharing))]
        if ends < _SEVERAL:
            return
        least = min((each for each in self._classes.values() if each.name), key=lambda each: each.used)
        if self._tracked - least.used > _IDLE:
            del self._classes[least.name], self._sharing[name]
            self._forgotten.append(least.name)

    def _begins(self, known: Class, entry: Entry, heard_at: float, now: float) -> None:
        """An answer says RUNNING, the one before said PENDING."""
        freed = known.line.keeps_order and heard_at <= known.freed_at
        entry.begun = known.freed_at if freed else (heard_at + now) / 2
        if known.runs is None:
            known.runs = new_placement(self.cadence.interval, self.mode)
        known.runs.survived(entry.begun, 0.0, now - entry.begun)
        known.line.begins(entry)

    def _ended_at(self, known: Class, entry: Entry, since: float, now: float) -> float:
        """When a task ended that had not at `since` and has now, most likely."""
        began, placement = self._clock_of(known, entry)
        return began + placement.table.mean_end(max(0.0, since - began), now - began)

    def _clock_of(self, known: Class, entry: Entry) -> tuple[float, Placement]:
        """Since when the time that tells of the end of a task runs, and what is known of it."""
        if entry.begun is not None and known.runs is not None and known.runs.table.ends:
            return entry.begun, known.runs
        return entry.born or 0.0, known.whole

    def _until_begun(self, known: Class, entry: Entry, now: float) -> float:
        """How long to leave a task alone that has not begun: it has to run, before it can end."""
        step = self._until_ended(known, entry, now)
        if known.runs is not None and known.runs.table.ends >= _TRUSTED:
            step = max(step, known.runs.table.quantile(_QUICKEST))
        if not known.line.keeps_order or entry.overtaken:
            return step
        behind = known.line.ahead(entry) >= HEAD
        return max(step, (LONGEST_SILENCE if behind else _AT_HEAD) * self.cadence.interval)

    def _until_ended(self, known: Class, entry: Entry, now: float) -> float:
        """How long to leave a task alone that runs."""
        began, placement = self._clock_of(known, entry)
        step = max(self._step(known, placement, now - began), self._too_soon(entry, now))
        if not entry.scout:
            return step
        return min(step, max(step / 2.0, _SCOUT_STEP[known.exact] * self.cadence.interval))

    def _step(self, known: Class, placement: Placement, elapsed: float) -> float:
        step = placement.step(elapsed, self.pressure.steps, known.steering.dearer)
        self.pressure.planned(step)
        return step

    def _too_soon(self, entry: Entry, now: float) -> float:
        """How long to leave a task alone that has been asked about more often than a mistaken belief may cost."""
        interval, ahead, often = self.cadence.interval, _AHEAD[self.mode], _MOST_OFTEN[self.mode]
        return min(interval, entry.tracked_at + (entry.polls - ahead) * interval / often - now)

    def _after(self, entry: Entry, step: float, now: float) -> float:
        lot = zlib.crc32(entry.task.id.encode(), entry.polls) / 2**32
        step *= 1.0 + _JITTER * (lot - 0.5)
        # Whatever its age is said to be: no longer than what we have seen of it permits.
        longest = max(LONGEST_SILENCE * self.cadence.interval, LATE * (now - entry.tracked_at))
        return now + max(self.cadence.floor, min(step, longest * self.pressure.stretch))


def _taught(
    placement: Placement, began: float, since: float, now: float, end: float | None, *, expected: bool = True
) -> News:
    """What it means that a task, that `began` then, had not ended at `since` and has now; `end` is when, if told."""
    after, end_at = max(0.0, since - began), None if end is None else max(0.0, end - began)
    return placement.ended(began, after, now - began, end_at, expected=expected)


def _name(kind: str | None) -> str:
    return (kind or "")[:MOST_KIND]


def _after_ties(born: float, latest: float) -> float:
    """Tasks that were submitted at one moment are in the order in which they were told."""
    return latest + _TIE if born <= latest < born + _MOST_TIES * _TIE else born


def _square(silence: float, interval: float) -> float:
    """The expected square of the lag after a silence, if one of `_FEW` tasks ends in an interval."""
    return silence**3 / (3.0 * _FEW * interval)
