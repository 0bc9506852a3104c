"""The schedule that learns: its promises, in virtual time, on the core itself."""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from tests.core.harness import DAY, NAME, Bench, miss, refusal, seen
from wanpoll import Poller, Rate, Status, Task
from wanpoll._core import events as ev
from wanpoll._core.cadence import Cadence
from wanpoll._core.clock import Clock
from wanpoll._core.entries import Entry, Purpose, Ticket
from wanpoll._core.learned import MOST_CLASSES, Class, Learned
from wanpoll._core.machine import Machine
from wanpoll._core.placement import new_placement
from wanpoll._core.readings import NOT_YET, Answer, Observation
from wanpoll._core.regime import News
from wanpoll.exceptions import UsageError
from wanpoll.providers import DashScope

INTERVAL = 15.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Duration = Callable[[random.Random], float]


def lognormal(median: float, sigma: float) -> Duration:
    return lambda dice: median * math.exp(sigma * dice.gauss(0, 1))


class Trial:
    """A provider whose tasks take what is drawn; `flight` of them at a time, `workers` of which run (None: all)."""

    def __init__(
        self,
        schedule: str,
        duration: Duration,
        *,
        tasks: int = 600,
        flight: int = 50,
        workers: int | None = None,
        quota: Rate | None = None,
        exact: bool = True,
        seed: int = 1,
    ) -> None:
        self.machine = Machine()
        self.machine.begin(EPOCH.timestamp())
        self.machine.add_account(
            NAME, quota=quota or Rate(10_000), interval=INTERVAL, schedule=schedule, max_in_flight=10_000
        )
        self.tasks, self.duration, self.exact = tasks, duration, exact
        self.dice = random.Random(seed)
        self.workers = workers
        self.free = [0.0] * (workers or 0)  # when each worker is done
        self.times: dict[str, tuple[float, float, float]] = {}  # submission, start, end
        self.asked: list[float] = []
        self.requests: dict[str, int] = {}
        self.lags: dict[str, float] = {}
        self.gaps: list[float] = []
        self._heard: dict[str, float] = {}
        self._submissions = [self.dice.uniform(0, 60) for _ in range(flight)]
        heapq.heapify(self._submissions)
        self.now = 0.0
        self.limit = 0  # ends to see, where some task never ends

    def run(self) -> Trial:
        """Submit and ask until all have ended."""
        while len(self.lags) < (self.limit or self.tasks):
            at = self.machine.next_at()
            if len(self.times) < self.tasks and (at is None or self._submissions[0] <= at):
                self.now = max(self.now, heapq.heappop(self._submissions))
                self._submit(self.now)
                continue
            assert at is not None, "nothing is to come, but tasks are open"
            self.now = max(self.now, at)
            while tickets := self.machine.take_due(self.now):
                for ticket in tickets:
                    self._answer(ticket)
            self.machine.take_events()
            after = self.machine.next_at()
            assert after is None or after > self.now, "a hot loop"
        return self

    def _submit(self, now: float) -> None:
        task_id = f"t{len(self.times)}"
        began = max(now, heapq.heappop(self.free)) if self.free else now
        end = began + self.duration(self.dice)
        if self.workers is not None:
            heapq.heappush(self.free, end)
        self.times[task_id] = now, began, end
        heapq.heappush(self._submissions, end)
        self._track(Task(task_id, NAME), now)

    def _track(self, task: Task, now: float) -> None:
        self.machine.track(NAME, task, now, expires_in=1e7, age=0.0)

    def _answer(self, ticket: Ticket) -> None:
        task_id = ticket.tasks[0].id
        born, began, end = self.times[task_id]
        self.asked.append(self.now)
        self.requests[task_id] = self.requests.get(task_id, 0) + 1
        self.gaps.append(self.now - self._heard.get(task_id, born))
        self._heard[task_id] = self.now
        if self.now >= end:
            self.lags[task_id] = self.now - end
            self.machine.observe(ticket, Answer((self._end(task_id),)), self.now)
        else:
            status = Status.PENDING if self.now < began else Status.RUNNING
            self.machine.observe(ticket, NOT_YET[status], self.now)

    def _end(self, task_id: str) -> Observation:
        if not self.exact:
            return Observation(task_id, Status.SUCCEEDED)
        born, began, end = (EPOCH + timedelta(seconds=each) for each in self.times[task_id])
        return Observation(task_id, Status.SUCCEEDED, submitted_at=born, started_at=began, finished_at=end)

    @property
    def lag(self) -> float:
        return sum(self.lags.values()) / len(self.lags)


def compared(schedule: str, duration: Duration, **options: object) -> tuple[float, float]:
    """Requests and mean lag, as ratios to the fixed schedule on the same draws."""
    learned, fixed = (Trial(each, duration, **options).run() for each in (schedule, "fixed"))
    return len(learned.asked) / len(fixed.asked), learned.lag / fixed.lag


# -- what it gives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "most"),
    [(lognormal(120, 0.3), 0.65), (lognormal(45, 0.2), 0.6), (lambda dice: 100.0, 0.4), (lognormal(120, 1.0), 1.1)],
    ids=["usual", "quick", "constant", "wild"],
)
def test_economy_asks_less_at_the_same_lag(duration: Duration, most: float) -> None:
    """Its cold start included; where there is little to learn, it costs little more."""
    requests, lag = compared("economy", duration)

    assert requests < most
    assert lag < 1.15 or duration(random.Random(0)) == 100.0


def test_fast_learns_sooner_with_the_same_requests() -> None:
    """Half of the lag, where durations are alike."""
    requests, lag = compared("fast", lognormal(120, 0.3))

    assert requests < 1.1
    assert lag < 0.65


def test_ends_without_times_are_enough() -> None:
    """A provider that does not tell when a task ended is learned from its answers alone."""
    requests, lag = compared("economy", lognormal(120, 0.3), exact=False)

    assert requests < 0.75
    assert lag < 1.15


@pytest.mark.parametrize("workers", [1, 3])
def test_a_waiting_line_is_asked_at_its_head_only(workers: int) -> None:
    """Few run at a time, in order: the tasks that wait are left alone, and the lag stays."""
    requests, lag = compared("economy", lognormal(60, 0.3), workers=workers)

    assert requests < 0.2
    assert lag < 1.2


def test_a_scarce_quota_is_spent_where_it_pays() -> None:
    """More tasks than the quota can ask about: steps stretch, the quota holds in every window, and the lag is less."""
    options = {"tasks": 2400, "flight": 400, "quota": Rate(3, per=1.0)}
    learned, fixed = (Trial(each, lognormal(240, 0.3), **options).run() for each in ("fast", "fixed"))

    assert learned.lag < 0.85 * fixed.lag
    for trial in (learned, fixed):
        assert all(bisect.bisect_left(trial.asked, at + 1.0) - place <= 3 for place, at in enumerate(trial.asked[:-3]))


def test_of_the_due_the_one_that_has_cost_most_goes_first() -> None:
    """One that is likely to have ended goes before one that is not, though it came later; both go in the end."""
    bench = Bench(schedule="economy", quota=Rate(1, per=30.0))
    learned = bench.machine.accounts[NAME].learned
    assert learned is not None
    for number in range(100):
        learned.named(None).whole.ended(float(number), 0.0, 130.0, 100.0 + number % 20)
    bench.now = 200.0
    young = [bench.track(f"young {number}", age=20.0) for number in range(8)]
    old = bench.track("old", age=115.0)
    for entry in (*young, old):
        assert isinstance(entry, Entry)
        bench.machine.accounts[NAME].place(entry, 200.0, 200.0)
    order = []
    for _ in range(12):
        for ticket in bench.take():
            order.append(ticket.tasks[0].id)
            bench.answer(ticket, NOT_YET[Status.RUNNING])
        bench.now += 31.0

    assert "old" in order[:4]
    assert set(order) >= {entry.task.id for entry in young}


def test_on_a_full_account_nobody_starves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fourth question is for the one that waits longest, however little it costs not to ask about it."""
    monkeypatch.setattr(Learned, "cost", lambda _, entry, now: now - entry.due_at if entry.task.id != "cheap" else 0.0)
    bench = Bench(schedule="economy", quota=Rate(1, per=1.0))
    bench.track("cheap", age=0.0)
    for number in range(40):
        bench.track(f"t{number}", age=0.0)
    asked = answered(bench, 1000.0)

    assert len(asked["cheap"]) > 0.8 * len(asked["t5"])


def test_on_a_full_account_the_one_that_waits_longest_is_known() -> None:
    """Whoever was taken out of turn waits from its own time on when it is due again, not from its old place."""
    bench, dice = Bench(schedule="economy", quota=Rate(2, per=1.0)), random.Random(1)
    bench.machine.begin(EPOCH.timestamp())
    account, ends, wrong, longest = bench.machine.accounts[NAME], {}, 0, 0.0

    def submit(age: float) -> None:
        ends[f"t{len(ends)}"] = bench.now - age + lognormal(600, 0.3)(dice)
        bench.track(f"t{len(ends) - 1}")

    for _ in range(300):
        submit(dice.uniform(0, 500))
    while bench.now < 2500.0:
        for ticket in bench.take():
            (task,) = ticket.tasks
            has_ended = ends[task.id] <= bench.now
            reading = Answer((Observation(task.id, Status.SUCCEEDED),)) if has_ended else NOT_YET[Status.RUNNING]
            bench.answer(ticket, reading)
            if has_ended:
                submit(0.0)
        waiting = [bench.now - entry.due_at for entry in account.tasks.values() if entry.queue is not None]
        longest = max(longest, *waiting, 0.0)
        wrong += bench.machine.statistics(bench.now).oldest_due != pytest.approx(max(waiting, default=0.0))
        bench.now += 0.51

    assert wrong < 30
    assert longest < 200.0


# -- what it promises ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["economy", "fast"])
def test_no_task_is_left_alone_for_long(schedule: str) -> None:
    """Five minutes (twenty intervals), or a tenth of its age."""
    trial = Trial(schedule, lognormal(600, 1.2), tasks=300).run()
    longest = max(end - born for born, _, end in trial.times.values())

    assert max(trial.gaps) < max(20 * INTERVAL, 0.1 * longest) + 1.0
    assert min(trial.gaps) >= INTERVAL / 15 - 1e-3


@pytest.mark.parametrize(("schedule", "often", "ahead"), [("economy", 1.1, 3.1), ("fast", 1.3, 7.1)])
def test_a_mistaken_belief_costs_little(schedule: str, often: float, ahead: float) -> None:
    """Of tasks that take forty seconds, a few take an hour: none is asked much more often than as if fixed."""
    trial = Trial(schedule, lambda dice: 40.0 if dice.random() < 0.99 else dice.uniform(3000, 6000), tasks=1000).run()

    for task_id, (born, _, end) in trial.times.items():
        assert trial.requests[task_id] <= often * (end - born) / INTERVAL + ahead


@pytest.mark.parametrize("schedule", ["economy", "fast"])
def test_a_multitude_of_one_moment_is_asked_as_if_fixed(schedule: str) -> None:
    """A thousand tasks of a class that nobody knows: what becomes of the oldest tells nothing, since there is none."""

    def together(name: str) -> Trial:
        trial = Trial(name, lognormal(300, 0.3), tasks=1000, flight=1000)
        trial._submissions = [0.0] * 1000
        return trial.run()

    trial, fixed = together(schedule), together("fixed")

    assert len(trial.asked) <= 1.1 * len(fixed.asked)
    assert trial.lag <= 1.05 * fixed.lag


def test_fast_makes_the_requests_of_the_interval_where_few_tasks_take_long() -> None:
    """About: one in a hundred takes a hundred times as long, and most of the requests."""
    requests, lag = compared(
        "fast", lambda dice: 40.0 if dice.random() < 0.99 else dice.uniform(3000, 6000), tasks=2000
    )

    assert requests < 1.2
    assert lag < 0.3


def test_fast_is_quick_about_long_tasks_that_are_alike() -> None:
    """A quarter of an hour, give or take a sixth: it asks near the end, as often as it pays."""
    requests, lag = compared("fast", lognormal(900, 0.15), tasks=800)

    assert requests < 1.1
    assert lag < 0.48


@pytest.mark.parametrize("flight", [2000, 5000])
def test_a_multitude_of_a_class_that_is_known_is_asked_by_what_is_known(flight: int) -> None:
    """However many more there are than those that were seen to end."""

    def known(name: str) -> Trial:
        trial = Trial(name, lambda dice: 100.0, tasks=500 + flight)
        trial._submissions += [3600.0] * flight
        return trial.run()

    trial, fixed = known("fast"), known("fixed")
    of_multitude = [
        [run.lags[f"t{number}"] for number in range(500 + flight // 2, 500 + flight)] for run in (trial, fixed)
    ]

    assert statistics.fmean(of_multitude[0]) < 0.3 * statistics.fmean(of_multitude[1])


def test_tasks_that_are_given_up_at_one_age_hide_nothing() -> None:
    """Four of five expire after a minute: what becomes of the others is seen all the same."""

    class GivenUp(Trial):
        def _track(self, task: Task, now: float) -> None:
            patience = 1e7 if int(task.id[1:]) % 5 == 0 else 60.0
            self.machine.track(NAME, task, now, expires_in=patience, age=0.0)

    trial = GivenUp("fast", lognormal(300, 0.25), tasks=1500)
    trial.limit = 290
    trial.run()

    assert class_of(trial).whole.table.frontier > 300


@pytest.mark.parametrize("told", [0.0, 3600.0])
def test_an_age_that_is_told_too_late_is_no_harm(told: float) -> None:
    """The second answer says that the task was submitted just now, or will be: it had been seen before."""
    bench = Bench(schedule="economy")
    bench.machine.begin(EPOCH.timestamp())
    for number in range(100):
        bench.track(f"t{number}")
    for _ in range(3):
        for ticket in bench.take():
            submitted = EPOCH + timedelta(seconds=bench.now + told) if bench.now > 10.0 else None
            bench.answer(ticket, Answer((Observation(ticket.tasks[0].id, Status.RUNNING, submitted_at=submitted),)))
        bench.now += 20.0
    learned = bench.machine.accounts[NAME].learned
    assert learned is not None

    exposures = list(itertools.accumulate(learned.named(None).whole.table._long.exposures))
    assert max(exposures) <= 100.1


@pytest.mark.parametrize("why", ["told to wait", "asleep"])
@pytest.mark.parametrize("schedule", ["economy", "fast"])
def test_a_pause_does_not_make_requests_cheaper(why: str, schedule: str) -> None:
    """All that ends meanwhile is seen late, which says nothing of how often to ask."""

    class Paused(Trial):
        paused_at = 0.0

        def _answer(self, ticket: Ticket) -> None:
            if len(self.lags) < 300 or self.paused_at:
                super()._answer(ticket)
                return
            self.paused_at = self.now
            if why == "asleep":
                self.now += 1200.0
                super()._answer(ticket)
            else:
                self.machine.observe(ticket, miss("throttled", throttled=True, retry_after=600.0), self.now)

    trial = Paused(schedule, lognormal(120, 0.3), tasks=1500, quota=Rate(20)).run()
    again = trial.paused_at + (1200.0 if why == "asleep" else 600.0)
    asked = [trial.requests[task_id] for task_id, (born, *_) in trial.times.items() if again < born < again + 200.0]

    assert statistics.fmean(asked) < 1.2 * statistics.fmean(trial.requests[f"t{number}"] for number in range(150, 250))


def class_of(trial: Trial) -> Class:
    """What was learned of the only class."""
    learned = trial.machine.accounts[NAME].learned
    assert learned is not None
    return learned.named(None)


@pytest.mark.parametrize("schedule", ["economy", "fast"])
def test_ends_that_tell_an_age_teach_what_is_true(schedule: str) -> None:
    """Nobody knew when the tasks were submitted before they ended: all that time they had run on."""

    class Unknown(Trial):
        def _track(self, task: Task, now: float) -> None:
            age = 0.0 if int(task.id[1:]) % 10 == 0 else None
            self.machine.track(NAME, task, now, expires_in=1e7, age=age)

    trial = Unknown(schedule, lognormal(200, 0.3)).run()
    known = class_of(trial).statistics()

    assert known.p10 == pytest.approx(136, rel=0.15)
    assert known.p50 == pytest.approx(200, rel=0.1)
    assert known.p90 == pytest.approx(294, rel=0.15)
    assert class_of(trial).whole.table.known > 400  # nothing of that was taken for a change


def test_tasks_whose_age_is_told_last_do_not_steer() -> None:
    """They were asked about at the interval, whatever a request was worth."""

    class Unknown(Trial):
        def _track(self, task: Task, now: float) -> None:
            self.machine.track(NAME, task, now, expires_in=1e7, age=None)

    trial = Unknown("economy", lambda dice: 64.0, tasks=300).run()

    assert class_of(trial).whole.table.ends == 300
    assert class_of(trial).steering.dearer == 0


@pytest.mark.parametrize("schedule", ["economy", "fast"])
def test_old_tasks_that_never_end_are_no_change(schedule: str) -> None:
    """They were late before anybody followed them, and say nothing of how long others take."""

    class Stuck(Trial):
        def _submit(self, now: float) -> None:
            super()._submit(now)
            if len(self.times) == 300:
                for number in range(10):
                    self.times[f"s{number}"] = now - 1e6, now - 1e6, math.inf
                    self.machine.track(NAME, Task(f"s{number}", NAME), now, expires_in=1e9, age=1e6)

    trial = Stuck(schedule, lognormal(200, 0.3), tasks=500)
    trial.limit = 450
    trial.run()

    assert class_of(trial).whole.table.known > 300
    assert abs(class_of(trial).steering.dearer) < 12


def answered(bench: Bench, seconds: float) -> dict[str, list[float]]:
    """When each task was asked about, in so many seconds; the answers say RUNNING."""
    asked: dict[str, list[float]] = {}
    until = bench.now + seconds
    while bench.now < until:
        for ticket in bench.take():
            asked.setdefault(ticket.tasks[0].id, []).append(bench.now)
            bench.answer(ticket, NOT_YET[Status.RUNNING])
        bench.now = min(until, max(bench.now + 1e-3, bench.machine.next_at() or until))
    return asked


def test_what_was_planned_under_pressure_is_taken_back() -> None:
    """A hundred tasks for each second's question; when all but ten are forgotten, those are asked as usual at once."""
    bench = Bench(schedule="economy", quota=Rate(2))
    for number in range(2000):
        bench.track(f"t{number}", age=0.0)
    answered(bench, 600.0)
    for number in range(10, 2000):
        bench.machine.forget(NAME, f"t{number}", bench.now)
    bench.track("new", age=0.0)
    left = bench.now
    asked = answered(bench, 120.0)

    assert len(asked) == 11
    assert all(times[0] <= left + 66.0 for times in asked.values())
    assert asked["new"][0] <= left + 1.1 * INTERVAL


@pytest.mark.parametrize("factor", [2.5, 0.4])
def test_a_provider_that_changes_its_pace_is_noticed(factor: float) -> None:
    """After the change, the next hundred tasks cost no more requests, and the lag comes back to what it was."""
    draws = iter(range(10**6))
    trial = Trial("economy", lambda dice: lognormal(120, 0.3)(dice) * (factor if next(draws) >= 500 else 1), tasks=900)
    trial.run()
    last = [trial.lags[f"t{number}"] for number in range(700, 850)]

    assert sum(last) / len(last) < 12.0


def test_a_task_of_unknown_age_is_asked_at_the_advised_interval() -> None:
    """Its elapsed time is not pretended to be zero."""
    machine = Machine()
    machine.add_account(NAME, quota=Rate(10), interval=INTERVAL, schedule="economy")
    entry = machine.track(NAME, Task("a", NAME), 0.0, expires_in=1e5)
    assert isinstance(entry, Entry)
    (ticket,) = machine.take_due(0.0)
    machine.observe(ticket, NOT_YET[Status.RUNNING], 0.1)

    assert ticket.thorough
    assert INTERVAL <= entry.due_at - 0.1 <= 1.1 * INTERVAL


def test_an_answer_tells_the_age() -> None:
    """By the provider's time of submission; from then on the task is asked like any other."""
    machine = Machine()
    machine.begin(EPOCH.timestamp())
    machine.add_account(NAME, quota=Rate(10), interval=INTERVAL, schedule="economy")
    entry = machine.track(NAME, Task("a", NAME), 100.0, expires_in=1e5)
    (ticket,) = machine.take_due(100.0)
    seen = Observation("a", Status.RUNNING, submitted_at=EPOCH + timedelta(seconds=40))
    machine.observe(ticket, Answer((seen,)), 100.1)

    assert entry.born == pytest.approx(40.0)


@pytest.mark.parametrize("submitted", [-1e9, 1e12, 1e9])
def test_absurd_times_do_no_harm(submitted: float) -> None:
    """An answer from the far past or the future: the task is asked on, neither at once nor never."""
    machine = Machine()
    machine.begin(EPOCH.timestamp())
    machine.add_account(NAME, quota=Rate(10), interval=INTERVAL, schedule="economy")
    entry = machine.track(NAME, Task("a", NAME), 100.0, expires_in=86_400.0)
    (ticket,) = machine.take_due(100.0)
    try:
        at = EPOCH + timedelta(seconds=submitted)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    machine.observe(ticket, Answer((Observation("a", Status.RUNNING, submitted_at=at),)), 100.1)

    assert 101.0 <= machine.next_at() <= 86_600.0
    assert entry.alive


# -- what it remembers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("early", "ahead"), [(5.0, 0.0), (0.0, 20.0)])
def test_two_clocks_cost_nothing(early: float, ahead: float) -> None:
    """Submissions are told five seconds too early, or the provider's clock is ahead of ours."""

    class Told(Trial):
        def _track(self, task: Task, now: float) -> None:
            self.machine.track(NAME, task, now, expires_in=1e7, age=early)

        def _end(self, task_id: str) -> Observation:
            seen, shift = super()._end(task_id), timedelta(seconds=ahead)
            return evolve(seen, submitted_at=seen.submitted_at + shift, finished_at=seen.finished_at + shift)

    right, other = (each("economy", lognormal(120, 0.3)).run() for each in (Trial, Told))

    assert other.lag == pytest.approx(right.lag, rel=0.15)
    assert len(other.asked) == pytest.approx(len(right.asked), rel=0.1)


def test_tasks_that_somebody_else_cancels_are_seen_in_time() -> None:
    """Every second one is, after twenty seconds: that is an end like another, since somebody waits for it."""

    class CalledOff(Trial):
        def _end(self, task_id: str) -> Observation:
            born, _, end = self.times[task_id]
            seen = super()._end(task_id)
            return evolve(seen, status=Status.CANCELED) if end - born == 20.0 else seen

    def duration(dice: random.Random) -> float:
        return 20.0 if dice.random() < 0.5 else lognormal(120, 0.3)(dice)

    assert CalledOff("economy", duration).run().lag < 1.2 * INTERVAL / 2


def test_what_is_cancelled_here_teaches_nothing() -> None:
    """It would have gone on."""
    bench = Bench(schedule="economy")
    bench.track("a", age=0.0)
    bench.machine.call(NAME, Task("a", NAME), Purpose.CANCEL, bench.now)
    bench.poll(Answer(()))
    bench.poll(seen("a", Status.CANCELED))

    assert bench.ended().status is Status.CANCELED
    assert bench.machine.statistics(bench.now).accounts[NAME].classes[""].ends == 0


def test_classes_are_told_apart() -> None:
    """A kind that takes a minute and one that takes ten are not mixed up."""
    learned = Learned(Cadence(INTERVAL), "economy", Clock())
    for kind, seconds in (("quick", 60.0), ("slow", 600.0)):
        for _ in range(50):
            learned.named(kind).whole.table.survived(0.0, seconds)
            learned.named(kind).whole.ended(0.0, seconds, seconds, seconds)

    assert learned.named("quick").whole.table.quantile(0.5) < 70.0
    assert learned.named("slow").whole.table.quantile(0.5) > 500.0


def test_the_class_of_a_task_is_the_one_that_an_answer_names() -> None:
    """Unless the user has named one; the first answers are read in full, since they may tell."""
    bench = Bench(schedule="economy")
    for task in (Task("told", NAME, kind="mine"), Task("untold", NAME)):
        bench.machine.track(NAME, task, 0.0, expires_in=1e5, age=100.0)
    for ticket in bench.take():
        assert ticket.thorough
        (task,) = ticket.tasks
        bench.answer(ticket, Answer((Observation(task.id, Status.RUNNING, kind="theirs"),)))
    ended = bench.next_ticket()
    assert ended is not None
    assert not ended.thorough
    bench.answer(ended, Answer((Observation(ended.tasks[0].id, Status.SUCCEEDED),)))
    last = bench.next_ticket()
    assert last is not None
    bench.answer(last, Answer((Observation(last.tasks[0].id, Status.SUCCEEDED),)))

    classes = bench.machine.statistics(bench.now).accounts[NAME].classes
    assert {name: each.ends for name, each in classes.items() if each.ends} == {"mine": 1, "theirs": 1}


def test_an_age_that_is_never_told_is_not_looked_for_for_ever() -> None:
    """Three answers are read in full; a provider that has not told it by then does not."""
    bench = Bench(schedule="economy")
    bench.track("a")
    thorough = []
    for _ in range(5):
        ticket = bench.next_ticket()
        assert ticket is not None
        thorough.append(ticket.thorough)
        bench.answer(ticket, NOT_YET[Status.RUNNING])

    assert thorough == [True, True, True, False, False]


@pytest.mark.parametrize("hours", [8, -8])
def test_times_that_contradict_the_answers_teach_nothing(hours: int) -> None:
    """A clock in another zone, say: ends are taken from the answers then, and the lag stays what it is to be."""

    class Abroad(Trial):
        def _end(self, task_id: str) -> Observation:
            seen = super()._end(task_id)
            return evolve(seen, finished_at=seen.finished_at + timedelta(hours=hours))

    trial = Abroad("economy", lognormal(120, 0.3)).run()

    assert trial.lag < 0.65 * INTERVAL


def test_a_word_that_flaps_begins_a_task_once() -> None:
    """RUNNING, PENDING, RUNNING: it has been running all the time."""
    bench = Bench(schedule="economy")
    entry = bench.track("a", age=0.0)
    assert isinstance(entry, Entry)
    begun = []
    for status in (Status.PENDING, Status.RUNNING, Status.PENDING, Status.RUNNING):
        bench.poll(NOT_YET[status])
        begun.append(entry.begun)

    assert begun[0] is None
    assert begun[1] is not None
    assert set(begun[1:]) == {begun[1]}


def test_hiccups_do_not_make_requests_cheaper() -> None:
    """A lag that comes of a failed question is no reason to ask more often."""
    plain, bumpy = Bench(schedule="economy"), Bench(schedule="economy")
    for bench, fails in ((plain, False), (bumpy, True)):
        bench.machine.begin(EPOCH.timestamp())
        for number in range(60):
            born = EPOCH + timedelta(seconds=bench.now)
            bench.track(f"t{number}", age=0.0)
            bench.poll(miss() if fails else NOT_YET[Status.RUNNING])
            ticket = bench.next_ticket()
            assert ticket is not None
            bench.now += 9.0
            ended = EPOCH + timedelta(seconds=bench.now - 12.0)
            seen = Observation(f"t{number}", Status.SUCCEEDED, submitted_at=born, finished_at=ended)
            bench.answer(ticket, Answer((seen,)))
    dearer = [bench.machine.accounts[NAME].learned.named(None).steering.dearer for bench in (plain, bumpy)]

    assert dearer[0] < 0 == dearer[1]


@pytest.mark.parametrize("hours", [8, 24 * 365 * 50])
def test_an_age_that_is_not_true_does_not_silence_a_task(hours: int) -> None:
    """By the provider's clock it is hours old, or of 1976: it is asked about as one that has just been seen."""
    bench = Bench(schedule="economy")
    bench.machine.begin(EPOCH.timestamp())
    bench.track("a")
    told = Observation("a", Status.RUNNING, submitted_at=EPOCH - timedelta(hours=hours))
    gaps = []
    for _ in range(6):
        before = bench.now
        bench.poll(Answer((told,)))
        gaps.append(bench.now - before)

    assert max(gaps) <= 1.1 * 20 * INTERVAL


def test_many_tasks_of_one_moment_at_a_small_interval() -> None:
    """In the order in which they were told, some are born a little after now: that is no age below zero."""
    bench = Bench(schedule="economy", interval=0.1)
    for number in range(20_000):
        bench.track(f"t{number}", age=0.0)
    bench.now = 0.001
    assert bench.machine.nudge(NAME, "t19999", bench.now)
    bench.now = 0.01
    tickets = [ticket for ticket in bench.take() if ticket.tasks[0].id == "t19999"]
    for ticket in tickets:
        bench.answer(ticket, NOT_YET[Status.RUNNING])

    assert len(tickets) == 1


def test_an_end_before_anybody_could_ask_is_no_lag() -> None:
    """Tasks that had long ended when they were tracked, at a start say, steer nothing that way."""
    bench = Bench(schedule="economy")
    bench.machine.begin(EPOCH.timestamp())
    for number in range(300):
        born, ended = (EPOCH + timedelta(seconds=bench.now - each) for each in (7200.0, 7000.0))
        bench.track(f"t{number}", age=7200.0)
        bench.poll(Answer((Observation(f"t{number}", Status.SUCCEEDED, submitted_at=born, finished_at=ended),)))

    assert bench.machine.accounts[NAME].learned.named(None).steering.dearer >= 0


def test_one_that_is_stuck_does_not_hide_the_line() -> None:
    """It waits at the head for ever; the others begin in order behind it, and are seen in time."""

    class Stuck(Trial):
        def _submit(self, now: float) -> None:
            super()._submit(now)
            if len(self.times) == 200:
                born, _, _ = self.times["t199"]
                self.times["t199"] = born, 1e6, 1e6 + 60.0

    trial = Stuck("economy", lognormal(60, 0.3), workers=10)
    trial.limit = 599
    trial.run()
    later = [trial.lags[f"t{number}"] for number in range(300, 550)]

    assert sum(later) / len(later) < 1.3 * INTERVAL / 2


def test_who_is_forgotten_and_tracked_again_is_not_put_off() -> None:
    """Behind a long line, each minute anew: it is asked about when its turn would have come, at the latest."""
    trial = Trial("economy", lognormal(60, 0.3), workers=2)
    trial.limit = 300
    trial.run()
    known = trial.machine.accounts[NAME].learned.named(None)
    for age in range(0, 361, 60):
        trial.machine.forget(NAME, "late", trial.now + age)
        entry = trial.machine.track(NAME, Task("late", NAME), trial.now + age, expires_in=1e7, age=age)

    assert known.line.is_long
    assert entry.due_at == trial.now + 360


def test_what_ends_while_it_waits_is_seen_in_time() -> None:
    """However long runs take: a task that waits may be refused before it begins."""
    bench = Bench(schedule="economy")
    known = bench.machine.accounts[NAME].learned.named(None)
    known.runs = new_placement(INTERVAL, "economy")
    for number in range(100):
        known.runs.ended(float(number), 0.0, 2400.0, 2400.0)
    bench.track("a", age=0.0)
    bench.poll(NOT_YET[Status.PENDING])
    before = bench.now
    bench.poll(NOT_YET[Status.PENDING])

    assert bench.now - before <= 1.1 * 20 * INTERVAL


def test_a_batch_shares_the_quota_by_its_size() -> None:
    """Two hundred tasks, fifty to a question: a quota of one in five seconds is nearly enough."""
    bench = Bench(schedule="economy", max_batch=50, quota=Rate(1, per=5.0))
    for number in range(200):
        bench.track(f"t{number}", age=0.0)
    while bench.now < 300.0:
        for ticket in bench.take():
            bench.answer(ticket, Answer(tuple(Observation(task.id, Status.RUNNING) for task in ticket.tasks)))
        bench.now = min(300.0, bench.machine.next_at() or 300.0)

    assert bench.machine.statistics(bench.now).accounts[NAME].pressure < 3.0


def test_a_million_kinds_need_no_more_memory() -> None:
    """From some number on they share one class; a kind of ten kilobytes is cut."""
    learned = Learned(Cadence(INTERVAL), "economy", Clock())
    for number in range(MOST_CLASSES + 50):
        learned.named(f"kind {number}")
    learned.named("x" * 10_000)
    learned.named(None)

    assert len(learned._classes) == MOST_CLASSES
    assert max(map(len, learned._classes)) <= 200
    assert learned.named("another") is learned.named(None)


def ends_of(bench: Bench, kinds: Iterable[str]) -> None:
    """One task of each of these kinds ends, one after the other."""
    for number, kind in enumerate(kinds):
        task_id = f"{kind}-{number}-{bench.now}"
        bench.machine.track(NAME, Task(task_id, NAME, kind=kind), bench.now, expires_in=DAY, age=0.0)
        bench.poll(seen(task_id, Status.SUCCEEDED))


def test_a_class_that_nobody_uses_falls_to_one_that_is_used() -> None:
    """Not to a kind that is seen once, nor while it is used; the tasks of those that fell are asked as others are."""
    bench = Bench(schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    ends_of(bench, (f"old {number}" for number in range(MOST_CLASSES)))
    ends_of(bench, ["new"] * 5)
    busy = learned.named("new") is learned.named(None)
    ends_of(bench, (f"once {number}" for number in range(11 * MOST_CLASSES)))
    ends_of(bench, ["old 7", *["new"] * 4])

    assert busy
    assert learned.named("new").whole.table.ends >= 1
    assert learned.named("old 7").whole.table.ends == 2
    assert learned.named("once 7") is learned.named("old 0") is learned.named(None)
    assert len(learned._classes) == MOST_CLASSES


def test_it_is_told_which_classes_have_given_way() -> None:
    """Each once, and no other; those that are told of and not forgotten are those that there are."""
    bench = Bench(schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    ends_of(bench, (f"old {number}" for number in range(MOST_CLASSES)))
    ends_of(bench, (f"once {number}" for number in range(11 * MOST_CLASSES)))
    before = bench.told(ev.ClassForgotten)
    ends_of(bench, ["old 1", *["new"] * 4, *["newer"] * 3, *["new"] * 4])
    forgotten = bench.told(ev.ClassForgotten)

    assert before == []
    assert forgotten == [ev.ClassForgotten(NAME, "old 0"), ev.ClassForgotten(NAME, "old 2")]
    told = {event.kind for event in bench.told(ev.ClassLearned)}
    assert told - {event.kind for event in forgotten} == set(learned._classes)


def test_a_class_that_is_back_is_not_told_to_be_forgotten() -> None:
    """It may have been told anew already, when many ends come with one answer."""
    learned = Learned(Cadence(INTERVAL), "economy", Clock())
    learned._forgotten = ["a", "b"]
    learned.named("b")

    assert learned.take_forgotten() == ["a"]
    assert learned.take_forgotten() == []


def test_there_is_always_room_for_tasks_without_a_kind() -> None:
    """Of as many classes as there may be none has to give way to it."""
    bench = Bench(schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    ends_of(bench, (f"kind {number}" for number in range(MOST_CLASSES - 1)))
    learned._tracked += 100 * MOST_CLASSES
    alone = "" not in learned._classes
    ends_of(bench, [None] * 5)

    assert alone
    assert len(learned._classes) == MOST_CLASSES
    assert bench.told(ev.ClassForgotten) == []


def test_to_look_at_a_class_is_no_use_of_it() -> None:
    """To compare tasks, or to tell what is known, makes no class, and no class younger."""
    bench = Bench(schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    ends_of(bench, ["a"] * 5)
    known = learned.named("a")
    learned._tracked += 1000
    one, other, third = (Entry(bench.machine.accounts[NAME], Task("t", NAME, kind=each), 0.0, DAY) for each in "abc")
    apart = learned.alike(one, other), learned.alike(other, third), learned.alike(one, one)

    assert apart == (False, False, True)
    assert (learned.to_tell("a"), learned.to_tell("b"), learned.next_in_line(other)) == (None, None, None)
    assert learned.find("a") is known
    assert learned.find("b") is None
    assert known.used == learned._tracked - 1000
    assert list(learned._classes) == ["a"]


def test_a_task_whose_age_nobody_tells_makes_no_class() -> None:
    """There is nothing to be learned from its end."""
    bench = Bench(schedule="economy")
    bench.track("a")
    bench.poll(seen("a", Status.SUCCEEDED))

    assert bench.ended() is not None
    assert dict(bench.machine.statistics(bench.now).accounts[NAME].classes) == {}


def test_kinds_that_share_a_class_are_alike() -> None:
    """Those for which there was no room, even before any of them has used it."""
    bench = Bench(schedule="economy")
    learned = bench.machine.accounts[NAME].learned
    for number in range(MOST_CLASSES - 1):
        learned.named(str(number))
    one, other, own = (Entry(bench.machine.accounts[NAME], Task("t", NAME, kind=each), 0.0, DAY) for each in "ab7")

    assert (learned.alike(one, other), learned.alike(one, own)) == (True, False)
    assert "" not in learned._classes


def test_only_three_schedules_are_known() -> None:
    """The poller says so."""
    with pytest.raises(UsageError, match="'fixed', 'economy', 'fast'"):
        Poller(DashScope("sk-key"), schedule="thrifty")


@pytest.mark.parametrize(("quota", "flight"), [(10_000, 50), (2, 200), (5, 200)])
def test_requests_saved_are_those_that_the_fixed_schedule_makes_more(quota: int, flight: int) -> None:
    """On the same draws, but for a twentieth; with a small quota, that would not let it make them, they are none."""
    learned, fixed = (
        Trial(each, lognormal(120, 0.3), tasks=6 * flight, flight=flight, quota=Rate(quota, per=1.0)).run()
        for each in ("economy", "fixed")
    )
    saved = learned.machine.statistics(learned.now).accounts[NAME].saved

    assert saved == pytest.approx(len(fixed.asked) - len(learned.asked), abs=0.05 * len(fixed.asked))


def test_requests_that_a_batch_saves_are_counted_once() -> None:
    """The fixed schedule would ask about ten tasks together, too."""
    bench = Bench(schedule="economy", max_batch=10)
    for number in range(10):
        bench.track(f"t{number}", age=0.0)
    while bench.now < 600.0:
        ticket = bench.next_ticket()
        assert ticket is not None
        bench.answer(ticket, Answer(tuple(Observation(task.id, Status.RUNNING) for task in ticket.tasks)))
    account = bench.machine.statistics(bench.now).accounts[NAME]

    assert account.saved == pytest.approx(bench.now / (1.05 * INTERVAL) - account.requests, abs=1.0)


@pytest.mark.parametrize("why", ["refused", "asleep", "told to wait"])
def test_what_could_not_be_asked_is_not_saved(why: str) -> None:
    """While the account is refused, while the machine sleeps, and while the server wants to be left alone."""
    bench = Bench(schedule="economy")
    for number in range(100):
        bench.track(f"t{number}", age=0.0)
    tickets = answered_until_due(bench)
    said = {"refused": refusal(), "told to wait": miss("throttled", throttled=True, retry_after=3600.0)}
    for ticket in tickets:
        bench.answer(ticket, said.get(why, NOT_YET[Status.RUNNING]))
    if why == "asleep":
        bench.machine.next_at()
        bench.now += 3500.0
        bench.take()
    else:
        assert bench.next_ticket(within=3500.0) is None
    bench.track("late", age=0.0)

    assert abs(bench.machine.accounts[NAME].learned.saved.requests) < 200


def answered_until_due(bench: Bench) -> list[Ticket]:
    """The next questions that leave together."""
    while not (tickets := bench.take()):
        bench.now = bench.machine.next_at() or bench.now
    return tickets


def test_nudges_do_not_steer() -> None:
    """Webhooks tell of nearly all ends at once: that is no reason to ask later about the task whose call was lost."""
    bench = Bench(schedule="economy")
    bench.machine.begin(EPOCH.timestamp())
    for number in range(300):
        bench.track(f"t{number}", age=0.0)
        bench.now += 60.0
        bench.machine.nudge(NAME, f"t{number}", bench.now)
        finished = EPOCH + timedelta(seconds=bench.now)
        bench.poll(Answer((Observation(f"t{number}", Status.SUCCEEDED, finished_at=finished),)))

    assert bench.machine.accounts[NAME].learned.named(None).steering.dearer == 0


def test_nobody_is_asked_sooner_than_the_server_said() -> None:
    """Whatever is learned meanwhile."""
    bench = Bench(schedule="economy")
    entry = bench.track("a", age=0.0)
    told = bench.poll(Answer((Observation("a", Status.RUNNING),), poll_after=600.0))
    bench.machine.accounts[NAME].planning._move_up(entry, bench.now, bench.now)
    asked = bench.poll(NOT_YET[Status.RUNNING])
    bench.machine.accounts[NAME].planning._move_up(entry, bench.now + 2.0, bench.now)

    assert asked >= told + 600.0
    assert entry.due_at == asked + 2.0


def test_after_a_change_a_whole_class_is_planned_anew_in_parts() -> None:
    """A thousand at a time, so that nothing else has to wait; tasks of another class keep their plans."""
    bench = Bench(schedule="economy")
    entries = [bench.track(f"t{number}", age=0.0) for number in range(2500)]
    entries.append(bench.machine.track(NAME, Task("o", NAME, kind="other"), bench.now, expires_in=DAY, age=0.0))
    account = bench.machine.accounts[NAME]
    for entry in entries:
        account.place(entry, 200.0, bench.now)
    account.heed(News.CHANGED, entries[0], bench.now)
    moved = []
    for _ in range(4):
        bench.machine.take_due(bench.now)
        moved.append(sum(entry.due_at < 100.0 for entry in entries))

    assert moved == [1000, 2000, 2500, 2500]
    assert entries[-1].due_at == 200.0
    assert bench.machine.next_at() > bench.now + 1.0


def test_who_waits_for_a_forgotten_namesake_is_not_moved_up() -> None:
    """A task is asked about once at a time, whatever is learned."""
    bench = Bench(schedule="economy")
    bench.track("a", age=0.0)
    bench.next_ticket()
    bench.machine.forget(NAME, "a", bench.now)
    heir = bench.track("a", age=0.0)
    heir.due_at = bench.now + 100.0
    bench.machine.accounts[NAME].planning._move_up(heir, bench.now, bench.now)

    assert bench.next_ticket(within=5.0) is None


def test_who_is_on_the_list_is_not_asked_sooner() -> None:
    """The list said a moment ago that it goes on, and will say when it does not."""
    bench = Bench(schedule="economy")
    entry = bench.track("a", age=0.0)
    asked = bench.poll(NOT_YET[Status.RUNNING])
    due_at = entry.due_at
    bench.now += 2.0
    entry.answered_at = bench.now
    bench.machine.accounts[NAME].planning._move_up(entry, bench.now + 1.0, bench.now)

    assert entry.polled_at == asked
    assert entry.due_at == due_at > bench.now + 2.0


def test_observers_are_told_what_was_learned_and_how_late_ends_were_known() -> None:
    """Each new estimate of a class, and for each end with a time how long ago it was."""
    bench = Bench(schedule="economy")
    bench.machine.begin(EPOCH.timestamp())
    for number in range(5):
        bench.track(f"t{number}", age=100.0)
        ticket = bench.next_ticket()
        assert ticket is not None
        finished = EPOCH + timedelta(seconds=bench.now - 4.0) if number else None
        bench.answer(ticket, Answer((Observation(f"t{number}", Status.SUCCEEDED, finished_at=finished),)))
    ends = [event for event in bench.events if isinstance(event, ev.TaskEnded)]
    learned = [event for event in bench.events if isinstance(event, ev.ClassLearned)]

    assert [event.lag for event in ends] == [None, *[pytest.approx(4.0)] * 4]
    assert [event.known.ends for event in learned] == [1, 2, 3, 4, 5]
    assert {(event.provider, event.kind, event.pressure) for event in learned} == {(NAME, "", 1.0)}


def test_statistics_tell_what_was_learned() -> None:
    """Quantiles and price of each class, and the requests that were saved."""
    trial = Trial("economy", lognormal(120, 0.3), tasks=300).run()
    account = trial.machine.statistics(trial.now).accounts[NAME]
    known = account.classes[""]

    assert known.ends == 300
    assert known.p10 < 100 < known.p50 < 145 < known.p90
    assert known.price > 0
    assert account.pressure == 1.0
    assert account.saved > 300


def worth(learned: Learned, step: float, since: float) -> float:
    """The price at which it is right to ask so long after `since`."""
    return 2.0 * learned.named(None).whole.table.square(since, since + step) / INTERVAL


@pytest.mark.parametrize("correction", [0, 12, -12])
def test_the_price_that_is_told_is_that_of_the_questions_that_are_asked(correction: int) -> None:
    """With its correction by what forecasts got wrong; the quota is told apart."""
    learned = Learned(Cadence(INTERVAL), "economy", Clock())
    known = learned.named(None)
    for number in range(300):
        known.whole.ended(float(number), 0.0, 200.0, 100.0 + number % 60)
    known.steering.dearer = correction
    step = known.whole.step(120.0, 0, known.steering.dearer)

    assert learned.statistics()[""].price == pytest.approx(worth(learned, step, 120.0), rel=0.01)


@pytest.mark.parametrize("mode", ["economy", "fast"])
def test_before_the_first_end_the_price_is_that_of_the_advised_interval(mode: str) -> None:
    """At which it is asked then, and not what a search for a price stopped at."""
    learned = Learned(Cadence(INTERVAL), mode, Clock())
    step = learned.named(None).whole.step(0.0)

    assert step == INTERVAL
    assert learned.statistics()[""].price == pytest.approx(worth(learned, INTERVAL, 0.0))
    assert 0.5 < learned.statistics()[""].price < 5.0


def test_a_corrected_price_is_told() -> None:
    """Not only with the next estimate of how long tasks take."""
    learned = Learned(Cadence(INTERVAL), "economy", Clock())
    known = learned.named("wan")
    known.whole.ended(0.0, 0.0, 100.0, 100.0)
    first, again = learned.to_tell("wan"), learned.to_tell("wan")
    known.steering.dearer = 3
    corrected = learned.to_tell("wan")

    assert first is not None
    assert again is None
    assert corrected is not None
    assert corrected[1].price == pytest.approx(first[1].price * math.exp(0.3))
