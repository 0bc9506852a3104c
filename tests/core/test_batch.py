"""One question about many tasks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest

from tests.core.harness import NAME, Bench, miss, refusal, seen, unknown
from wanpoll import Failure, Rate, Status, Task
from wanpoll._core import events as ev
from wanpoll._core.entries import Purpose, Ticket
from wanpoll._core.readings import Answer, Broken, NoSuchTask, Observation, Reading, Rejected
from wanpoll.exceptions import UsageError

INTERVAL = 15.0


def batching(most: int = 50, **account: object) -> Bench:
    return Bench(max_batch=most, **account)


def names(ticket: Ticket) -> list[str]:
    return [task.id for task in ticket.tasks]


def all_running(ids: Iterable[str]) -> Answer:
    return Answer(tuple(Observation(each, Status.RUNNING) for each in ids))


def follow(bench: Bench, count: int) -> list[str]:
    """Track `count` tasks of unknown age: all are due at once."""
    ids = [f"t{number}" for number in range(count)]
    for each in ids:
        bench.track(each)
    return ids


class Remote:
    """Answers each question at once, by `says`; keeps the times at which each task was answered."""

    def __init__(self, bench: Bench, says: Callable[[list[str]], Reading]) -> None:
        self.bench = bench
        self.says = says
        self.sizes: list[int] = []
        self.answered: dict[str, list[float]] = {}

    def run(self, seconds: float) -> None:
        bench = self.bench
        until = bench.now + seconds
        while bench.now <= until:
            for ticket in bench.take():
                self.answer(ticket)
            at = bench.machine.next_at()
            if at is None:
                return
            bench.now = at

    def answer(self, ticket: Ticket) -> None:
        self.sizes.append(len(ticket.tasks))
        reading = self.says(names(ticket))
        for each in reading.observations if isinstance(reading, Answer) else ():
            self.answered.setdefault(each.task_id, []).append(self.bench.now)
        self.bench.answer(ticket, reading)


# -- how a batch is formed -------------------------------------------------------------------------------------------


def test_what_is_due_goes_together() -> None:
    """Up to as many as the provider takes, the rest in another."""
    bench = batching(50)
    ids = follow(bench, 120)
    tickets = bench.take()

    assert [len(ticket.tasks) for ticket in tickets] == [50, 50, 20]
    assert sorted(each for ticket in tickets for each in names(ticket)) == sorted(ids)


def test_what_is_due_soon_goes_along() -> None:
    """Half an interval ahead, and no further: asking along costs nothing."""
    bench = batching(50)
    bench.track("due", age=INTERVAL * 1.2)
    bench.track("soon", age=INTERVAL * 0.7)
    bench.track("later", age=INTERVAL * 0.1)
    (ticket,) = bench.take()

    assert names(ticket) == ["due", "soon"]


def test_nothing_goes_along_that_is_left_alone_for_a_reason() -> None:
    """Just answered, just missed, parked, or a call: each waits for its own time."""
    bench = batching(50)
    for each in ("missed", "parked", "unknown", "fresh"):
        bench.track(each)
        bench.answer(bench.take()[0], {"missed": miss(), "parked": Broken(UsageError("x"))}.get(each, unknown(each)))
    bench.now = 4.0
    bench.track("due")
    (ticket,) = bench.take()

    assert "due" in names(ticket)
    assert not {"missed", "parked", "unknown"} & set(names(ticket))


def test_one_request_is_one_place_in_the_quota() -> None:
    """However many tasks it is about."""
    bench = batching(10, quota=Rate(2, per=100.0))
    follow(bench, 100)

    assert len(bench.take()) == 1
    bench.now = 60.0
    assert len(bench.take()) == 1
    assert bench.machine.statistics(bench.now).requests == 2


def test_a_large_account_is_asked_in_full_batches() -> None:
    """Ten thousand tasks, whatever their ages: fifty times fewer requests, and none waits longer."""
    bench = batching(50)
    for number in range(10_000):
        bench.track(f"t{number}", age=INTERVAL * number / 10_000)
    remote = Remote(bench, all_running)
    remote.run(20 * INTERVAL)
    polls = sum(map(len, remote.answered.values()))
    gaps = [later - sooner for times in remote.answered.values() for sooner, later in itertools.pairwise(times)]

    assert polls / len(remote.sizes) > 45
    assert max(gaps) < 1.2 * INTERVAL
    assert min(gaps) > INTERVAL / 15


def test_a_refused_account_is_tried_with_one_task() -> None:
    """A probe is small."""
    bench = batching(50)
    follow(bench, 100)
    first, second = bench.take()
    bench.answer(first, refusal())
    bench.answer(second, refusal())
    for each in ("t1", "t2", "t3"):
        bench.machine.nudge(NAME, each, bench.now)

    assert bench.take() == []  # not sooner than a second after it was refused
    bench.now += 1.0
    (probe,) = bench.take()
    assert len(probe.tasks) == 1


# -- how its answer is read ------------------------------------------------------------------------------------------


def test_answers_are_matched_by_id() -> None:
    """Order is not promised, and a doubled id counts once."""
    bench = batching()
    follow(bench, 3)
    (ticket,) = bench.take()
    parts = [Observation(each, Status.SUCCEEDED, word=each) for each in ("t2", "t0", "t1", "t2")]
    bench.answer(ticket, Answer(tuple(parts)))

    assert [event.outcome.task.id for event in bench.told(ev.TaskEnded)] == ["t0", "t1", "t2"]


def test_what_is_absent_is_asked_singly() -> None:
    """At once, and without being counted as missed or unknown; then it goes with the others again."""
    bench = batching()
    follow(bench, 3)
    (ticket,) = bench.take()
    bench.answer(ticket, all_running(["t0", "t2"]))
    (single,) = bench.take()
    bench.answer(single, seen("t1"))
    bench.now = INTERVAL * 1.2

    assert names(single) == ["t1"]
    assert not bench.told(ev.PollMissed)
    assert bench.machine.statistics(bench.now).polls == 3
    assert sorted(names(bench.take()[0])) == ["t0", "t1", "t2"]


def test_an_absent_task_is_unknown_when_its_own_answers_say_so() -> None:
    """Three single answers, as ever; the batches in between say nothing."""
    bench = batching()
    follow(bench, 2)

    def says(ids: list[str]) -> Reading:
        known = [each for each in ids if each != "t1"]
        return Answer((NoSuchTask("t1"),)) if ids == ["t1"] else all_running(known)

    Remote(bench, says).run(200.0)

    outcome = bench.ended()
    assert (outcome.task.id, outcome.status, outcome.reason, outcome.polls) == ("t1", Status.EXPIRED, "unknown", 3)


def test_an_absent_task_gets_its_last_poll_alone() -> None:
    """Its time is over, the batch does not tell of it: one question of its own, then the end."""
    bench = batching()
    bench.track("a", expires_in=20.0)
    bench.track("b", expires_in=20.0)
    remote = Remote(bench, lambda ids: seen("b", Status.SUCCEEDED) if ids == ["b"] else Answer((NoSuchTask("a"),)))
    bench.answer(bench.take()[0], all_running(["a", "b"]))
    bench.now = 20.0
    remote.run(100.0)

    ends = {event.outcome.task.id: event.outcome for event in bench.told(ev.TaskEnded)}
    assert (ends["a"].status, ends["b"].status) == (Status.EXPIRED, Status.SUCCEEDED)


def test_an_answer_may_ask_to_be_left_alone() -> None:
    """The server can only slow us down."""
    bench = Bench()
    bench.track("a")
    bench.poll(Answer((Observation("a", Status.RUNNING),), poll_after=100.0))
    assert bench.poll(Answer((Observation("a", Status.RUNNING),), poll_after=0.1)) >= 100.0
    assert bench.poll(seen("a")) >= 115.0


# -- when it fails ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [miss(), Rejected(Failure("InvalidParameter", "one of them")), Broken(UsageError("x"))]
)
def test_a_poisoned_task_does_not_hold_back_the_others(failure: Reading) -> None:
    """Every batch with it fails; all others are answered soon, and then regularly."""
    bench = batching(50)
    ids = follow(bench, 200)
    remote = Remote(bench, lambda asked: failure if "t7" in asked else all_running(asked))
    remote.run(600.0)
    healthy = [each for each in ids if each != "t7"]
    told = [[0.0, *remote.answered[each], 600.0] for each in healthy]
    gaps = [later - sooner for times in told for sooner, later in itertools.pairwise(times)]

    assert max(gaps) < 180.0
    assert all(len(remote.answered[each]) > 20 for each in healthy)
    assert sum(remote.sizes) / len(remote.sizes) > 20
    assert "t7" not in remote.answered


def test_a_poisoned_task_is_found_in_an_account_of_few() -> None:
    """Nothing else is heard of the account meanwhile, and still it is no outage."""
    bench = batching(50)
    ids = follow(bench, 40)
    remote = Remote(bench, lambda asked: miss() if "t7" in asked else all_running(asked))
    remote.run(300.0)

    assert set(remote.answered) == set(ids) - {"t7"}


@pytest.mark.parametrize("count", [2, 10, 49, 100, 300])
def test_batches_that_always_fail_are_told_from_an_outage(count: int) -> None:
    """The provider answers about one task, but not about several: all are answered within minutes, one by one."""
    bench = batching(50)
    ids = follow(bench, count)
    remote = Remote(bench, lambda asked: miss() if len(asked) > 1 else all_running(asked))
    remote.run(300.0)

    assert set(remote.answered) == set(ids)


def test_batches_are_tried_again_when_they_have_failed() -> None:
    """By and by larger ones, once the provider answers about several again."""
    bench = batching(50)
    ids = follow(bench, 300)
    broken = Remote(bench, lambda asked: miss() if len(asked) > 1 else all_running(asked))
    broken.run(300.0)
    mended = Remote(bench, all_running)
    mended.run(600.0)

    assert set(mended.answered) == set(ids)
    assert sum(mended.sizes[-20:]) > 20 * 25


def test_an_outage_splits_nothing() -> None:
    """Everything fails for ten minutes: the batches stay full, and all are answered within seconds of its end."""
    bench = batching(50)
    ids = follow(bench, 1_000)
    down = Remote(bench, lambda _: miss())
    down.run(600.0)
    up = Remote(bench, all_running)
    up.run(90.0)

    assert set(up.answered) == set(ids)
    assert max(min(times) for times in up.answered.values()) < 600.0 + 75.0
    assert len(up.sizes) < 200


def test_throttled_batches_stay_whole() -> None:
    """429 says nothing about any task."""
    bench = batching(50)
    follow(bench, 50)
    (ticket,) = bench.take()
    bench.answer(ticket, miss("throttled", throttled=True))

    assert {entry.split for entry in bench.machine.accounts[NAME].tasks.values()} == {0}


def test_only_the_guilty_task_of_a_broken_class_is_parked() -> None:
    """The provider class raises for one of them: its waiters are told, the others go on."""
    bench = batching(50)
    follow(bench, 10)
    remote = Remote(bench, lambda asked: Broken(UsageError("x")) if "t3" in asked else all_running(asked))
    remote.run(40.0)

    assert [event.task.id for event in bench.told(ev.TaskBroken)] == ["t3"]
    assert len(remote.answered) == 9


# -- leaving ---------------------------------------------------------------------------------------------------------


def test_forgetting_one_leaves_the_question_to_the_others() -> None:
    """Tracked anew meanwhile, it is asked about when the answer is there, and the answer is not for it."""
    bench = batching(50)
    follow(bench, 3)
    (ticket,) = bench.take()
    bench.machine.forget(NAME, "t1", bench.now)
    bench.track("t1")
    assert bench.take() == []

    bench.answer(ticket, Answer(tuple(Observation(each, Status.SUCCEEDED) for each in names(ticket))))
    assert [event.outcome.task.id for event in bench.told(ev.TaskEnded)] == ["t0", "t2"]
    assert [names(each) for each in bench.take()] == [["t1"]]


def test_a_task_tracked_anew_goes_along_with_none_while_the_old_question_hangs() -> None:
    """Not even when its deadline, which stands in the schedule meanwhile, is near."""
    bench = batching(50, max_in_flight=2)
    bench.track("t0")
    bench.take()
    bench.machine.forget(NAME, "t0", bench.now)
    bench.track("t0", expires_in=5.0)
    bench.track("t1")

    assert [names(each) for each in bench.take()] == [["t1"]]


def test_calls_go_alone() -> None:
    """Cancelling is never mixed with asking."""
    bench = batching(50)
    follow(bench, 3)
    bench.machine.call(NAME, Task("t1", NAME), Purpose.CANCEL, bench.now)
    tickets = bench.take()

    assert [(ticket.purpose, len(ticket.tasks)) for ticket in tickets] == [(Purpose.CANCEL, 1), (Purpose.POLL, 3)]
