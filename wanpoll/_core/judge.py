"""What an answer changes: the only place where a task ends."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from wanpoll._core import events as ev
from wanpoll._core.account import Account
from wanpoll._core.batch import ALONE
from wanpoll._core.budget import LONGEST_PAUSE
from wanpoll._core.entries import Call, Entry, Purpose, Ticket
from wanpoll._core.learned import Learned
from wanpoll._core.ledger import Ledger
from wanpoll._core.model import NOTHING, Failure, Outcome, Status
from wanpoll._core.outcomes import by_id, completed, lag_of, outcome_of
from wanpoll._core.readings import (
    Answer,
    Broken,
    CallReading,
    Listed,
    Missed,
    NoSuchTask,
    NotYet,
    Observation,
    Reading,
    Refused,
    Rejected,
)
from wanpoll._core.regime import News
from wanpoll._core.schedule import RESOLUTION
from wanpoll._core.standing import Standing
from wanpoll.exceptions import DecodeError, WanpollError

UNKNOWN_STREAK = 3
"""How many answers in a row must say "no such task": providers answer late about young tasks."""

CALL_ATTEMPTS = 5
"""How often a call (cancel) is asked before its failure is told."""

BUG_STREAK = 3
"""How many answers in a row a provider class must fail to read before those who wait are told."""

LAST_POLL_RETRIES = 4.0
"""Intervals for which the last poll of an expiring task is asked again when it fails."""


class Judge:
    """Reads answers into the state of tasks and accounts."""

    def __init__(self, ledger: Ledger, unknown_grace: float) -> None:
        self.ledger = ledger
        self._standing = Standing(ledger)
        self.unknown_grace = unknown_grace
        self.epoch: float | None = None  # Unix time at which `now` is 0

    def judge(self, ticket: Ticket, reading: Reading | Listed, now: float) -> None:
        """Take note of what the answer to `ticket` means."""
        if isinstance(reading, NotYet):
            self._not_yet(ticket, reading, now)
            return
        if isinstance(reading, Listed):
            self._listed(ticket, reading, now)
            return
        if ticket.purpose is Purpose.SCAN:
            self._standing.no_list(ticket, reading, now)
            return
        reading = self._standing.hear(ticket, reading, now)
        if isinstance(reading, Answer):
            ticket.poll_after = reading.poll_after
        seen = by_id(reading)
        for job in ticket.jobs:
            if isinstance(job, Call):
                self._call_answered(job, reading, now)
            elif isinstance(job, Entry) and job.alive:
                self._task_side(job, ticket, seen.get(job.task.id, reading), now)

    def expire(self, entry: Entry, now: float) -> None:
        """End a task whose time is over."""
        raw = NOTHING if entry.partial is None else entry.partial.raw  # it is all there is of a paid result
        self._settle(entry, Outcome(entry.task, Status.EXPIRED, reason="expired", polls=entry.polls, raw=raw), now)

    def detach(self, entry: Entry) -> None:
        """Stop following a task. A late answer finds its entry dead, even when the same id is tracked again."""
        entry.alive = False
        del entry.account.tasks[entry.task.id]
        entry.account.withdraw(entry)

    def _not_yet(self, ticket: Ticket, reading: NotYet, now: float) -> None:
        """Nothing new about the one task of `ticket`: the common case, kept short."""
        account, entry = ticket.account, ticket.jobs[0]
        account.refused = account.spent_since = None
        account.failures = 0
        if account.max_batch > 1:
            account.batching.answered(ticket)
        if isinstance(entry, Entry) and entry.alive:
            ticket.poll_after = reading.poll_after
            heard_at = self._polled(entry, now)
            self._goes_on(entry, ticket, reading.status, None, now, heard_at)

    def _listed(self, ticket: Ticket, page: Listed, now: float) -> None:
        """A page of the list of tasks: an answer to those that go on by its word, though no question was theirs."""
        scan = ticket.account.scan
        if scan is None:
            return
        ticket.poll_after = scan.patience
        for entry, status in scan.read(ticket, page, now):
            heard_at, entry.answered_at = entry.answered_at, now
            self._goes_on(entry, ticket, status, entry.progress, now, heard_at)
            scan.limit_trust(entry, now)
        ticket.account.reckon(now)

    # -- calls -------------------------------------------------------------------------------------------------

    def _call_answered(self, call: Call, reading: CallReading, now: float) -> None:
        if isinstance(reading, Missed):
            self.ledger.count(reading.problem)
            call.misses += 1
            if call.misses < CALL_ATTEMPTS:
                call.urgent = True
                at_once = reading.at_once and call.misses == 1
                retry = call.account.cadence.retry(call.task.id, call.misses, now)
                call.account.place(call, now if at_once else retry, now)
                return
        outcome = None
        if call.outcome is not None and isinstance(reading, Answer):
            outcome = self._refreshed(call.outcome, call.account, reading)
        self.ledger.say(call, ev.CallEnded(call.task, reading, outcome))

    def _refreshed(self, outcome: Outcome, account: Account, answer: Answer) -> Outcome | None:
        """The outcome with the fresh links of `answer`, remembered from now on; None where there are none."""
        media = tuple(media for each in answer.observations if isinstance(each, Observation) for media in each.media)
        if not media:
            return None
        fresh = evolve(outcome, media=media)
        if outcome.task.id in account.ended:
            account.ended[outcome.task.id] = fresh
        return fresh

    # -- the task ----------------------------------------------------------------------------------------------

    def _task_side(
        self, entry: Entry, ticket: Ticket, said: Observation | NoSuchTask | CallReading, now: float
    ) -> None:
        """`said` of one task: by an observation of it, or by a reading that concerns all of the question."""
        if ticket.purpose is Purpose.REST:
            said = completed(entry, said)
        if isinstance(said, Observation):
            self._seen(entry, ticket, said, now, self._polled(entry, now))
        elif isinstance(said, NoSuchTask):
            self._polled(entry, now)
            self._unknown(entry, ticket, said.failure, now)
        elif isinstance(said, Missed):
            self._missed_poll(entry, ticket, said, now)
        elif isinstance(said, Refused):
            self._again(entry, ticket, now, now)
        elif len(ticket.jobs) > 1:
            self._apart(entry, ticket, said, now)
        elif isinstance(said, Rejected):
            self._unknown(entry, ticket, said.failure, now)
        elif isinstance(said, Broken):
            self._park(entry, ticket, said.error, now)
        else:
            problem = DecodeError(entry.account.name, "the answer", "does not name this task")
            self._missed_poll(entry, ticket, Missed(problem), now)

    def _apart(self, entry: Entry, ticket: Ticket, reading: CallReading, now: float) -> None:
        """The question about several tasks is wrong because of one of them, or its answer leaves this one out."""
        halve = isinstance(reading, Rejected)
        entry.split = min(entry.split + 1, ALONE) if halve else ALONE
        self._at_once(entry, ticket, now)

    def _at_once(self, entry: Entry, ticket: Ticket, now: float) -> None:
        if _was_last(entry, ticket):
            entry.urgent = True
            entry.account.place_last(entry, now)
        else:
            entry.account.place(entry, now, now)

    def _seen(self, entry: Entry, ticket: Ticket, seen: Observation, now: float, heard_at: float | None) -> None:
        status = seen.status
        if entry.task.kind is None and seen.kind is not None:
            entry.task = evolve(entry.task, kind=seen.kind)
        planned = entry.born is not None
        if not planned and seen.submitted_at is not None:
            self._aged(entry, seen.submitted_at, now, heard_at)
        if status is None:
            self._standing.unknown_word(entry.account, seen.word)
            self._goes_on(entry, ticket, entry.status, seen.progress, now, heard_at)
            return
        if not status.is_final:
            self._goes_on(entry, ticket, status, seen.progress, now, heard_at)
            return
        is_news = entry.partial is None
        if seen.follow_up is not None:
            entry.partial = seen
            self.ledger.move(entry, Status.RUNNING)
            self._at_once(entry, ticket, now)
        else:
            self._settle(entry, outcome_of(entry, status, seen), now)
        if is_news and entry.account.learned is not None:
            entry.account.heed(entry.account.learned.ended(entry, heard_at, seen, now, planned=planned), entry, now)
            self._tell_learned(entry.account, entry.account.learned, entry.task.kind)

    def _aged(self, entry: Entry, submitted_at: datetime, now: float, heard_at: float | None) -> None:
        """An answer is the first to tell when the task was submitted; the one at `heard_at` said "not yet"."""
        born = entry.account.clock.ours(submitted_at)
        if born is None:
            return
        entry.born = min(now, born)
        if entry.account.learned is not None and heard_at is not None:
            entry.account.learned.aged(entry, heard_at)

    def _tell_learned(self, account: Account, learned: Learned, kind: str | None) -> None:
        told = learned.to_tell(kind)
        if told is not None:
            self.ledger.say(
                account, ev.ClassLearned(account.name, *told, learned.pressure.times, round(learned.saved.requests))
            )

    def _polled(self, entry: Entry, now: float) -> float | None:
        """An answer about the task is here; when the one before it was."""
        heard_at = entry.answered_at
        self.ledger.polls += 1
        entry.polls += 1
        entry.answered_at = entry.polled_at = now
        failed = entry.misses > 0 or entry.stale
        if entry.retried is not failed:
            entry.retried = failed
        entry.misses = 0
        entry.split = 0
        if failed:
            entry.stale = False
        return heard_at

    def _goes_on(
        self,
        entry: Entry,
        ticket: Ticket,
        status: Status,
        progress: float | None,
        now: float,
        heard_at: float | None,
    ) -> None:
        """The task has not ended; the answer before came at `heard_at`."""
        entry.unknowns = 0
        before = entry.status
        if status is not entry.status or progress != entry.progress or entry.problem is not None:
            self.ledger.move(entry, status)
            entry.progress, entry.problem = progress, None
            self.ledger.say(entry, ev.TaskChanged(entry.update()))
        learned, news, began = entry.account.learned, News.NONE, False
        if learned is None:
            at = entry.account.cadence.next(entry.task.id, entry.polls, now)
        else:
            began = heard_at is not None and before is Status.PENDING and status is Status.RUNNING
            at, news = learned.next(entry, heard_at, now, began=began)
        told_when = False
        if ticket.poll_after is not None:  # it can only slow us down
            patient = now + min(ticket.poll_after, LONGEST_PAUSE)
            told_when, at = patient > at, max(at, patient)
        if entry.told_when is not told_when:
            entry.told_when = told_when
        self._again(entry, ticket, at, now)
        if news or began:
            entry.account.heed(news, entry, now)

    def _unknown(self, entry: Entry, ticket: Ticket, failure: Failure | None, now: float) -> None:
        entry.unknowns += 1
        entry.misses = 0
        if entry.unknowns >= UNKNOWN_STREAK and now - entry.tracked_at >= self.unknown_grace:
            outcome = Outcome(entry.task, Status.EXPIRED, failure=failure, reason="unknown", polls=entry.polls)
            self._settle(entry, outcome, now)
            return
        self._again(entry, ticket, entry.account.cadence.next(entry.task.id, entry.unknowns, now), now)

    def _missed_poll(self, entry: Entry, ticket: Ticket, reading: Missed, now: float) -> None:
        entry.urgent = entry.urgent or _is_probe(ticket)  # a hiccup decides nothing about a refused account
        if reading.at_once and not entry.stale:
            # The connection had died while it was idle: that is no failure, unless the next one fails, too.
            entry.stale = True
            self._again(entry, ticket, now, now)
            return
        self._note_miss(entry, reading)
        if not reading.throttled:
            entry.account.batching.missed(entry, ticket)
        if reading.bug is not None and entry.misses >= BUG_STREAK:
            self._park(entry, ticket, reading.bug, now)
            return
        self._again(entry, ticket, entry.account.cadence.retry(entry.task.id, entry.misses, now), now)

    def _note_miss(self, entry: Entry, reading: Missed) -> None:
        entry.problem = reading.problem
        entry.misses += 1
        self.ledger.count(reading.problem)
        self.ledger.say(entry, ev.PollMissed(entry.task, reading.problem, entry.misses))
        self.ledger.say(entry, ev.TaskChanged(entry.update()))

    def _again(self, entry: Entry, ticket: Ticket, at: float, now: float) -> None:
        """Ask again at `at`, unless this was the last poll. (A failed last poll is asked again for a short while.)"""
        if _was_last(entry, ticket):
            missed = entry.misses > 0 or entry.stale
            if missed and now < entry.expires_at + LAST_POLL_RETRIES * entry.account.cadence.interval:
                entry.urgent = True
                entry.account.place_last(entry, at)
            else:
                self.expire(entry, now)
            return
        if entry.urgent and not _is_probe(ticket):  # nudged while it was being asked
            at = min(at, now + entry.account.cadence.floor)
        entry.account.place(entry, at, now)

    def _park(self, entry: Entry, ticket: Ticket, error: WanpollError, now: float) -> None:
        """Do not ask about this entry until somebody waits for it again; its deadline stays."""
        entry.parked = True
        entry.problem = error
        self.ledger.problems["broken provider"] += 1
        self.ledger.say(entry, ev.TaskBroken(entry.task, error))
        if _was_last(entry, ticket):
            self.expire(entry, now)
        else:
            entry.account.schedule.set(entry, entry.expires_at)

    def _settle(self, entry: Entry, outcome: Outcome, now: float) -> None:
        """End a task, once: whoever comes second finds its entry dead."""
        account = entry.account
        self.ledger.move(entry, outcome.status)
        self.detach(entry)
        account.reckon(now)
        account.ended[outcome.task.id] = outcome
        while len(account.ended) > account.remember:
            del account.ended[next(iter(account.ended))]
        self.ledger.say(entry, ev.TaskEnded(outcome, now - entry.tracked_at, lag_of(outcome, now, self.epoch)))


def _was_last(entry: Entry, ticket: Ticket) -> bool:
    """Whether the question was asked after the entry's time was over."""
    return ticket.taken_at + RESOLUTION >= entry.expires_at


def _is_probe(ticket: Ticket) -> bool:
    """Whether the question tried an account that is refused."""
    return ticket.account.refused is not None and ticket.era == ticket.account.era
