"""The waiting line of a class: whether order is kept is learned from answers, and then only its head is asked."""

from __future__ import annotations

import itertools
import random

from tests.core.harness import NAME, Bench
from wanpoll import Status, Task
from wanpoll._core.entries import Entry
from wanpoll._core.line import HEAD, Line


class Queue:
    """Tasks of which each waits, and begins when `begin` says so."""

    def __init__(self) -> None:
        self.line = Line()
        self.serials = itertools.count()

    def submit(self, born: float | None = None) -> Entry:
        number = next(self.serials)
        entry = Entry(None, Task(f"t{number:06}", NAME), 0.0, 1e9)  # type: ignore[arg-type]
        entry.born = float(number) if born is None else born
        entry.answered_at = entry.born
        self.line.waits(entry)
        return entry

    def begin(self, entry: Entry) -> None:
        entry.status = Status.RUNNING
        self.line.begins(entry)

    def in_order(self, count: int, waiting: int = 8) -> list[Entry]:
        """`count` tasks begin, the eldest first, while `waiting` wait."""
        entries = [self.submit() for _ in range(waiting)]
        for _ in range(count):
            self.begin(entries.pop(0))
            entries.append(self.submit())
            for each in entries:
                self.line.waits(each)
        return entries


def test_an_order_is_believed_when_it_was_seen_often_enough() -> None:
    """Fifteen begin, the eldest first; a few are not enough."""
    few, many = Queue(), Queue()
    few.in_order(8)
    many.in_order(20)

    assert not few.line.keeps_order
    assert many.line.keeps_order


def test_an_order_is_not_believed_where_each_waits_for_itself() -> None:
    """They begin at random: those that are overtaken say so."""
    queue, dice = Queue(), random.Random(1)
    entries = [queue.submit() for _ in range(8)]
    for _ in range(200):
        queue.begin(entries.pop(dice.randrange(len(entries))))
        entries.append(queue.submit())
        for each in entries:
            queue.line.waits(each)

        assert not queue.line.keeps_order


def test_one_that_is_overtaken_counts_once() -> None:
    """However often it says that it waits still."""
    queue = Queue()
    entries = queue.in_order(200)
    queue.begin(entries[1])
    for _ in range(50):
        queue.line.waits(entries[0])

    assert queue.line.keeps_order


def test_an_order_that_is_not_kept_any_more_is_forgotten() -> None:
    """The provider has changed its ways."""
    queue, dice = Queue(), random.Random(1)
    entries = queue.in_order(100)
    for _ in range(30):
        queue.begin(entries.pop(dice.randrange(2, len(entries))))
        entries.append(queue.submit())
        for each in entries:
            queue.line.waits(each)

    assert not queue.line.keeps_order


def test_who_is_ahead_is_counted_up_to_the_head() -> None:
    """Those that have begun, ended or left do not count."""
    queue = Queue()
    entries = [queue.submit() for _ in range(10)]
    queue.begin(entries[0])
    entries[1].alive = False

    assert [queue.line.ahead(each) for each in entries[2:5]] == [0, 1, 2]
    assert queue.line.ahead(entries[9]) == HEAD


def test_waiting_twice_takes_one_place() -> None:
    """Every answer says PENDING; a namesake that was submitted at the same moment is another."""
    queue = Queue()
    entry = queue.submit(5.0)
    for _ in range(3):
        queue.line.waits(entry)
    namesake = Entry(None, entry.task, 0.0, 1e9)  # type: ignore[arg-type]
    namesake.born = 5.0
    entry.alive = False
    queue.line.waits(namesake)

    assert queue.line.ahead(None) == 1


def test_the_line_does_not_grow_with_those_that_have_left() -> None:
    """Ten thousand come and go, while the eldest waits all the time."""
    queue = Queue()
    queue.submit()
    queue.in_order(10_000)

    assert len(queue.line._waiting) < 100


def test_tasks_of_one_moment_are_in_the_order_in_which_they_were_told() -> None:
    """Whatever their ids are: a burst of fifty, submitted together."""
    bench = Bench(schedule="economy")
    entries = [bench.machine.track(NAME, Task(each, NAME), 0.0, expires_in=1e5, age=10.0) for each in ("c", "a", "b")]
    births = [entry.born for entry in entries if isinstance(entry, Entry)]

    assert births == sorted(births)
    assert len(set(births)) == 3
    assert births[-1] < -9.99
