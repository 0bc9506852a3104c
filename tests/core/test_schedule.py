"""The lazy heap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wanpoll._core.schedule import RESOLUTION, Schedule


class Item:
    def __init__(self, name: int = 0) -> None:
        self.name = name
        self.slot = None


def drain(schedule: Schedule[Item], now: float) -> list[int]:
    return [item.name for item in schedule.pop_due(now, 1000)]


def test_items_come_in_the_order_of_their_times() -> None:
    """The earliest comes first, whatever the order of setting."""
    schedule: Schedule[Item] = Schedule()
    for name in (3, 1, 2):
        schedule.set(Item(name), float(name))

    assert drain(schedule, 10.0) == [1, 2, 3]


def test_a_new_time_replaces_the_old_one() -> None:
    """An item has one time; the stale entry is never seen."""
    schedule: Schedule[Item] = Schedule()
    item = Item(7)
    schedule.set(item, 1.0)
    schedule.set(item, 5.0)

    assert schedule.next_at() == 5.0
    assert drain(schedule, 2.0) == []
    assert drain(schedule, 5.0) == [7]
    assert len(schedule) == 0


def test_what_is_due_within_a_millisecond_is_due() -> None:
    """Timers fire a hair early; comparing strictly would spin."""
    schedule: Schedule[Item] = Schedule()
    schedule.set(Item(1), 1.0)

    assert drain(schedule, 1.0 - 2 * RESOLUTION) == []
    assert drain(schedule, 1.0 - RESOLUTION / 2) == [1]


def test_no_more_are_taken_than_wanted() -> None:
    """What is left keeps its place; a stale entry on the way does not count."""
    schedule: Schedule[Item] = Schedule()
    items = [Item(name) for name in range(4)]
    for item in items:
        schedule.set(item, float(item.name))
    schedule.remove(items[0])

    assert [item.name for item in schedule.pop_due(10.0, 2)] == [1, 2]
    assert len(schedule) == 1
    assert drain(schedule, 10.0) == [3]


def test_stale_entries_do_not_pile_up() -> None:
    """Rescheduling one item for ever keeps the heap small."""
    schedule: Schedule[Item] = Schedule()
    item = Item()
    for at in range(50_000):
        schedule.set(item, float(at))

    assert len(schedule._heap) <= 1001


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.one_of(st.none(), st.floats(0, 100))),
        max_size=60,
    )
)
def test_it_agrees_with_a_dict(changes: list[tuple[int, float | None]]) -> None:
    """After any sets and removals, items come out as sorting a dict would give them."""
    schedule: Schedule[Item] = Schedule()
    items = [Item(name) for name in range(10)]
    model: dict[int, float] = {}
    for name, at in changes:
        if at is None:
            schedule.remove(items[name])
            model.pop(name, None)
        else:
            schedule.set(items[name], at)
            model[name] = at

    assert len(schedule) == len(model)
    assert schedule.next_at() == min(model.values(), default=None)
    taken = drain(schedule, 1000.0)
    assert sorted(taken) == sorted(model)
    assert [model[name] for name in taken] == sorted(model.values())
