"""Who is asked about together, where one question may name many tasks.

A batch is formed when it is taken: the task whose turn it is, others that wait for theirs, then those that are due
soon. They cost nothing more, and the fuller the batches, the fewer there are.

A batch that fails may fail because of one of its tasks. So those that failed together are asked about in halves, then
in quarters, until the healthy ones are answered and the poisoned one is alone; they never take healthy ones along. An
outage, in which everything fails, splits nothing. It is told from batches that all fail by asking about one task alone.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from wanpoll._core.entries import Entry, Job

if TYPE_CHECKING:
    from wanpoll._core.account import Account
    from wanpoll._core.entries import Ticket

ALONE = 63
"""The `split` of an entry that shares its question with none."""

OUTAGE = 3
"""How many questions of an account must fail in a row until batches are not blamed any more."""

_SOON = 0.5  # of an interval
_SEARCH = 4  # batches' worth of a queue that is looked through


class Batching:
    """How many ids a question may name, by what became of the last ones.

    If batches fail while a task that is asked about alone is answered, it is no outage: ask singly then, and try pairs,
    fours and so on again as others are answered.
    """

    __slots__ = ("_halvings", "_most", "_probe", "_singles", "_up_since")

    def __init__(self, most: int) -> None:
        self._most = most
        self._halvings = 0
        self._probe: Entry | None = None  # asked alone, to tell an outage from batches that fail
        self._up_since = math.inf  # when a probe was asked that was answered, and no batch since
        self._singles = 0  # answered since the last change

    def size(self, split: int) -> int:
        """How many ids a question may name with one that is at `split`."""
        return max(1, self._most >> max(split, self._halvings))

    def missed(self, entry: Entry, ticket: Ticket) -> None:
        """A question about `entry` failed, and it is not known why."""
        probe = self._probe
        if len(ticket.jobs) == 1:
            if probe is entry:
                self._probe, entry.split = None, 0
        elif self._halvings or ticket.taken_at > self._up_since:
            self._halvings, self._singles, self._up_since = self._most.bit_length(), 0, math.inf
        elif entry.account.failures < OUTAGE:
            entry.split = min(entry.split + 1, ALONE)
        elif probe is None or not probe.alive or not probe.split:
            self._probe, entry.split = entry, ALONE

    def answered(self, ticket: Ticket) -> None:
        """A question was answered, whatever the answer says."""
        if len(ticket.jobs) > 1:
            self._halvings, self._up_since = max(0, self._halvings - 1), math.inf
        elif self._probe is ticket.jobs[0]:
            self._probe, self._up_since = None, ticket.taken_at
        elif self._halvings:
            self._singles += 1
            if self._singles >= self._most:
                self._halvings, self._singles = self._halvings - 1, 0


def batch_of(head: Job, account: Account, now: float) -> tuple[Job, ...]:
    """The jobs of one question: `head`, and those that go along. All are taken out of queues and schedule."""
    if not isinstance(head, Entry) or head.partial is not None or account.refused is not None:
        return (head,)
    most = account.batching.size(head.split)
    jobs: list[Job] = [head]
    for queue in (account.urgent, account.due):
        jobs += _from_queue(account, queue, head.split, most - len(jobs))
    if len(jobs) < most:
        until = now + _SOON * account.cadence.interval
        jobs += account.schedule.pop_some(until, most - len(jobs), lambda job: _goes_along(job, head, now))
    return tuple(jobs)


def _from_queue(account: Account, queue: deque[Job], split: int, most: int) -> list[Job]:
    taken: list[Job] = []
    left: list[Job] = []
    while queue and len(taken) < most and len(left) < _SEARCH * most:
        job = queue.popleft()
        if job.queue is not queue:
            continue  # it has left
        if isinstance(job, Entry) and job.partial is None and job.split == split:
            account.withdraw(job)
            taken.append(job)
        else:
            left.append(job)
    queue.extendleft(reversed(left))
    return taken


def _goes_along(job: Job, head: Entry, now: float) -> bool:
    """Whether a scheduled job may be asked about sooner than planned: the healthy with the healthy, else its like."""
    if not isinstance(job, Entry) or job.queue is not None or job.parked or job.partial is not None:
        return False
    if job.ticket is not None:  # that of a forgotten namesake
        return False
    if job.unknowns or job.split != head.split or (job.misses > 0) != (head.misses > 0) or job.expires_at <= now:
        return False
    return job.answered_at is None or now >= job.answered_at + job.account.cadence.floor
