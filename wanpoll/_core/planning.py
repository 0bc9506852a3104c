"""What was learned, applied to all tasks of one account: how dear a request is, who is asked sooner, and who first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wanpoll._core.entries import Entry, Job, Page
from wanpoll._core.learned import Learned
from wanpoll._core.placement import LONGEST_SILENCE
from wanpoll._core.regime import News

if TYPE_CHECKING:
    from wanpoll._core.account import Account

FIRST_COME = 4
"""Of the due, every so manyth question is for the one that waits longest: none waits for more than so many rounds."""

_AT_ONCE = 1000  # tasks that are planned anew in one turn
_HEEDED = 1000  # tasks at the most: an account with more has others to learn from
_LOOKED_AT = 8  # of those that are due
_GOLDEN = 2_654_435_769  # 2**32 / the golden ratio: multiples of it spread evenly


class Planning:
    """The plans of one account, by what it has `learned`."""

    __slots__ = ("_account", "_nobody", "_plans", "_turns", "learned")

    def __init__(self, account: Account, learned: Learned) -> None:
        self._account = account
        self.learned = learned
        self._plans: Iterator[tuple[Entry, float]] | None = None  # of those whose plan is of no use any more
        self._turns = 0
        self._nobody = Page(account)  # stands in a queue, but is in none

    @property
    def goes_on(self) -> bool:
        """Whether some are still to be planned anew."""
        return self._plans is not None

    def begin(self, entry: Entry, now: float) -> float:
        """When to ask about a new task for the first time."""
        self.reckon(now)
        return self.learned.first(entry, now)

    def heed(self, news: News, entry: Entry, now: float) -> None:
        """Ask about others sooner, since `entry` has begun or has ended, or an answer about it was not expected."""
        account, learned = self._account, self.learned
        head = learned.next_in_line(entry)
        if head is not None:
            self._move_up(head, now, now)
        known = learned.find(entry.task.kind)
        if known is None:
            return
        if news is News.CHANGED and now >= known.planned_at + LONGEST_SILENCE * account.cadence.interval:
            known.planned_at = now  # nearly all are asked by then, and so not by an old plan
            every = list(account.tasks.values())
            self._plans = learned.anew(every if self._plans else (each for each in every if learned.alike(each, entry)))
        elif news is not News.NONE:
            youngest = itertools.islice(reversed(account.tasks.values()), _HEEDED)
            alike = [each for each in youngest if learned.alike(each, entry)]
            for each, at in learned.sooner(news, entry, alike, now):
                self._move_up(each, at, now)

    def go_on(self, now: float) -> None:
        """Plan some of those whose plan is of no use any more. (All of a hundred thousand at once would take long.)"""
        if self._plans is None:
            return
        some = list(itertools.islice(self._plans, _AT_ONCE))
        for entry, at in some:
            self._move_up(entry, max(now, at), now)
        if len(some) < _AT_ONCE:
            self._plans = None

    def reckon(self, now: float) -> None:
        """There are more tasks to ask about, or fewer, or the account may ask more, or less: how dear are requests?"""
        account = self._account
        may_ask = account.refused is None and not account.budget.pauses(now)
        tracked = len(account.tasks) if may_ask else 0
        self.learned.saved.follow(now, tracked, account.budget.allowed(now), account.batching.size(0))
        self._weigh(now)

    def leaves(self, jobs: tuple[Job, ...], now: float) -> None:
        """A question for `jobs` leaves, because the first of them was due."""
        if not self.learned.saved.goes_on:
            self.reckon(now)
        self._weigh(now, late=now - jobs[0].due_at)
        self.learned.saved.spend(now)
        for job in jobs:
            if isinstance(job, Entry):
                job.delayed = now - job.due_at > self._account.cadence.floor

    def dearest(self, now: float) -> Job:
        """Of some that are due, the one for which not asking has cost most; in turns, the one that waits longest."""
        due = self._account.due
        count = len(due)
        self._turns += 1
        if now < due[0].due_at + self._account.cadence.floor or self._turns % FIRST_COME == 0:
            return due.popleft()
        dearest, most = 0, -1.0
        for each in range(min(_LOOKED_AT, count)):
            place = (self._turns * _LOOKED_AT + each) * _GOLDEN % count if each else 0
            job = due[place]
            cost = self.learned.cost(job, now) if job.queue is due and isinstance(job, Entry) else -1.0
            if cost > most:
                dearest, most = place, cost
        job, due[dearest] = due[dearest], self._nobody  # its place is taken by nobody: it comes back as the last
        return job

    def _weigh(self, now: float, late: float | None = None) -> None:
        """Reckon how dear requests are; a question leaves so `late`, if one does."""
        account = self._account
        tracked, allowed = len(account.tasks), account.budget.allowed(now)
        if account.scan is not None:
            tracked = max(0, tracked - account.scan.covered)
        if account.max_batch > 1:
            allowed *= account.batching.size(0)
        if self.learned.pressure.asked(late, tracked, allowed):
            self._plans = self.learned.anew(list(account.tasks.values()))

    def _move_up(self, entry: Entry, at: float, now: float) -> None:
        """Have a task that is planned asked sooner, but not within the floor of its last answer."""
        if entry.answered_at is not None:
            at = max(at, entry.answered_at + self._account.cadence.floor)
        if entry.is_planned and at < entry.due_at and not entry.is_listed:
            self._account.place(entry, at, now)
