"""One account: its tasks, which of them are due, and how many questions may be under way.

A task is in one of four places: in the *schedule* (keyed on its next poll), in a *queue* (due, and waiting for the
quota; its slot in the schedule is its deadline meanwhile), *in flight*, or *parked* (its provider class raised).
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict, deque
from typing import Any

from wanpoll._core.batch import Batching, batch_of
from wanpoll._core.budget import Budget
from wanpoll._core.cadence import Cadence
from wanpoll._core.clock import Clock
from wanpoll._core.entries import Call, Entry, Job, Page, Ticket
from wanpoll._core.learned import Learned
from wanpoll._core.model import Outcome, Rate
from wanpoll._core.placement import FAST
from wanpoll._core.planning import Planning
from wanpoll._core.regime import News
from wanpoll._core.scan import Scan
from wanpoll._core.schedule import RESOLUTION, Schedule
from wanpoll.exceptions import ProviderRefused

URGENT_RUN = 3
"""How many urgent questions (nudges, last polls, calls) go before one that is not."""

GUARD_AFTER = 1.0
"""Seconds that a due task waits for its turn until its deadline is scheduled."""

FIXED = "fixed"
"""The schedule that asks at the advised interval."""

_PROMOTED_AT_ONCE = 1000
_TOLD_BY = 3  # answers that may tell the age of a task; a provider that has not by then never does
_BREATH = 2 * RESOLUTION
_PRUNE_FROM = 1000


class Account:
    """The tasks, the queues and the budget of one account at one provider."""

    def __init__(
        self,
        name: str,
        *,
        quota: Rate,
        interval: float,
        schedule: str,
        max_in_flight: int,
        max_batch: int,
        poll_timeout: float,
        remember: int,
        scan: bool = False,
    ) -> None:
        self.name = name
        self.budget = Budget(quota)
        self.cadence = Cadence(interval)
        self.clock = Clock()
        self.learned = None if schedule == FIXED else Learned(self.cadence, schedule, self.clock)
        self.planning = None if self.learned is None else Planning(self, self.learned)
        self.scan = Scan(self, self.cadence, fast=schedule == FAST) if scan else None
        self.max_in_flight = max_in_flight
        self.max_batch = max_batch
        self.batching = Batching(max_batch)
        self.poll_timeout = poll_timeout
        self.remember = remember
        self.tasks: dict[str, Entry] = {}
        self.ended: dict[str, Outcome] = {}
        self.schedule: Schedule[Job] = Schedule()
        self.due: deque[Job] = deque()
        self.urgent: deque[Job] = deque()
        self._unguarded: deque[tuple[float, Job]] = deque()  # since when they wait, without a deadline in the schedule
        # Oldest first. (A dict would look through all that have left, to find the first after a burst.)
        self.in_flight: OrderedDict[Ticket, None] = OrderedDict()
        self.ghosts: dict[str, Ticket] = {}  # questions under way about tasks that were forgotten
        self._urgent_run = 0  # urgent questions since the last one that was not
        self.requests = 0
        self.refused: ProviderRefused | None = None
        self._patient_until = -math.inf
        self.era = 0  # counts refusals: an answer to a question of an older era is old news
        self.spent_since: float | None = None
        self.failures = 0  # questions that failed since the last one that was answered
        self.words: set[str] = set()  # status words that were not understood
        self.slot: tuple[float, int, Any] | None = None  # in the machine's agenda

    @property
    def pressure(self) -> float:
        """How many times dearer the quota makes a request."""
        return 1.0 if self.learned is None else self.learned.pressure.times

    @property
    def saved(self) -> int:
        """Requests that were not made, though at the advised interval they would have been."""
        return 0 if self.learned is None else round(self.learned.saved.requests)

    def begin_at(self, epoch: float | None) -> None:
        """`epoch` is the Unix time at which `now` is 0."""
        self.clock.epoch = epoch

    def begin(self, entry: Entry, age: float | None, now: float) -> None:
        """Have a new entry asked, but not while a question about a forgotten one of its id is under way."""
        entry.born = None if age is None else now - max(0.0, age)
        if self.planning is None:
            due_at = self.cadence.first(entry.task.id, now, age)
        else:
            due_at = self.planning.begin(entry, now)
        if self.scan is not None:
            self.scan.look_soon(now)
        entry.ticket = self.ghosts.get(entry.task.id)
        if entry.ticket is None:
            self.place(entry, due_at, now)
        else:
            self.schedule.set(entry, entry.expires_at)

    def heed(self, news: News, entry: Entry, now: float) -> None:
        """Ask about others sooner, since `entry` has begun or has ended, or an answer about it was not expected."""
        if self.planning is not None:
            self.planning.heed(news, entry, now)

    def reckon(self, now: float) -> None:
        """There are more tasks to ask about, or fewer, or the account may ask more, or less: how dear are requests?"""
        if self.planning is not None:
            self.planning.reckon(now)

    def place(self, job: Job, due_at: float, now: float) -> None:
        """Have `job` asked at `due_at`, or as soon after as the quota permits. One that waits keeps its place."""
        if job.queue is not None and due_at <= now + RESOLUTION:
            self._queue(job)
            return
        job.due_at = due_at
        if due_at <= now + RESOLUTION:
            self.schedule.remove(job)
            self._wait_turn(job, now)
        else:
            job.queue = None
            self.schedule.set(job, min(due_at, job.expires_at))

    def place_last(self, entry: Entry, due_at: float) -> None:
        """Have the last poll of an entry asked again at `due_at`, though its deadline is over."""
        entry.due_at = due_at
        entry.queue = None
        self.schedule.set(entry, due_at)

    def enqueue(self, job: Job, deadline: float) -> None:
        """Put `job` among the due. Its slot in the schedule is its `deadline` from now on."""
        self._queue(job)
        if deadline == float("inf"):
            self.schedule.remove(job)
        else:
            self.schedule.set(job, deadline)

    def withdraw(self, job: Job) -> None:
        """Take `job` out of schedule and queues."""
        self.schedule.remove(job)
        job.queue = None

    def promote(self, now: float) -> list[Entry]:
        """Move what is due at `now` into the queues; the entries whose deadline has come instead."""
        over: list[Entry] = []
        if self.planning is not None:
            self.planning.go_on(now)
        for job in self.schedule.pop_due(now, _PROMOTED_AT_ONCE):
            if job.expires_at <= now + RESOLUTION and isinstance(job, Entry):
                over.append(job)
            elif not isinstance(job, Page) or (self.scan is not None and self.scan.begin(now)):
                self._wait_turn(job, now)
        return over

    def take(self, now: float) -> Ticket | None:
        """The next question to ask, if there is one and the quota and the number under way permit it."""
        if not self._may_ask() or now + RESOLUTION < self._patient_until or not self.budget.take(now):
            return None
        queue = self._turn()
        job = queue.popleft() if queue is self.urgent or self.planning is None else self.planning.dearest(now)
        self.withdraw(job)
        jobs = (job,) if self.max_batch == 1 else batch_of(job, self, now)
        ticket = Ticket(self, jobs, now)
        if self.planning is not None and not isinstance(job, Call):
            self.planning.leaves(jobs, now)
        if self.learned is not None or self.scan is not None:
            ticket.thorough = _may_tell_more(job) or (len(jobs) > 1 and any(map(_may_tell_more, jobs)))
        for each in jobs:
            each.urgent = False
            each.ticket = ticket
        self.in_flight[ticket] = None
        self.requests += 1
        return ticket

    def close(self, ticket: Ticket, now: float) -> bool:
        """Note that a question is over; whether it was still under way."""
        if ticket not in self.in_flight:
            return False
        del self.in_flight[ticket]
        self.budget.done(now)
        for job in ticket.jobs:
            job.ticket = None
        for task in ticket.tasks if self.ghosts else ():
            self._lay_ghost(task.id, ticket, now)
        return True

    def _lay_ghost(self, task_id: str, ticket: Ticket, now: float) -> None:
        """A question about a forgotten task is over: the one that was tracked under its id since then can be asked."""
        if self.ghosts.get(task_id) is not ticket:
            return
        del self.ghosts[task_id]
        heir = self.tasks.get(task_id)
        if heir is not None and heir.ticket is ticket:
            heir.ticket = None
            self.place(heir, now, now)

    def overdue(self, now: float) -> list[Ticket]:
        """The questions that should have been answered by now."""
        if not self.in_flight or next(iter(self.in_flight)).deadline > now + RESOLUTION:
            return []
        return list(itertools.takewhile(lambda ticket: ticket.deadline <= now + RESOLUTION, self.in_flight))

    def refuse(self, error: ProviderRefused, now: float) -> None:
        """Stop asking, until somebody tries again: whoever does, not sooner than the floor between two polls."""
        self.refused = error
        self._patient_until = now + self.cadence.floor
        self.era += 1
        self.reckon(now)
        probes = [job for job in self.urgent if job.queue is self.urgent]
        self.urgent.clear()
        for job in probes:
            job.urgent = False
            self._queue(job)

    def next_at(self, now: float) -> float | None:
        """When there is something to do next, or None."""
        self._guard(now)
        times = [now + _BREATH] if self.planning is not None and self.planning.goes_on else []
        scheduled = self.schedule.next_at()
        if scheduled is not None:
            times.append(max(scheduled, now + _BREATH))
        if self._unguarded:
            times.append(self._unguarded[0][0] + GUARD_AFTER)
        if self.in_flight:
            times.append(next(iter(self.in_flight)).deadline)
        if self._may_ask():
            times.append(max(self.budget.next_at(now), self._patient_until))
        return min(times, default=None)

    def oldest_due(self, now: float) -> float:
        """The lag, in seconds, of the poll that is longest overdue."""
        _skip_stale(self.due)
        _skip_stale(self.urgent)
        return max((now - queue[0].due_at for queue in (self.due, self.urgent) if queue), default=0.0)

    def _wait_turn(self, job: Job, now: float) -> None:
        self._queue(job)
        if job.expires_at < now + 2 * GUARD_AFTER:
            self.schedule.set(job, job.expires_at)
        else:
            self._unguarded.append((now, job))

    def _guard(self, now: float) -> None:
        """Give those that wait for their turn their deadline. Most are taken within a moment and need none."""
        unguarded = self._unguarded
        while unguarded:
            since, job = unguarded[0]
            waits = job.queue is not None and job.slot is None
            if waits and now < since + GUARD_AFTER:
                return
            unguarded.popleft()
            if waits:
                self.enqueue(job, job.expires_at)

    def _queue(self, job: Job) -> None:
        queue = self.urgent if job.urgent else self.due
        if job.queue is not queue:
            job.queue = queue
            queue.append(job)
            if len(queue) > max(_PRUNE_FROM, 2 * len(self.tasks)):
                _prune(queue)

    def _turn(self) -> deque[Job]:
        """Whose turn it is: the urgent go first, but do not starve the others."""
        if self.urgent and (self._urgent_run < URGENT_RUN or self.refused is not None or not self.due):
            self._urgent_run += 1
            return self.urgent
        self._urgent_run = 0
        return self.due

    def _may_ask(self) -> bool:
        """Whether a question waits and only the budget could hold it back. A refused account is probed singly."""
        if not (self.due or self.urgent) or len(self.in_flight) >= self.max_in_flight:
            return False
        _skip_stale(self.urgent)
        if self.refused is not None:
            return bool(self.urgent) and not self.in_flight
        return bool(_skip_stale(self.due) or self.urgent)


def _may_tell_more(job: Job) -> bool:
    """Whether the next answer is to be read in full: for the age and the class of a task, or not at all."""
    return isinstance(job, Entry) and (job.polls == 0 or (job.born is None and job.polls < _TOLD_BY))


def _prune(queue: deque[Job]) -> None:
    """Drop those that have left, and second places: they pile up while an account cannot ask."""
    live = dict.fromkeys(job for job in queue if job.queue is queue)
    queue.clear()
    queue.extend(live)


def _skip_stale(queue: deque[Job]) -> deque[Job]:
    while queue and queue[0].queue is not queue:
        queue.popleft()
    return queue
