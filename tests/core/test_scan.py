"""The scan of an account's list of tasks: it saves requests, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.harness import NAME, Bench, miss, refusal, seen, unknown
from wanpoll import Failure, Rate, Status, UsageError
from wanpoll._core import events as ev
from wanpoll._core.account import URGENT_RUN
from wanpoll._core.entries import Entry, PageOf, Purpose, Ticket
from wanpoll._core.placement import Placement
from wanpoll._core.readings import Answer, Broken, Listed, Missed, Observation, Reading, Refused, Rejected
from wanpoll._core.scan import FAILURES, PAUSE, TRUSTED, WORTH

EPOCH = 1_750_000_000.0
INTERVAL = 15.0
MARGIN = 60.0
NOTHING = Listed((), 1, 0)

Reader = Callable[[Ticket], Reading | Listed]


def scanning(count: int = 0, *, age: float | None = 0.0, **account: Any) -> Bench:
    """An account with a scan, and `count` tasks t0, t1, ... of that age."""
    bench = Bench(**{"scan": True, **account})
    bench.machine.begin(EPOCH)
    for number in range(count):
        bench.track(f"t{number}", age=age)
    return bench


def entry_of(bench: Bench, task_id: str) -> Entry:
    entry = bench.machine.find(NAME, task_id)
    assert isinstance(entry, Entry)
    return entry


def rows(ids: Iterable[str], status: Status | None = Status.RUNNING, *, page: int = 1, pages: int = 1) -> Listed:
    return Listed(tuple((each, status) for each in ids), page, pages)


def all_go_on(bench: Bench) -> Listed:
    return rows([task.id for task in bench.machine.open_tasks()])


def is_page(ticket: Ticket) -> bool:
    return ticket.purpose is Purpose.SCAN


def drive(bench: Bench, seconds: float, read: Reader) -> list[tuple[float, Ticket]]:
    """Answer each question at once, for so long; the questions, and when they were asked."""
    asked, until = [], bench.now + seconds
    while True:
        for ticket in bench.take():
            asked.append((bench.now, ticket))
            bench.answer(ticket, read(ticket))
        bench.events += [event for _, event in bench.machine.take_events()]
        at = bench.machine.next_at()
        if at is None or at > until:
            bench.now = until
            return asked
        bench.now = at


def reader(page: Callable[[], Reading | Listed], poll: Callable[[str], Reading] = seen) -> Reader:
    return lambda ticket: page() if is_page(ticket) else poll(ticket.tasks[0].id)


def first_page(bench: Bench) -> Ticket:
    ticket = bench.next_ticket(within=60.0)
    assert ticket is not None
    assert is_page(ticket)
    return ticket


def pages_of(asked: list[tuple[float, Ticket]]) -> list[tuple[float, PageOf]]:
    return [(at, ticket.subject) for at, ticket in asked if isinstance(ticket.subject, PageOf)]


def pages_of_tickets(asked: list[tuple[float, Ticket]]) -> list[Ticket]:
    return [ticket for _, ticket in asked if is_page(ticket)]


def polls_of(asked: list[tuple[float, Ticket]], task_id: str | None = None) -> list[float]:
    return [at for at, ticket in asked if ticket.tasks and task_id in (None, ticket.tasks[0].id)]


# -- when it is made -------------------------------------------------------------------------------------------------


def test_many_tasks_are_scanned_instead_of_asked() -> None:
    """A page in each interval, and not one poll of those that it says go on."""
    bench = scanning(100)
    asked = drive(bench, 200.0, reader(lambda: all_go_on(bench)))

    assert polls_of(asked) == []
    assert 11 <= len(pages_of(asked)) <= 14
    assert bench.machine.statistics(bench.now).requests == len(asked)
    assert bench.machine.statistics(bench.now).polls == 0


def test_a_scan_comes_just_before_the_polls_that_it_spares() -> None:
    """Young tasks are not looked for; those that are due at once are."""
    young, old = scanning(100), scanning(100, age=100.0, quota=Rate(5, per=5.0))

    assert 10.0 <= pages_of(drive(young, 20.0, reader(lambda: all_go_on(young))))[0][0] <= 15.0
    assert pages_of(drive(old, 20.0, reader(lambda: all_go_on(old))))[0][0] <= 1.1


def test_few_tasks_are_asked_singly() -> None:
    """A page that spares no more than `WORTH` polls is not asked for."""
    few = scanning(int(WORTH))
    enough = scanning(int(WORTH) + 1)

    assert pages_of(drive(few, 300.0, reader(lambda: all_go_on(few)))) == []
    assert pages_of(drive(enough, 300.0, reader(lambda: all_go_on(enough))))


def test_those_that_are_not_due_soon_are_no_reason() -> None:
    """Two tasks that are due do not pay for a page, whoever else is followed."""
    bench = scanning(2)
    for number in range(50):
        bench.track(f"calm{number}")
        bench.answer(bench.next_ticket(within=0.01), Answer(seen(f"calm{number}").observations, poll_after=3600.0))
        entry_of(bench, f"calm{number}").born = 0.0

    assert pages_of(drive(bench, 1000.0, reader(lambda: all_go_on(bench)))) == []


def test_before_the_first_page_all_tasks_are_taken_to_stand_on_pages() -> None:
    """Ten that are due do not pay for the six pages that the six hundred of this account have."""
    bench = scanning(10)
    for number in range(600):
        bench.track(f"calm{number}", age=3600.0)
        entry_of(bench, f"calm{number}").parked = True
        bench.machine.accounts[NAME].place(entry_of(bench, f"calm{number}"), 10_000.0, 0.0)
    assert pages_of(drive(bench, 100.0, reader(lambda: NOTHING))) == []

    bench = scanning(20)
    assert pages_of(drive(bench, 100.0, reader(lambda: NOTHING)))


def test_those_with_ways_of_their_own_are_no_reason() -> None:
    """Rows would not spare their polls."""
    bench = scanning(50, age=100.0)

    assert pages_of(drive(bench, 300.0, reader(lambda: all_go_on(bench), lambda _: miss()))) == []


def test_on_a_full_account_fewer_polls_are_reason_enough() -> None:
    """They are fewer than they should be, since the quota stretches the steps."""
    bench = scanning(2, schedule="economy")
    assert not is_page(bench.next_ticket())

    bench = scanning(2, schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    learned.pressure.stretch = 2.0
    assert is_page(bench.next_ticket())


def test_no_scan_without_being_asked_to() -> None:
    """It is off unless the provider says otherwise, and without the wall clock's time nobody knows since when."""
    off, no_epoch = Bench(), Bench(scan=True)
    for bench in (off, no_epoch):
        for number in range(100):
            bench.track(f"t{number}", age=0.0)

        assert pages_of(drive(bench, 100.0, reader(lambda: NOTHING))) == []


def test_an_account_without_tasks_sleeps() -> None:
    """Nothing wakes it when the last has ended or was forgotten; the next task does."""
    bench = scanning(5)
    for number in range(5):
        bench.machine.forget(NAME, f"t{number}", bench.now)
    drive(bench, 100.0, reader(lambda: NOTHING))
    assert bench.machine.next_at() is None

    for number in range(10):
        bench.track(f"u{number}", age=0.0)
    assert pages_of(drive(bench, 30.0, reader(lambda: all_go_on(bench))))


def test_more_pages_than_polls_are_not_asked_for() -> None:
    """The first page tells how many there are: too many for these tasks, and so for some time."""
    bench = scanning(100)
    many = int(100 / WORTH)
    asked = drive(bench, 300.0, reader(lambda: rows([f"t{each}" for each in range(10)], pages=many)))
    assert [page.number for _, page in pages_of(asked)] == [1]

    bench = scanning(100)
    asked = drive(bench, 300.0, reader(lambda: rows([f"t{each}" for each in range(100)], pages=1)))
    assert len(pages_of(asked)) > 10


def test_too_many_pages_are_forgotten_in_time() -> None:
    """They may have been those of somebody else: within two hours a page is tried again."""
    bench = scanning(100)
    asked = drive(bench, 7200.0, reader(lambda: rows([f"t{each}" for each in range(10)], pages=200)))

    assert 2 <= len(pages_of(asked)) <= 6


def test_with_little_lag_in_view_scans_come_up_to_five_times_as_often() -> None:
    """A fifth of the interval lies between them, where the plan would ask as often."""
    shortest = {}
    for schedule in ("fast", "economy"):
        bench = scanning(schedule=schedule)
        for number in range(300):
            bench.track(f"t{number}", age=90.0 - 0.3 * number)
        times = [at for at, _ in pages_of(drive(bench, 400.0, ending(bench)))]
        shortest[schedule] = min(after - before for before, after in zip(times, times[1:], strict=False))

    assert INTERVAL / 5 - 0.01 <= shortest["fast"] < INTERVAL / 3
    assert shortest["economy"] >= INTERVAL - 0.01


def ending(bench: Bench) -> Reader:
    """Tasks that end one after the other, from 100 s on: the list and each answer say so at once."""

    def word(task_id: str) -> Status:
        return Status.SUCCEEDED if bench.now >= 100.0 + int(task_id[1:]) else Status.RUNNING

    def page() -> Listed:
        return Listed(tuple((task.id, word(task.id)) for task in bench.machine.open_tasks()), 1, 1)

    return reader(page, lambda task_id: seen(task_id, word(task_id)))


# -- what is asked for -----------------------------------------------------------------------------------------------


def since_of(ticket: Ticket) -> float:
    assert isinstance(ticket.subject, PageOf)
    return ticket.subject.since.timestamp() - EPOCH


def test_the_list_begins_with_the_oldest_task() -> None:
    """A minute before its submission: clocks differ."""
    bench = scanning(50)
    bench.track("old", age=500.0)
    bench.poll(seen("old"))

    assert since_of(first_page(bench)) == pytest.approx(-500.0 - MARGIN, abs=0.01)


def test_the_list_goes_back_for_a_day_at_most() -> None:
    """Older tasks are asked about singly."""
    bench = scanning(50)
    bench.track("old", age=100_000.0)
    bench.poll(seen("old"))
    assert since_of(first_page(bench)) == pytest.approx(-MARGIN, abs=0.01)


def test_a_few_old_tasks_do_not_widen_the_list() -> None:
    """Where the list is long, the oldest are asked about singly: that is cheaper than a page of others' for each."""
    bench = scanning(100)
    bench.track("old", age=30_000.0)

    def page(ticket: Ticket) -> Listed:
        span = bench.now - since_of(ticket)
        return rows([f"t{each}" for each in range(100)], page=ticket.subject.number, pages=max(1, int(span / 200.0)))

    drive(bench, 5.0, reader(lambda: NOTHING))
    asked = drive(bench, 100.0, lambda ticket: page(ticket) if is_page(ticket) else seen(ticket.tasks[0].id))

    assert bench.now - since_of(pages_of_tickets(asked)[0]) > 30_000.0
    assert all(at - since_of(ticket) < 300.0 for at, ticket in asked[1:] if is_page(ticket))
    assert len(pages_of(asked)) >= 5


def test_pages_are_asked_for_one_after_the_other() -> None:
    """Each is one question; the next leaves when the answer is there, and after the last comes a period of rest."""
    bench = scanning(250)
    ids = [f"t{each}" for each in range(250)]
    for number in (1, 2, 3):
        ticket = first_page(bench)
        assert ticket.tasks == ()
        assert ticket.subject.number == number
        assert bench.take() == []
        bench.answer(ticket, rows(ids[100 * (number - 1) : 100 * number], page=number, pages=3))
    ended_at = bench.now

    again = first_page(bench)
    assert again.subject.number == 1
    assert bench.now >= ended_at + 0.9 * INTERVAL


@pytest.mark.parametrize(
    "page",
    [rows(["t1", "t2"], page=2, pages=3), Listed((), 1, 3), rows(["t1", "t2"], pages=0), Listed((("t1", None),))],
    ids=["another page", "no rows", "no pages", "no numbers"],
)
def test_an_odd_page_is_the_last(page: Listed) -> None:
    """A server that does not turn pages is not asked for more."""
    bench = scanning(250)
    asked = drive(bench, 20.0, reader(lambda: page))

    assert [subject.number for _, subject in pages_of(asked)] == [1]


# -- what a row does -------------------------------------------------------------------------------------------------


def test_who_has_ended_is_asked_at_once() -> None:
    """The list ends no task: it has neither media nor reasons. The one question that follows does."""
    bench = scanning(10)
    bench.answer(first_page(bench), rows(["t3"], Status.SUCCEEDED))
    assert bench.ended() is None
    listed_at = bench.now

    ticket = bench.next_ticket(within=1.0)
    assert [task.id for task in ticket.tasks] == ["t3"]
    assert bench.now == pytest.approx(listed_at, abs=0.01)
    bench.answer(ticket, seen("t3", Status.FAILED))
    assert bench.ended().status is Status.FAILED
    assert bench.ended().polls == 1


def test_who_has_ended_goes_before_those_that_wait() -> None:
    """On a full account, too."""
    bench = scanning(60, age=100.0, quota=Rate(1, per=5.0))
    bench.answer(first_page_of(bench), rows(["t50"], Status.SUCCEEDED))

    assert bench.next_ticket(within=10.0).tasks[0].id == "t50"


def test_the_floor_between_two_answers_holds() -> None:
    """Who was asked a moment ago is asked again a moment later."""
    bench = scanning(10)
    entry = entry_of(bench, "t3")
    ticket = first_page(bench)
    entry.answered_at = entry.polled_at = bench.now - 0.4
    bench.answer(ticket, rows(["t3"], Status.SUCCEEDED))
    listed_at = bench.now
    bench.next_ticket(within=5.0)

    assert bench.now == pytest.approx(listed_at + 0.6, abs=0.01)


def test_who_goes_on_has_been_answered() -> None:
    """Its own poll moves on, its status is told, and no poll is counted."""
    bench = scanning(10)
    bench.answer(first_page(bench), all_go_on(bench))
    entry = entry_of(bench, "t3")

    assert entry.due_at >= bench.now + INTERVAL
    assert entry.answered_at == bench.now
    assert (entry.status, entry.polls, entry.polled_at) == (Status.RUNNING, 0, None)
    assert {event.update.status for event in bench.told(ev.TaskChanged)} == {Status.RUNNING}
    assert bench.machine.statistics(bench.now).polls == 0


def test_who_waits_for_the_quota_need_not_be_asked_any_more() -> None:
    """A page takes those that go on out of the queue."""
    bench = scanning(60, age=100.0, quota=Rate(1, per=5.0))
    asked = drive(bench, 60.0, reader(lambda: all_go_on(bench)))

    assert len(polls_of(asked)) <= 3
    assert bench.machine.statistics(bench.now).oldest_due <= 5.0


def test_the_list_is_not_taken_at_its_word_for_ever() -> None:
    """A stale one hides no end: each task is asked about itself every twenty intervals at least."""
    bench = scanning(30)
    asked = drive(bench, 2000.0, reader(lambda: all_go_on(bench)))

    for number in range(30):
        times = [0.0, *polls_of(asked, f"t{number}")]
        assert len(times) >= 6
        gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
        assert max(gaps) <= TRUSTED * INTERVAL + 0.1
        assert min(gaps) >= (TRUSTED - 2) * INTERVAL


def test_who_stands_on_no_page_is_asked_singly() -> None:
    """As if there were no list: every interval."""
    bench = scanning(40)
    asked = drive(bench, 200.0, reader(lambda: rows([f"t{each}" for each in range(0, 40, 2)])))

    assert polls_of(asked, "t4") == []
    times = polls_of(asked, "t5")
    assert len(times) >= 11
    assert max(after - before for before, after in zip(times, times[1:], strict=False)) <= 1.1 * INTERVAL + 0.1


@pytest.mark.parametrize(
    "row", [("stranger", Status.SUCCEEDED), ("t3", None), ("stranger", Status.RUNNING)], ids=["ended", "odd", "runs"]
)
def test_rows_that_tell_nothing_change_nothing(row: tuple[str, Status | None]) -> None:
    """Strangers are ignored, and a word that nobody knows is left to the task's own answer."""
    bench, other = scanning(10), scanning(10)
    bench.answer(first_page(bench), Listed((row,), 1, 1))
    other.answer(first_page(other), NOTHING)

    assert [task.id for task in bench.machine.open_tasks()] == [f"t{number}" for number in range(10)]
    assert entry_of(bench, "t3").due_at == entry_of(other, "t3").due_at
    assert bench.events == []


def test_a_list_that_ends_what_goes_on_is_believed_less() -> None:
    """The task itself denies it: no more than one question in an interval comes of that, even in a hurry."""
    bench = scanning(30, schedule="fast")
    asked = drive(bench, 200.0, reader(lambda: rows(["t3", "t4"], Status.SUCCEEDED)))
    times = polls_of(asked, "t3")

    assert bench.told(ev.TaskEnded) == []
    assert len(times) <= len(polls_of(asked, "t5")) + 200.0 / INTERVAL


def test_a_row_is_no_news_after_the_tasks_own_answer() -> None:
    """A page that was asked for before may be older."""
    bench = scanning(10)
    page = first_page(bench)
    bench.machine.nudge(NAME, "t3", bench.now)
    own = bench.next_ticket(within=5.0)
    bench.now += 0.1
    bench.answer(own, seen("t3", Status.PENDING))
    answered_at, due_at = bench.now, entry_of(bench, "t3").due_at
    bench.now += 0.1
    bench.answer(page, rows(["t3"], Status.RUNNING))
    entry = entry_of(bench, "t3")

    assert (entry.answered_at, entry.due_at, entry.status) == (answered_at, due_at, Status.PENDING)


def test_who_runs_does_not_wait_again() -> None:
    """A list that lags behind the tasks does not set them back."""
    bench = scanning(10)
    bench.answer(first_page(bench), all_go_on(bench))
    bench.answer(first_page(bench), rows([f"t{each}" for each in range(10)], Status.PENDING))

    assert entry_of(bench, "t3").status is Status.RUNNING


def test_who_is_older_is_told_of_first() -> None:
    """Whatever the order of the rows: one that runs although it is younger would say that there is no order."""
    bench = scanning()
    for number in range(10):
        bench.track(f"t{number}", age=10.0 - number)
    bench.answer(first_page(bench), rows(f"t{each}" for each in (5, 9, 0, 1, 8, 2, 7, 3, 6, 4)))

    assert [event.update.task.id for event in bench.told(ev.TaskChanged)] == [f"t{each}" for each in range(10)]


def test_progress_is_kept() -> None:
    """Rows do not tell it, so they do not take it back."""
    bench = scanning(10)
    bench.track("half")
    bench.answer(bench.next_ticket(within=0.01), seen("half", progress=0.5))
    bench.answer(first_page(bench), all_go_on(bench))

    assert entry_of(bench, "half").answered_at == bench.now
    assert entry_of(bench, "half").progress == 0.5


def test_of_two_rows_about_a_task_the_end_counts() -> None:
    """Whatever their order: the task is asked."""
    for order in ((Status.RUNNING, Status.FAILED), (Status.FAILED, Status.RUNNING)):
        bench = scanning(10)
        bench.answer(first_page(bench), Listed(tuple(("t3", status) for status in order), 1, 1))

        assert bench.next_ticket(within=1.0).tasks[0].id == "t3"


def own_ways(bench: Bench) -> dict[str, Entry]:
    """Tasks that the schedule does not move: in flight, urgent, missed, unknown, parked, half told, and late."""
    readings: dict[str, Reading] = {
        "missed": miss(),
        "unknown": unknown("unknown"),
        "parked": Broken(UsageError("mend it")),
    }
    for name in ("flying", "missed", "unknown", "parked"):
        bench.track(name)
        ticket = bench.next_ticket(within=0.01)
        if name in readings:
            bench.answer(ticket, readings[name])
    return {name: entry_of(bench, name) for name in ("flying", "missed", "unknown", "parked")}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.SUCCEEDED])
def test_those_with_ways_of_their_own_keep_them(status: Status) -> None:
    """In flight, missed, unknown, parked, urgent, half told: no row decides when they are asked."""
    bench = scanning(30, poll_timeout=1000.0)
    entries = own_ways(bench)
    page = first_page(bench)
    bench.track("urgent", age=0.0)
    bench.track("partial", age=0.0)
    entries["urgent"], entries["partial"] = entry_of(bench, "urgent"), entry_of(bench, "partial")
    entries["urgent"].urgent = True
    bench.track("stale", age=0.0)
    entries["stale"] = entry_of(bench, "stale")
    entries["stale"].stale = True
    entries["partial"].partial = Observation("partial", Status.SUCCEEDED, follow_up="file")
    before = {name: (entry.due_at, entry.slot, entry.queue, entry.answered_at) for name, entry in entries.items()}
    bench.answer(page, rows(entries, status))

    after = {name: (entry.due_at, entry.slot, entry.queue, entry.answered_at) for name, entry in entries.items()}
    assert after == before
    assert entries["unknown"].unknowns == 1


def test_the_last_poll_is_not_put_off() -> None:
    """A task whose time is over is asked once more, whatever a list says."""
    bench = scanning(10)
    bench.track("brief", age=0.0, expires_in=12.0)
    asked = drive(bench, 40.0, reader(lambda: all_go_on(bench)))

    assert polls_of(asked, "brief")[-1] == pytest.approx(12.0, abs=0.1)
    assert bench.ended().status is Status.EXPIRED


def test_a_page_is_no_last_poll() -> None:
    """Whose time is over is not ended by it, even where nobody came to ask about it yet."""
    bench = scanning(10)
    page = first_page(bench)
    entry_of(bench, "t3").expires_at = bench.now - 0.5
    bench.answer(page, all_go_on(bench))

    assert bench.ended() is None


def test_the_age_of_tasks_is_asked_for() -> None:
    """Without it nobody knows since when to list them, whatever the schedule."""
    bench = scanning()
    bench.track("a")
    assert bench.next_ticket(within=1.0).thorough

    bench = Bench()
    bench.track("a")
    assert not bench.next_ticket(within=1.0).thorough


# -- failing softly --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        (Refused("AccessDenied", "no"), "AccessDenied"),
        (Rejected(Failure("HTTP 404")), "HTTP 404"),
        (Broken(UsageError("mend it")), "no list"),
    ],
)
def test_a_list_that_is_not_given_is_not_asked_for_again(reading: Reading, code: str) -> None:
    """Told once; the account is not refused for it, and each task is asked by itself."""
    bench = scanning(100)
    asked = drive(bench, 7200.0, reader(lambda: reading))

    assert len(pages_of(asked)) == 1
    assert [event.reason.code for event in bench.told(ev.ScanStopped)] == [code]
    assert bench.told(ev.AccountRefused) == []
    assert not bench.machine.statistics(bench.now).accounts[NAME].refused
    assert len(polls_of(asked, "t3")) >= 7200 / INTERVAL / 1.15
    bench.track("later", age=0.0)
    assert pages_of(drive(bench, 100.0, reader(lambda: reading))) == []


def test_a_page_that_did_not_come_is_asked_for_again() -> None:
    """In the next period; after three in a row not before forty intervals have passed."""
    bench = scanning(100)
    times = [at for at, _ in pages_of(drive(bench, 1500.0, reader(miss)))]

    assert len(times) >= 2 * FAILURES
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert all(0.9 * INTERVAL <= gap <= 2 * INTERVAL for gap in gaps[: FAILURES - 1])
    assert PAUSE * INTERVAL <= gaps[FAILURES - 1] <= (PAUSE + 2) * INTERVAL
    assert bench.machine.statistics(bench.now).problems["server error"] == len(times)


def test_a_page_that_did_not_come_says_nothing_of_the_account() -> None:
    """Its tasks may be told of all the same: only their own questions count."""
    bench = scanning(100)
    bench.answer(first_page(bench), miss())

    assert bench.machine.accounts[NAME].failures == 0
    assert bench.told(ev.PollMissed) == []


def test_a_page_that_came_forgives_those_that_did_not() -> None:
    """Only failures in a row count."""
    bench = scanning(100)
    answers = iter([miss(), miss(), None] * 100)
    times = [at for at, _ in pages_of(drive(bench, 600.0, reader(lambda: next(answers) or all_go_on(bench))))]

    assert len(times) >= 20
    assert max(after - before for before, after in zip(times, times[1:], strict=False)) <= 2 * INTERVAL


def test_a_list_of_others_is_left_alone() -> None:
    """Pages that name none of ours (a wrong zone, say) end the scan soon, and after three of them comes a pause."""
    bench = scanning(100)
    strangers = iter(range(10**6))

    def page(ticket: Ticket) -> Reading | Listed:
        return (
            rows([f"x{next(strangers)}"], page=ticket.subject.number, pages=40)
            if is_page(ticket)
            else seen(ticket.tasks[0].id)
        )

    asked = drive(bench, 600.0, page)

    assert len(pages_of(asked)) <= 3 * 7
    assert len(polls_of(asked, "t3")) >= 600 / INTERVAL / 1.2


def test_too_many_questions_slow_the_account() -> None:
    """A 429 to a page is a 429."""
    bench = scanning(100)
    ticket = first_page(bench)
    bench.answer(ticket, miss("throttled", throttled=True, retry_after=30.0))
    asked_at = bench.now

    assert [event.share for event in bench.told(ev.AccountThrottled)] == [0.5]
    assert drive(bench, 29.0, reader(lambda: NOTHING)) == []
    assert bench.now == asked_at + 29.0


def test_a_late_page_is_a_missed_one() -> None:
    """It is given up like any question, and its answer is nothing then."""
    bench = scanning(100, poll_timeout=5.0)
    ticket = first_page(bench)
    for _ in range(6):  # in steps: a jump of the clock would be a stall of ours
        bench.now += 1.0
        bench.take()

    assert ticket in bench.machine.take_overdue()
    bench.answer(ticket, rows(["t3"], Status.SUCCEEDED))
    assert not entry_of(bench, "t3").listed_end


def test_a_refused_account_is_not_scanned() -> None:
    """No page probes it; what a page tells that was under way is nothing; with the account the scan comes back."""
    bench = scanning(100)
    bench.track("probe")
    page = first_page_after_poll(bench)
    bench.machine.nudge(NAME, "t0", bench.now)
    bench.now += 1.0
    bench.answer(bench.next_ticket(within=1.0), refusal())
    bench.answer(page, all_go_on(bench))
    assert entry_of(bench, "t3").answered_at is None
    assert drive(bench, 300.0, reader(lambda: all_go_on(bench))) == []

    bench.machine.nudge(NAME, "t0", bench.now)
    assert pages_of(drive(bench, 100.0, reader(lambda: all_go_on(bench))))


def first_page_after_poll(bench: Bench) -> Ticket:
    ticket = bench.next_ticket(within=0.1)
    bench.answer(ticket, seen(ticket.tasks[0].id))
    return first_page(bench)


def test_a_page_that_waits_does_not_probe_a_refused_account() -> None:
    """Neither one that is due, nor the next one of a scan."""
    bench = scanning(300, quota=Rate(1, per=10.0), age=100.0)
    ticket = first_page_of(bench)
    bench.answer(ticket, rows([f"t{each}" for each in range(100)], pages=3))
    account = bench.machine.accounts[NAME]
    assert account.scan.page.queue is account.urgent
    account.refuse(ev_refused(), bench.now)

    assert drive(bench, 300.0, reader(lambda: all_go_on(bench))) == []


def ev_refused() -> Any:
    from wanpoll import ProviderRefused

    return ProviderRefused(NAME, "InvalidApiKey", "no")


def first_page_of(bench: Bench) -> Ticket:
    while True:
        ticket = bench.next_ticket(within=60.0)
        assert ticket is not None
        if is_page(ticket):
            return ticket
        bench.answer(ticket, seen(ticket.tasks[0].id))


def test_what_goes_while_a_page_is_under_way_is_gone() -> None:
    """Forgotten, ended, or expired: rows about it are nothing. One that is tracked anew may be told of."""
    bench = scanning(20)
    bench.track("brief", age=0.0, expires_in=12.0)
    page = first_page(bench)
    bench.machine.forget(NAME, "t3", bench.now)
    bench.machine.forget(NAME, "t4", bench.now)
    bench.track("t4", age=0.0)
    bench.now = 12.01
    for ticket in bench.take():
        bench.answer(ticket, seen(ticket.tasks[0].id))
    bench.answer(page, rows(["t3", "t4", "brief"], Status.SUCCEEDED))
    asked = drive(bench, 1.0, reader(lambda: NOTHING))

    assert [ticket.tasks[0].id for _, ticket in asked] == ["t4"]


# -- the quota -------------------------------------------------------------------------------------------------------


def test_pages_stay_inside_the_quota() -> None:
    """Each takes a place like any question: no window holds more than the quota."""
    bench = scanning(900, quota=Rate(5, per=1.0))
    asked = drive(bench, 120.0, reader(lambda: all_go_on(bench)))
    times = [at for at, _ in asked]

    assert pages_of(asked)
    assert all(later - sooner > 1.0 for sooner, later in zip(times, times[5:], strict=False))


def test_neither_scans_nor_polls_starve() -> None:
    """On a full account pages go before polls that they may spare, and polls go between pages."""
    bench = scanning(3000, age=100.0, quota=Rate(10))
    ids = [f"t{each}" for each in range(3000)]
    drive(bench, 2.0, reader(lambda: NOTHING))

    def page(ticket: Ticket) -> Reading | Listed:
        if not is_page(ticket):
            return seen(ticket.tasks[0].id)
        number = ticket.subject.number
        return rows(ids[50 * (number - 1) : 50 * number], page=number, pages=60)

    kinds = [is_page(ticket) for _, ticket in drive(bench, 20.0, page)]
    runs = "".join("p" if kind else "." for kind in kinds).split(".")

    assert 30 <= sum(kinds) <= 0.8 * len(kinds)
    assert max(map(len, runs)) <= URGENT_RUN


def test_what_a_scan_covers_is_no_load() -> None:
    """The learned schedule does not stretch its steps for tasks that it need not ask about."""
    alone = Bench(schedule="economy", quota=Rate(5))
    bench = scanning(2000, schedule="economy", quota=Rate(5))
    for number in range(2000):
        alone.track(f"t{number}", age=0.0)
    drive(alone, 100.0, reader(lambda: NOTHING))
    drive(bench, 100.0, reader(lambda: all_go_on(bench)))

    assert alone.machine.statistics(alone.now).accounts[NAME].pressure > 10.0
    assert bench.machine.statistics(bench.now).accounts[NAME].pressure == 1.0


# -- whatever the list says --------------------------------------------------------------------------------------------

IDS = [f"t{number}" for number in range(8)] + ["stranger"]
PAGES = st.builds(
    Listed,
    st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from([*Status, None])), max_size=12).map(tuple),
    st.none() | st.integers(0, 10**30),
    st.none() | st.integers(0, 10**30),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PAGES | st.just(miss()) | st.just(miss("throttled", throttled=True)), min_size=1, max_size=20))
@pytest.mark.parametrize("schedule", ["fixed", "economy", "fast"])
def test_no_list_ends_a_task_or_hides_an_end(schedule: str, pages: list[Listed | Missed]) -> None:
    """Any pages: no task ends but by its own word, each end is seen, and the machine does not spin."""
    bench = scanning(8, schedule=schedule)
    ends = {f"t{number}": 20.0 + 60.0 * number for number in range(8)}
    turn = iter(pages * 1000)

    def poll(task_id: str) -> Reading:
        return seen(task_id, Status.SUCCEEDED if bench.now >= ends[task_id] else Status.RUNNING)

    asked = drive(bench, 1500.0, reader(lambda: next(turn), poll))
    told = {event.outcome.task.id: event for event in bench.told(ev.TaskEnded)}

    assert told.keys() == ends.keys()
    assert all(event.outcome.ok and event.waited >= ends[task_id] for task_id, event in told.items())
    assert len(asked) <= 8 * 1500


# -- what is counted and learned ---------------------------------------------------------------------------------------


def test_statistics_count_pages_and_polls() -> None:
    """A page is a request and no poll; what was saved is beside the advised interval, pages taken off."""
    bench = scanning(100, schedule="economy")
    asked = drive(bench, 300.0, ending(bench))
    told, pages, polls = bench.machine.statistics(bench.now), len(pages_of(asked)), len(polls_of(asked))
    regular = sum(event.waited for event in bench.told(ev.TaskEnded)) / (1.05 * INTERVAL)

    assert (told.requests, told.polls, told.by_status[Status.SUCCEEDED]) == (pages + polls, polls, 100)
    assert 100 <= polls <= 150
    assert pages >= 10
    assert told.accounts[NAME].saved == pytest.approx(regular - polls - pages, abs=2.0)
    assert told.problems == {}


def test_rows_tell_how_long_tasks_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is an answer at its time: from one to the next a task has run, nothing twice and nothing left out."""
    runs: dict[float, list[tuple[float, float]]] = {}
    original = Placement.survived

    def survived(self: Placement, born: float, since: float, until: float, followed: float) -> Any:
        runs.setdefault(born, []).append((since, until))
        return original(self, born, since, until, followed)

    monkeypatch.setattr(Placement, "survived", survived)
    bench = scanning(50, schedule="economy")
    asked = drive(bench, 400.0, reader(lambda: all_go_on(bench)))
    pages = [at for at, _ in pages_of(asked)]

    assert len(pages) > 5
    assert len(runs) == 50
    for number in range(50):
        entry = entry_of(bench, f"t{number}")
        assert entry.born is not None
        answers = sorted({*pages, *polls_of(asked, f"t{number}")})
        spans = [(round(since, 6), round(until, 6)) for since, until in runs[entry.born]]
        moments = [0.0, *(at - entry.born for at in answers)]
        assert spans == [
            (round(before, 6), round(after, 6)) for before, after in zip(moments, moments[1:], strict=False)
        ]


def test_what_a_scan_named_long_ago_is_load_again() -> None:
    """When it does not pay any more, and when it pauses or stops."""
    for after in (Listed((), 1, 10**6), miss(), Rejected(Failure("HTTP 404"))):
        bench = scanning(100, schedule="economy")
        scan = bench.machine.accounts[NAME].scan
        drive(bench, 60.0, reader(lambda bench=bench: all_go_on(bench)))
        assert scan.covered >= 90

        drive(bench, 200.0, reader(lambda reading=after: reading))
        assert scan.covered == 0


def test_who_stands_on_no_page_is_load() -> None:
    """Only those that the scan named share no quota."""
    bench = scanning(100, schedule="economy")
    bench.answer(first_page(bench), rows([f"t{each}" for each in range(40)]))

    assert bench.machine.accounts[NAME].scan.covered == 40


def test_what_is_to_be_scanned_is_no_load() -> None:
    """A crowd that comes at once does not stretch the steps before its first scan has told of it."""
    bench = scanning(300, schedule="economy")
    first_page(bench)

    assert bench.machine.accounts[NAME].scan.covered >= 250


def test_scans_are_no_closer_than_they_pay() -> None:
    """With little lag in view, too; and who was named waits until the next one names it, however far that is."""
    bench = scanning(6, schedule="fast")
    asked = drive(bench, 290.0, reader(lambda: all_go_on(bench)))
    times = [at for at, _ in pages_of(asked)]
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]

    assert len(times) > 10
    assert min(gaps) >= WORTH / 6 * INTERVAL - 0.01
    assert len(polls_of(asked)) <= len(times)


def test_who_was_named_by_a_long_scan_waits_for_the_end_of_the_next() -> None:
    """Pages that take longer than the interval still spare the polls."""
    bench = scanning(3000, age=100.0, quota=Rate(1))

    def page(ticket: Ticket) -> Reading | Listed:
        if not is_page(ticket):
            return seen(ticket.tasks[0].id)
        number = ticket.subject.number
        return rows([f"t{each}" for each in range(100 * (number - 1), 100 * number)], page=number, pages=30)

    drive(bench, 100.0, page)
    asked = drive(bench, 150.0, page)
    assert len(pages_of(asked)) > 60
    assert len(polls_of(asked)) <= 20


# -- tasks that come meanwhile -----------------------------------------------------------------------------------------


def test_new_tasks_do_not_put_the_scan_off() -> None:
    """However fast they come."""
    bench = scanning(100)
    asked = []
    for number in range(200):
        asked += drive(bench, 0.3, reader(lambda: all_go_on(bench)))
        bench.track(f"u{number}", age=0.0)

    assert 3 <= len(pages_of(asked)) <= 5


def test_new_tasks_do_not_take_the_turn_of_a_page_that_waits() -> None:
    """It keeps its place among the urgent, and there is one page at a time."""
    bench = scanning(300, quota=Rate(1, per=10.0), age=100.0)
    page = first_page_of(bench)
    bench.answer(page, rows([f"t{each}" for each in range(100)], pages=3))
    bench.track("later", age=0.0)
    account = bench.machine.accounts[NAME]
    assert account.scan.page.queue is account.urgent

    second = first_page_of(bench)
    assert second.subject.number == 2
    for number in range(3):
        bench.track(f"u{number}", age=0.0)
        assert account.scan.page.queue is account.scan.page.slot is None
    assert pages_of(drive(bench, 9.0, reader(lambda: NOTHING))) == []
