"""Whether tasks have changed: how soon it is noticed, and how seldom it is believed wrongly."""

from __future__ import annotations

import math
import random

import pytest

from wanpoll._core.lifetable import LifeTable
from wanpoll._core.placement import Placement, new_placement
from wanpoll._core.regime import News

INTERVAL = 15.0


def duration(dice: random.Random, scale: float = 1.0) -> float:
    return scale * 120.0 * math.exp(0.3 * dice.gauss(0, 1))


def watched(*, exact: bool = True, ends: int = 300) -> Placement:
    """A placement that has seen so many tasks from their beginning to their end."""
    placement, dice = new_placement(INTERVAL, "economy"), random.Random(1)
    for number in range(ends):
        one(placement, float(number), duration(dice), exact=exact)
    return placement


def one(placement: Placement, born: float, end: float, *, exact: bool = True, step: float = INTERVAL) -> list[News]:
    """A task that is asked about every `step` seconds until it has ended: what each answer was."""
    news, heard = [], 0.0
    while heard + step < end:
        news.append(placement.survived(born, heard, heard + step))
        heard += step
    news.append(placement.ended(born, heard, heard + step, end if exact else None))
    return news


@pytest.mark.parametrize("exact", [True, False])
def test_quicker_tasks_are_noticed_within_a_few(exact: bool) -> None:
    """Two fifths of the time: the first is strange, and not many more are needed."""
    placement, dice = watched(exact=exact), random.Random(2)
    told = [one(placement, 1000.0 + number, duration(dice, 0.4), exact=exact)[-1] for number in range(6)]

    assert News.STRANGE in told or News.DOUBT in told
    assert News.CHANGED in told


@pytest.mark.parametrize("exact", [True, False])
def test_slower_tasks_are_noticed_before_any_of_them_has_ended(exact: bool) -> None:
    """By the answers "not yet" that come late: by two, and one for each twenty of those that ran side by side."""
    placement = watched(exact=exact)
    told = [placement.survived(1000.0 + number, 150.0, 2000.0) for number in range(12)]

    assert told[:2] == [News.NONE, News.NONE]
    assert max(told) >= News.DOUBT
    assert placement.table.survival(2000.0) > 0.01


@pytest.mark.parametrize("scale", [1.0, 2.5, 0.4])
def test_a_burst_is_judged_as_a_whole(scale: float) -> None:
    """Of a thousand that begin together the quick ones end first and the late ones last: that is no change, but for
    a burst that takes another time."""
    table = LifeTable(INTERVAL)
    placement, dice = Placement(table, "economy", INTERVAL), random.Random(1)
    told: list[list[News]] = []
    for burst in range(3):
        told.append([])
        ends = [duration(dice, scale if burst == 2 else 1.0) for _ in range(1000)]
        for at in (INTERVAL * step for step in range(1, 100)):
            ends = [each for each in ends if each > at - INTERVAL]
            for end in ends:
                if end > at:
                    told[-1].append(placement.survived(1000.0 * burst, at - INTERVAL, at))
                else:
                    told[-1].append(placement.ended(1000.0 * burst, at - INTERVAL, at, end))

    assert News.CHANGED not in told[0] + told[1]
    assert (News.CHANGED in told[2]) is (scale != 1.0)


def test_a_task_is_late_once() -> None:
    """However often it is asked about."""
    placement = watched()
    told = [placement.survived(1000.0, at, at + 15.0) for at in range(200, 900, 15)]

    assert set(told) == {News.NONE}


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_chance_is_seldom_taken_for_a_change(exact: bool, seed: int) -> None:
    """A thousand tasks of the same law: hardly any is strange, none changes anything."""
    placement, dice = watched(exact=exact), random.Random(seed)
    told = [each for number in range(1000) for each in one(placement, float(number), duration(dice), exact=exact)]

    assert told.count(News.CHANGED) == 0
    assert sum(each is not News.NONE for each in told) < 80  # all of them are asked about where few are


def test_older_tasks_say_nothing_about_a_speed_up() -> None:
    """They were submitted before it, and go on as they did."""
    placement, dice = watched(), random.Random(6)
    first = one(placement, 1000.0, 40.0)[-1]
    for number in range(5):
        one(placement, 900.0 + number, duration(dice))
    told = [one(placement, 1001.0 + number, 45.0)[-1] for number in range(3)]

    assert first is News.STRANGE
    assert News.CHANGED in told


def test_contemporaries_that_go_on_clear_a_suspicion() -> None:
    """One task was quick; those of its time are as always."""
    placement, dice = watched(), random.Random(7)
    one(placement, 1000.0, 40.0)
    for number in range(3):
        one(placement, 1001.0 + number, duration(dice))

    assert one(placement, 1010.0, 42.0)[-1] is not News.CHANGED


def test_after_a_change_little_is_expected_until_enough_is_known() -> None:
    """Plans are near those of the beginning, and nothing is strange."""
    placement = watched()
    silent = placement.step(0.0)
    for number in range(8):
        one(placement, 1000.0 + number, 40.0)

    assert placement.step(0.0) < silent / 2
    assert {one(placement, 2000.0 + number, 700.0)[-1] for number in range(5)} == {News.NONE}


def test_nothing_is_strange_before_twenty_ends() -> None:
    """An estimate of few ends is wrong about most."""
    placement = watched(ends=19)

    assert one(placement, 100.0, 2.0)[-1] is News.NONE
    assert placement.survived(101.0, 0.0, 5000.0) is News.NONE


def test_what_was_known_leaves_a_trace_only() -> None:
    """After a restart the estimate is about that of an empty table."""
    table = LifeTable(INTERVAL)
    for number in range(500):
        table.survived(0.0, 400.0)
        table.ended(100.0 * number, 400.0, 400.0)
    table.restart()
    table.estimate()

    assert table.survival(60.0) == pytest.approx(0.5, abs=0.25)
