import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanpoll.exceptions import UsageError
from wanpoll.simulator.distributions import Constant, Lognormal
from wanpoll.simulator.world import Behaviour, World


def world(seed=0, queue=10, running=100, **behaviour):
    return World(Behaviour(Constant(queue), Constant(running), **behaviour), seed)


def submit(world, now=0.0, **options):
    return world.submit(now, shape="images", model="a-model", **options)


def test_a_task_waits_runs_and_ends():
    """A task is PENDING for its queue time, RUNNING for its duration, then SUCCEEDED."""
    task = submit(world(), now=5)

    assert [task.status_at(now) for now in (5, 14.9, 15, 114.9, 115)] == [
        "PENDING",
        "PENDING",
        "RUNNING",
        "RUNNING",
        "SUCCEEDED",
    ]


@given(overridden=st.sets(st.integers(0, 5)))
def test_fates_depend_on_the_serial_number_alone(overridden):
    """What else happens, overrides included, does not change what is drawn for a task."""
    behaviour = Behaviour(Lognormal(10, 1), Lognormal(100, 1), failed=0.4, partial=0.4)
    plain, meddled = World(behaviour, 7), World(behaviour, 7)
    expected = [submit(plain, pictures=4) for _ in range(6)]
    for serial in range(6):
        submit(meddled, pictures=4, status="SUCCEEDED" if serial in overridden else None)
        random.random()
    kept = [serial for serial in range(6) if serial not in overridden]

    assert [list(meddled.all())[serial] for serial in kept] == [expected[serial] for serial in kept]


def test_seeds_differ():
    """Another seed gives other ids."""
    assert submit(world(seed=1)).id != submit(world(seed=2)).id


def test_failures_by_probability():
    """As many tasks fail as the probability says, each with one of the codes."""
    place = world(failed=0.3, codes=("A", "B"))
    tasks = [submit(place) for _ in range(1_000)]
    failed = [task for task in tasks if task.status == "FAILED"]

    assert len(failed) / 1_000 == pytest.approx(0.3, abs=0.05)
    assert {task.code for task in failed} == {"A", "B"}
    assert {task.code for task in tasks if task.status == "SUCCEEDED"} == {None}


def test_partial_failures_leave_something_of_both():
    """A partial failure loses at least one picture and keeps at least one; a single picture is never lost."""
    place = world(partial=1.0)

    assert {len(submit(place, pictures=3).lost) for _ in range(100)} == {1, 2}
    assert submit(place, pictures=1).lost == frozenset()


def test_overrides():
    """A duration is counted from submission to end; status and code are as given."""
    task = submit(world(), now=50, duration=11, status="FAILED", code="DataInspectionFailed")

    assert (task.started_at, task.ends_at) == (51, 61)
    assert (task.status, task.code) == ("FAILED", "DataInspectionFailed")


def test_a_duration_of_zero_ends_at_once():
    """A task of no duration has ended when it is submitted."""
    assert submit(world(), now=3, duration=0).status_at(3) == "SUCCEEDED"


def test_cancel_takes_pending_tasks_only():
    """A PENDING task is CANCELED at once; a RUNNING, an ended and an unknown one are left alone."""
    place = world()
    pending, running = submit(place), submit(place)

    assert place.cancel(pending.id, 4)
    assert place.get(pending.id).status_at(4) == "CANCELED"
    assert not place.cancel(pending.id, 5)
    assert not place.cancel(running.id, 20)
    assert place.get(running.id) == running
    assert not place.cancel("nobody", 4)


def test_a_task_is_forgotten_after_its_lifetime():
    """From its lifetime on a task is UNKNOWN, whatever it came to."""
    place = world(lifetime=1_000)
    task = submit(place)

    assert place.find(task.id, 999.9) == task
    assert place.find(task.id, 1_000) is None
    assert place.status(task, 1_000) == "UNKNOWN"


def test_an_unknown_status_is_refused():
    """A misspelt status is a UsageError that lists the words."""
    with pytest.raises(UsageError, match=r"SUCCEDED.*SUCCEEDED, FAILED"):
        submit(world(), status="SUCCEDED")


def test_probabilities_are_checked():
    """A probability over one is a UsageError that names the argument."""
    with pytest.raises(UsageError, match=r"failed=1\.5"):
        world(failed=1.5)
