"""The contract, point by point, in the pure core."""

from __future__ import annotations

import pytest

from tests.core.harness import DAY, NAME, Bench, miss, refusal, seen, unknown
from wanpoll import Failure, Outcome, Rate, Status, Task
from wanpoll._core import events as ev
from wanpoll._core.entries import Purpose
from wanpoll._core.judge import CALL_ATTEMPTS
from wanpoll._core.machine import LAST_POLL_PATIENCE
from wanpoll._core.readings import Answer, Broken, Missed, Reading, Rejected
from wanpoll.exceptions import TransportError, UsageError

FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED)


# -- 1. a task ends once, by the provider's word or by expiry --------------------------------------------------------


@pytest.mark.parametrize("status", FINAL)
def test_the_providers_word_ends_a_task(status: Status) -> None:
    """Each final word gives the outcome, and no further question."""
    bench = Bench()
    bench.track("a")
    bench.poll(seen("a", Status.RUNNING))
    bench.poll(seen("a", status, failure=Failure("x")))

    assert bench.ended().status is status
    assert bench.ended().polls == 2
    assert bench.next_ticket() is None


def test_a_task_that_ended_is_answered_at_once() -> None:
    """Tracking it again gives the outcome, not a question."""
    bench = Bench()
    bench.track("a")
    bench.poll(seen("a", Status.SUCCEEDED))

    assert bench.track("a") == bench.ended()
    assert bench.next_ticket() is None


def test_expiry_comes_after_one_last_poll() -> None:
    """24 h after tracking began the task is asked once more; "not yet" is then its end."""
    bench = Bench()
    bench.track("a", expires_in=40.0)
    asked = [bench.poll(seen("a")) for _ in range(4)]

    assert asked[-1] == pytest.approx(40.0, abs=0.01)
    assert bench.ended() == Outcome(Task("a", NAME), Status.EXPIRED, reason="expired", polls=4)
    assert bench.next_ticket() is None


def test_the_last_poll_can_still_succeed() -> None:
    """What was paid for is not thrown away for a second."""
    bench = Bench()
    bench.track("a", expires_in=20.0)
    bench.poll(seen("a"))
    bench.poll(seen("a"))
    bench.poll(seen("a", Status.SUCCEEDED))

    assert bench.ended().ok


def test_expiry_does_not_wait_for_ever_for_its_last_poll() -> None:
    """When the account cannot ask for long (here: it is paused), the task expires unasked, 240 intervals late."""
    bench = Bench(interval=1.0)
    bench.track("a", expires_in=60.0)
    bench.poll(miss("throttled", throttled=True, retry_after=3000.0))
    bench.next_ticket(within=2000.0)

    assert bench.ended().status is Status.EXPIRED
    assert bench.told(ev.TaskEnded)[0].waited == pytest.approx(60.0 + LAST_POLL_PATIENCE, abs=0.1)


def test_all_of_many_expiring_tasks_get_their_last_poll() -> None:
    """Two thousand that end together, at twenty a second: what succeeded in the last moment is not called expired."""
    bench = Bench(quota=Rate(20))
    for number in range(2000):
        bench.track(f"t{number}", expires_in=600.0, age=0.0)
    while bench.machine.open_tasks():
        bench.now = bench.machine.next_at()
        for ticket in bench.take():
            status = Status.SUCCEEDED if bench.now >= 590.0 else Status.RUNNING
            bench.answer(ticket, seen(ticket.tasks[0].id, status))

    assert all(event.outcome.ok for event in bench.told(ev.TaskEnded))


def test_a_hiccup_on_the_last_poll_is_no_verdict() -> None:
    """It is asked again, for four intervals at most."""
    bench = Bench()
    bench.track("a", expires_in=20.0)
    bench.poll(seen("a"))
    bench.poll(seen("a"))
    bench.poll(miss())
    bench.poll(seen("a", Status.SUCCEEDED))
    assert bench.ended().ok

    bench = Bench()
    bench.track("a", expires_in=20.0)
    while bench.ended() is None:
        bench.poll(miss())
    assert bench.ended().status is Status.EXPIRED
    assert bench.now < 20.0 + 4 * 15.0 + 60.0


def test_a_full_house_does_not_hide_a_deadline() -> None:
    """Deadlines are noticed while every place is taken."""
    bench = Bench(max_in_flight=1, poll_timeout=1000.0, interval=1.0)
    bench.track("hog")
    bench.next_ticket()
    bench.track("a", expires_in=30.0)
    bench.next_ticket(within=500.0)

    assert bench.ended().task.id == "a"


def test_a_later_wait_can_give_more_time_but_not_less() -> None:
    """The first wait's patience is nobody else's limit."""
    bench = Bench()
    entry = bench.track("a", expires_in=100.0)
    bench.track("a", expires_in=10.0)
    assert entry.expires_at == 100.0

    bench.track("a", expires_in=500.0)
    assert entry.expires_at == 500.0
    for _ in range(20):
        bench.poll(seen("a"))
    assert bench.now > 200.0
    assert bench.ended() is None


def test_the_first_final_answer_wins() -> None:
    """An answer that comes after the end changes nothing."""
    bench = Bench()
    bench.track("a")
    ticket = bench.next_ticket()
    bench.answer(ticket, seen("a", Status.SUCCEEDED))
    bench.answer(ticket, seen("a", Status.FAILED))

    assert [event.outcome.status for event in bench.told(ev.TaskEnded)] == [Status.SUCCEEDED]


def test_a_late_answer_does_not_settle_a_task_that_was_tracked_anew() -> None:
    """Tickets are receipts for an entry, not for an id."""
    bench = Bench()
    bench.track("a")
    ticket = bench.next_ticket()
    bench.machine.forget(NAME, "a", bench.now)
    bench.track("a")
    bench.answer(ticket, seen("a", Status.FAILED))

    assert bench.ended() is None
    bench.poll(seen("a", Status.SUCCEEDED))
    assert bench.ended().ok


# -- 2. a failed question is not a failed task -----------------------------------------------------------------------


def test_missed_polls_never_end_a_task() -> None:
    """A thousand hiccups, then success."""
    bench = Bench()
    bench.track("a", expires_in=10 * DAY)
    for _ in range(1000):
        bench.poll(miss())
    bench.poll(seen("a", Status.SUCCEEDED))

    assert bench.ended().ok
    assert bench.ended().polls == 1


def test_missed_polls_are_retried_later_each_time() -> None:
    """From the interval, doubling, jittered, at most 60 s."""
    bench = Bench(interval=1.0)
    bench.track("a")
    times = [bench.poll(miss()) for _ in range(12)]
    delays = [after - before for before, after in zip(times, times[1:], strict=False)]

    for number, delay in enumerate(delays):
        full = min(60.0, 2.0**number)
        assert full / 2 - 0.01 <= delay <= full + 0.01


def test_a_missed_poll_is_seen_and_counted() -> None:
    """`Update.problem` and the statistics tell it; the next answer clears it."""
    bench = Bench()
    bench.track("a")
    bench.poll(miss("server error"))

    update = bench.told(ev.TaskChanged)[-1].update
    assert update.problem.kind == "server error"
    assert bench.machine.statistics(bench.now).problems == {"server error": 1}

    bench.poll(seen("a", Status.PENDING))
    assert bench.told(ev.TaskChanged)[-1].update.problem is None


def test_a_connection_that_had_died_is_asked_again_at_once() -> None:
    """Once: a second failure in a row waits like any other."""
    bench = Bench()
    bench.track("a")
    first = bench.poll(miss("disconnected", at_once=True))
    assert not bench.told(ev.PollMissed)
    assert bench.machine.statistics(bench.now).problems == {}

    second = bench.poll(miss("disconnected", at_once=True))
    third = bench.poll(seen("a"))
    assert len(bench.told(ev.PollMissed)) == 1
    assert second - first < 0.1
    assert third - second > 7.0


def test_an_answer_that_does_not_name_the_task_is_a_missed_poll() -> None:
    """Nothing is concluded from silence."""
    bench = Bench()
    bench.track("a")
    bench.poll(seen("b", Status.FAILED))

    assert bench.ended() is None
    assert "does not name" in str(bench.told(ev.PollMissed)[0].problem)


def test_a_question_without_an_answer_is_given_up() -> None:
    """The core ends it after `poll_timeout`, counts a miss, and asks again."""
    bench = Bench(poll_timeout=10.0)
    bench.track("a")
    ticket = bench.next_ticket()
    assert bench.next_ticket(within=30.0) is not None

    assert bench.machine.take_overdue() == [ticket]
    assert bench.told(ev.PollMissed)[0].problem.kind == "timeout"
    bench.answer(ticket, seen("a", Status.FAILED))  # too late
    assert bench.ended() is None


def test_a_stall_of_our_own_is_not_the_servers_timeout() -> None:
    """A loop that was blocked for a minute reads the answers that are there before it gives up on them."""
    bench = Bench(poll_timeout=10.0)
    bench.track("a")
    ticket = bench.next_ticket()
    bench.now += 60.0
    bench.take()

    assert bench.machine.take_overdue() == []
    bench.answer(ticket, seen("a", Status.SUCCEEDED))
    assert bench.ended().ok


# -- 3. a refusal concerns the account -------------------------------------------------------------------------------


def refused_bench(tasks: int = 3) -> Bench:
    bench = Bench()
    for number in range(tasks):
        bench.track(f"t{number}", age=0.0 if number else None)
    bench.poll(refusal())
    return bench


def test_a_refusal_stops_the_account() -> None:
    """Nobody is asked any more; no task has ended."""
    bench = refused_bench()

    assert bench.next_ticket(within=3600.0) is None
    assert bench.told(ev.AccountRefused)[0].error.code == "InvalidApiKey"
    assert bench.ended() is None
    assert bench.machine.statistics(bench.now).accounts[NAME].refused


@pytest.mark.parametrize("again", ["nudge", "track"])
def test_a_later_wait_or_nudge_tries_again(again: str) -> None:
    """With one probe; a good answer opens the account for all."""
    bench = refused_bench()
    bench.now += 20.0
    bench.track("t1") if again == "track" else bench.machine.nudge(NAME, "t1", bench.now)
    bench.poll(seen("t1"))

    assert {ticket.tasks[0].id for ticket in bench.take()} == {"t0", "t2"}


@pytest.mark.parametrize("hiccup", [miss(), miss("disconnected", at_once=True), miss("throttled", throttled=True)])
def test_a_hiccup_of_the_probe_is_no_verdict_either(hiccup: Missed) -> None:
    """Whoever waits again on a refused account gets an answer, however often the probe fails."""
    bench = refused_bench()
    bench.now += 20.0
    bench.track("t1")
    for _ in range(3):
        bench.poll(hiccup)
    bench.poll(seen("t1", Status.SUCCEEDED))

    assert bench.ended().ok


def test_a_rejected_probe_opens_the_account() -> None:
    """The provider talks to us again, if only to say that this id is wrong."""
    bench = refused_bench()
    bench.now += 20.0
    bench.track("t1")
    bench.poll(Rejected(Failure("InvalidParameter")))

    assert len(bench.take()) == 2


def test_a_refused_account_is_probed_at_a_pace() -> None:
    """However often somebody says that a task changed: a forged call costs no more than it does at other times."""
    bench = refused_bench()
    probes = 0
    for _ in range(1_000):
        bench.machine.nudge(NAME, "t0", bench.now)
        for ticket in bench.take():
            probes += 1
            bench.answer(ticket, refusal())
        bench.now += 0.01

    assert 9 <= probes <= 11


def test_a_refused_account_is_probed_singly() -> None:
    """Ten thousand new waits on a refused account cost one request, not ten thousand."""
    bench = refused_bench()
    bench.now += 1.0
    for number in range(100):
        bench.track(f"new{number}")

    assert len(bench.take()) == 1
    assert bench.take() == []


def test_refusals_of_questions_asked_before_are_old_news() -> None:
    """A retry after mending the key is not hit by answers to the old one."""
    bench = Bench()
    bench.track("a")
    bench.track("b")
    first, second = bench.take()
    bench.answer(first, refusal())
    bench.answer(second, refusal())

    assert len(bench.told(ev.AccountRefused)) == 1


def test_refused_tasks_still_expire() -> None:
    """A deadline is a deadline."""
    bench = refused_bench(1)
    bench.next_ticket(within=DAY + 100)

    assert bench.ended().status is Status.EXPIRED


def test_maybe_spent_is_believed_after_a_while_of_nothing_else() -> None:
    """One such answer is a hiccup; five minutes of them are a refusal."""
    bench = Bench()
    bench.track("a")
    spent = miss("throttled", throttled=True, spent=Failure("Throttling.AllocationQuota"))
    bench.poll(spent)
    assert not bench.told(ev.AccountRefused)

    while bench.now < 600 and not bench.told(ev.AccountRefused):
        bench.poll(spent)
    assert 300 <= bench.now < 600


# -- 4. "no such task" needs a streak --------------------------------------------------------------------------------


def test_no_such_task_needs_three_in_a_row_and_thirty_seconds() -> None:
    """Then the task is EXPIRED, reason "unknown"."""
    bench = Bench(interval=2.0)
    bench.track("a")
    while bench.ended() is None:
        bench.poll(unknown("a"))

    assert bench.ended().reason == "unknown"
    assert bench.ended().status is Status.EXPIRED
    assert 30.0 <= bench.now <= 33.0


def test_a_real_answer_breaks_the_streak() -> None:
    """Providers answer late about young tasks."""
    bench = Bench(interval=20.0)
    bench.track("a")
    for reading in (unknown("a"), unknown("a"), seen("a"), unknown("a"), unknown("a")):
        bench.poll(reading)
    assert bench.ended() is None

    bench.poll(unknown("a"))
    assert bench.ended().reason == "unknown"


def test_two_are_no_streak_however_late() -> None:
    """Three are three."""
    bench = Bench(interval=100.0)
    bench.track("a")
    bench.poll(unknown("a"))
    bench.poll(unknown("a"))

    assert bench.ended() is None


def test_a_rejected_question_counts_as_no_such_task_and_tells_why() -> None:
    """The outcome carries the provider's code."""
    bench = Bench()
    bench.track("a")
    for _ in range(3):
        bench.poll(Rejected(Failure("InvalidParameter", "task_id")))

    assert bench.ended().reason == "unknown"
    assert bench.ended().failure == Failure("InvalidParameter", "task_id")


# -- 5. an unknown word is not an end --------------------------------------------------------------------------------


def test_an_unknown_word_is_said_once_and_waited_through() -> None:
    """The status stays what it was."""
    bench = Bench()
    bench.track("a")
    bench.poll(seen("a", Status.RUNNING))
    for _ in range(5):
        bench.poll(seen("a", None, word="THINKING"))

    assert bench.told(ev.UnknownWord) == [ev.UnknownWord(NAME, "THINKING")]
    assert bench.machine.statistics(bench.now).by_status[Status.RUNNING] == 1
    bench.poll(seen("a", Status.SUCCEEDED))
    assert bench.ended().ok


# -- 6. the quota is the account's -----------------------------------------------------------------------------------


def test_the_quota_holds_for_any_number_of_tasks() -> None:
    """A hundred due tasks, five requests a second: no window holds more."""
    bench = Bench(quota=Rate(5, per=1.0))
    for number in range(100):
        bench.track(f"t{number}")
    times = []
    while len(times) < 100:
        ticket = bench.next_ticket()
        times.append(bench.now)
        bench.answer(ticket, seen(ticket.tasks[0].id))

    assert all(times[n + 5] - times[n] > 1.0 for n in range(95))
    assert times[-1] < 22.0


def test_those_that_are_longest_due_go_first() -> None:
    """Nobody starves under the quota."""
    bench = Bench(quota=Rate(5, per=1.0))
    for number in range(50):
        bench.track(f"t{number}")
    order = []
    for _ in range(100):
        ticket = bench.next_ticket()
        order.append(ticket.tasks[0].id)
        bench.answer(ticket, seen(ticket.tasks[0].id))

    assert sorted(order[:50]) == sorted(order[50:]) == sorted(f"t{n}" for n in range(50))


def test_a_throttled_answer_slows_the_account() -> None:
    """Another task's poll waits, too."""
    bench = Bench(quota=Rate(10))
    bench.track("a")
    bench.track("b")
    first, second = bench.take()
    bench.answer(first, miss("throttled", throttled=True, retry_after=50.0))
    bench.answer(second, seen("b"))

    assert bench.next_ticket(within=49.0) is None
    assert bench.next_ticket() is not None
    assert bench.now >= 50.0


def test_accounts_do_not_share_a_quota() -> None:
    """One that is refused or busy delays no other."""
    bench = Bench()
    bench.machine.add_account("other", quota=Rate(1, per=100.0), interval=15.0)
    for number in range(10):
        bench.machine.track("other", Task(f"o{number}", "other"), 0.0, expires_in=DAY)
    bench.track("a")

    assert sorted(ticket.account.name for ticket in bench.take()) == [NAME, "other"]


def test_no_more_questions_are_under_way_than_allowed() -> None:
    """`max_in_flight` bounds them; an answer makes room at once."""
    bench = Bench(max_in_flight=3)
    for number in range(10):
        bench.track(f"t{number}")
    tickets = bench.take()

    assert len(tickets) == 3
    bench.answer(tickets[0], seen(tickets[0].tasks[0].id))
    assert len(bench.take()) == 1


# -- 8. one task, one poll at a time ---------------------------------------------------------------------------------


def test_a_task_under_way_is_not_asked_again() -> None:
    """However often it is tracked and nudged."""
    bench = Bench()
    bench.track("a")
    bench.next_ticket()
    bench.track("a")
    bench.machine.nudge(NAME, "a", bench.now)

    assert bench.next_ticket(within=9.0) is None


# -- nudges ----------------------------------------------------------------------------------------------------------


def test_a_nudged_task_is_asked_next() -> None:
    """Before those that are due."""
    bench = Bench(quota=Rate(1, per=1.0))
    bench.track("last", age=0.0)
    for number in range(5):
        bench.track(f"t{number}")

    assert bench.machine.nudge(NAME, "last", bench.now)
    assert bench.next_ticket().tasks[0].id == "last"


def test_nudging_what_is_not_followed_does_nothing() -> None:
    """Webhooks come early, late and for strangers."""
    assert Bench().machine.nudge(NAME, "stranger", 0.0) is False


def test_nudges_keep_to_the_floor() -> None:
    """A flood of nudges asks about a task at most fifteen times an interval."""
    bench = Bench(interval=15.0)
    bench.track("a")
    times = []
    for _ in range(10):
        times.append(bench.poll(seen("a")))
        bench.machine.nudge(NAME, "a", bench.now)

    assert all(after - before >= 0.99 for before, after in zip(times, times[1:], strict=False))
    assert times[-1] <= 10.0


def test_a_nudge_during_the_question_is_not_lost() -> None:
    """The answer may be older than the nudge: ask again soon."""
    bench = Bench(interval=15.0)
    bench.track("a")
    ticket = bench.next_ticket()
    bench.machine.nudge(NAME, "a", bench.now)
    bench.answer(ticket, seen("a"))

    assert bench.next_ticket(within=2.0) is not None


# -- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_goes_first_and_inside_the_quota() -> None:
    """It takes a place like any question; the task is asked next after its success."""
    bench = Bench(quota=Rate(1, per=1.0))
    bench.track("a", age=0.0)
    for number in range(3):
        bench.track(f"t{number}")
    bench.machine.call(NAME, Task("a", NAME), Purpose.CANCEL, bench.now)

    assert bench.next_ticket().purpose is Purpose.CANCEL
    bench = Bench(quota=Rate(1, per=1.0))
    bench.track("a", age=0.0)
    bench.machine.call(NAME, Task("a", NAME), Purpose.CANCEL, bench.now)
    bench.poll(Answer())
    ticket = bench.next_ticket()
    assert (ticket.purpose is Purpose.CANCEL, ticket.tasks[0].id) == (False, "a")
    assert bench.now < 1.2


def test_a_call_that_keeps_failing_is_given_up() -> None:
    """After five attempts its failure is told."""
    bench = Bench()
    bench.machine.call(NAME, Task("a", NAME), Purpose.CANCEL, bench.now)
    for _ in range(CALL_ATTEMPTS):
        bench.poll(miss())

    (event,) = bench.told(ev.CallEnded)
    assert isinstance(event.reading, Missed)
    assert bench.next_ticket() is None


# -- broken providers ------------------------------------------------------------------------------------------------


def test_a_provider_that_raises_parks_its_task_and_no_other() -> None:
    """It is not asked in a loop; a later wait tries again; its deadline stays."""
    bench = Bench()
    bench.track("a")
    bench.poll(Broken(UsageError("mend it")))
    assert isinstance(bench.events[-1], ev.TaskBroken)
    assert bench.next_ticket(within=3600.0) is None

    bench.track("a")
    bench.poll(seen("a", Status.SUCCEEDED))
    assert bench.ended().ok


@pytest.mark.parametrize("last", [seen("a"), Broken(UsageError("mend it"))])
def test_a_parked_task_expires(last: Reading) -> None:
    """Nothing waits for ever, and a provider class that raises at the end is not asked in a loop."""
    bench = Bench()
    bench.track("a", expires_in=100.0)
    bench.poll(Broken(UsageError("mend it")))
    bench.poll(last)

    assert bench.ended().status is Status.EXPIRED
    assert bench.next_ticket() is None


def test_a_provider_that_cannot_read_its_answers_is_told_after_a_streak() -> None:
    """Three in a row: one odd answer is a missed poll."""
    bench = Bench()
    bench.track("a")
    bug = miss("unreadable", bug=UsageError("mend it"))
    bench.poll(bug)
    bench.poll(bug)
    assert not bench.told(ev.TaskBroken)

    bench.poll(bug)
    assert bench.told(ev.TaskBroken)
    assert bench.next_ticket(within=3600.0) is None


# -- bookkeeping -----------------------------------------------------------------------------------------------------


def test_forgotten_tasks_leave_nothing_behind() -> None:
    """Neither questions nor counts."""
    bench = Bench()
    bench.track("a")
    bench.machine.forget(NAME, "a", bench.now)

    assert bench.next_ticket() is None
    assert bench.machine.statistics(bench.now).tracked == 0
    assert bench.machine.statistics(bench.now).by_status[Status.PENDING] == 0
    assert bench.machine.forget(NAME, "a", bench.now) is None


def test_more_time_is_no_reason_to_ask_twice_at_once() -> None:
    """A task that was forgotten and tracked again waits for the answer about the first, whoever gives it more time."""
    bench = Bench()
    bench.track("a")
    bench.next_ticket()
    bench.machine.forget(NAME, "a", bench.now)
    bench.track("a")
    bench.track("a", expires_in=2 * DAY)

    assert bench.next_ticket(within=5.0) is None


def test_a_question_about_a_forgotten_task_runs_on() -> None:
    """Its request is out: it keeps its place in the quota, and the task is asked about once at a time."""
    bench = Bench(quota=Rate(1, per=1.0))
    bench.track("a")
    ticket = bench.next_ticket()
    bench.machine.forget(NAME, "a", bench.now)
    bench.track("a")
    assert bench.next_ticket(within=5.0) is None

    bench.answer(ticket, seen("a", Status.SUCCEEDED))
    assert bench.ended() is None
    assert bench.next_ticket(within=0.9) is None
    assert bench.next_ticket(within=0.2).tasks[0].id == "a"
    assert bench.machine.accounts[NAME].ghosts == {}


def test_a_task_tracked_anew_that_expires_meanwhile_has_its_last_poll_afterwards() -> None:
    """It waits for the end of the question about its forgotten namesake, as all of its questions do."""
    bench = Bench(poll_timeout=100.0)
    bench.track("a")
    old = bench.next_ticket()
    bench.machine.forget(NAME, "a", bench.now)
    bench.track("a", expires_in=20.0)
    assert bench.next_ticket(within=30.0) is None

    bench.answer(old, seen("a"))
    bench.poll(seen("a"), within=1.0)
    assert bench.ended().status is Status.EXPIRED


def test_urgent_questions_do_not_starve_the_others() -> None:
    """Nudged all the time, some tasks get most of the quota, and never all of it."""
    bench = Bench(quota=Rate(4, per=1.0), interval=1.0)
    for number in range(60):
        bench.track(f"t{number}")
    asked: set[str] = set()
    for _ in range(300):
        for number in range(25):
            bench.machine.nudge(NAME, f"t{number}", bench.now)
        for ticket in bench.take():
            asked.add(ticket.tasks[0].id)
            bench.answer(ticket, seen(ticket.tasks[0].id))
        bench.now += 0.25

    assert len(asked) == 60


def test_nudges_of_waiting_tasks_leave_deadlines_in_force() -> None:
    """However often one is nudged, and without growing anything."""
    bench = Bench(interval=0.05)
    for each in ("busy", "b"):
        bench.track(each, expires_in={"busy": 1000.0, "b": 10.0}[each])
    ticket = bench.take()[0]
    bench.answer(ticket, miss("throttled", throttled=True, retry_after=500.0))
    while bench.now < 60.0 and not bench.ended():
        bench.machine.nudge(NAME, "busy", bench.now)
        bench.take()
        bench.now += 0.5
        bench.events += [event for _, event in bench.machine.take_events()]

    assert (bench.ended().task.id, bench.now < 40.0) == ("b", True)
    assert len(bench.machine.accounts[NAME]._unguarded) < 10


def test_queues_do_not_grow_while_an_account_cannot_ask() -> None:
    """Neither by tasks that come and go, nor by waits that are refused again and again."""
    bench = Bench(quota=Rate(1, per=1e6))
    bench.track("first")
    bench.take()
    for number in range(5000):
        bench.track(f"t{number}")
        bench.machine.forget(NAME, f"t{number}", bench.now)
    assert len(bench.machine.accounts[NAME].due) <= 1001

    bench = refused_bench()
    account = bench.machine.accounts[NAME]
    for _ in range(3000):
        bench.track("t1")
        account.refuse(account.refused, bench.now)
    assert len(account.due) <= 1001


def test_a_call_that_nobody_waits_for_is_taken_back() -> None:
    """Unless it was sent already."""
    bench = Bench(quota=Rate(1, per=100.0))
    first = bench.machine.call(NAME, Task("a", NAME), Purpose.CANCEL, bench.now)
    second = bench.machine.call(NAME, Task("b", NAME), Purpose.CANCEL, bench.now)
    ticket = bench.next_ticket()
    bench.machine.withdraw(first, bench.now)
    bench.machine.withdraw(second, bench.now)
    bench.answer(ticket, Answer())

    assert [event.task.id for event in bench.told(ev.CallEnded)] == ["a"]
    assert bench.next_ticket() is None


def test_the_number_of_remembered_outcomes_is_bounded() -> None:
    """The oldest are dropped."""
    bench = Bench(remember=3)
    for number in range(10):
        bench.track(f"t{number}")
        bench.poll(seen(f"t{number}", Status.SUCCEEDED))

    assert isinstance(bench.track("t9"), Outcome)
    assert not isinstance(bench.track("t0"), Outcome)


def test_the_statistics_tell_the_lag_of_the_oldest_due_poll() -> None:
    """In seconds, of what the quota holds back."""
    bench = Bench(quota=Rate(1, per=100.0))
    bench.track("a")
    bench.track("b")
    bench.take()
    bench.now = 42.0

    assert bench.machine.statistics(bench.now).oldest_due == pytest.approx(42.0)


def test_problems_are_values_without_tracebacks() -> None:
    """They are kept for long: they must not keep frames alive."""
    bench = Bench()
    bench.track("a")
    bench.poll(Missed(TransportError(NAME, "timeout")))

    assert bench.told(ev.PollMissed)[0].problem.__traceback__ is None


def test_an_answer_ends_a_run_of_misses() -> None:
    """The next hiccup waits as a first one does."""
    bench = Bench(interval=1.0)
    bench.track("a")
    for _ in range(6):
        bench.poll(miss())
    bench.poll(seen("a"))
    before = bench.poll(miss())

    assert bench.poll(seen("a")) - before <= 1.01


def test_one_good_answer_proves_that_the_quota_is_not_spent() -> None:
    """Patience with "maybe spent" begins anew."""
    bench = Bench()
    bench.track("a")
    spent = miss("throttled", throttled=True, spent=Failure("Throttling.AllocationQuota"))
    while bench.now < 200:
        bench.poll(spent)
    heard = bench.poll(seen("a"))
    while bench.now < heard + 200:
        bench.poll(spent)

    assert not bench.told(ev.AccountRefused)


def test_a_throttled_answer_without_retry_after_slows_the_account_too() -> None:
    """DashScope sends none."""
    bench = Bench(quota=Rate(10))
    bench.track("a")
    bench.poll(miss("throttled", throttled=True))

    assert bench.told(ev.AccountThrottled) == [ev.AccountThrottled(NAME, 0.5)]
    assert bench.machine.statistics(bench.now).request_budget == pytest.approx(5.0)


def test_a_storm_of_429_is_told_once() -> None:
    """Fifty answers to one burst are one slow-down, and one line in the log."""
    bench = Bench(quota=Rate(100))
    for number in range(50):
        bench.track(f"t{number}")
    tickets = bench.take()
    bench.now += 0.1
    for ticket in tickets:
        bench.answer(ticket, miss("throttled", throttled=True))

    assert len(tickets) > 10
    assert len(bench.told(ev.AccountThrottled)) == 1
