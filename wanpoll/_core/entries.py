"""The live records of the core. Others hold them as keys, and read `task`."""

from __future__ import annotations

import enum
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from wanpoll._core.model import Outcome, Status, Task, Update
from wanpoll._core.readings import Observation
from wanpoll.exceptions import WanpollError

if TYPE_CHECKING:
    from wanpoll._core.account import Account


class Purpose(enum.Enum):
    """What a question is for."""

    POLL = "poll"
    REST = "rest"
    """The second request, without which a result is not complete."""
    CANCEL = "cancel"
    REFRESH = "refresh"
    SCAN = "scan"
    """A page of the list of the account's tasks: about none of them in particular."""


_POLL, _REST = Purpose.POLL, Purpose.REST  # looked up once: a member of an enum costs as much as a call


class _Mark:
    """A flag of an entry that is seldom set: one bit of its `marks`, since a slot for each would take 8 bytes."""

    def __init__(self, bit: int) -> None:
        self._bit = 1 << bit

    def __get__(self, entry: Entry, _: type[Entry]) -> bool:
        return entry.marks & self._bit > 0

    def __set__(self, entry: Entry, value: bool) -> None:
        entry.marks = entry.marks | self._bit if value else entry.marks & ~self._bit


class Entry:
    """One followed task. (Plain slots and shared floats: a hundred thousand of these wait at once.)"""

    stale = _Mark(0)
    """Its last question met a dead connection."""
    parked = _Mark(1)
    """Not asked until somebody waits for it again: its provider class raised."""
    retried = _Mark(2)
    """Its last answer came after a question that failed."""
    scout = _Mark(3)
    """Asked more often than it pays, to notice when tasks have become quicker."""
    overtaken = _Mark(4)
    """An answer said PENDING after a younger one had begun."""
    listed_end = _Mark(5)
    """The list of tasks said that it has ended."""
    called_off = _Mark(6)
    """The provider was asked to cancel it."""
    nudged = _Mark(7)
    """Somebody said that it had changed: when it is asked about is not by the schedule any more."""
    told_when = _Mark(8)
    """The server said how long to leave it alone."""
    delayed = _Mark(9)
    """Its last question left late: the account may not have been asked for a while, or the machine slept."""

    __slots__ = (
        "account",
        "alive",
        "answered_at",
        "begun",
        "born",
        "due_at",
        "expires_at",
        "marks",
        "misses",
        "partial",
        "polled_at",
        "polls",
        "problem",
        "progress",
        "queue",
        "slot",
        "split",
        "status",
        "task",
        "ticket",
        "tracked_at",
        "unknowns",
        "urgent",
    )

    def __init__(self, account: Account, task: Task, tracked_at: float, expires_at: float) -> None:
        self.account = account
        self.task = task
        self.tracked_at = tracked_at
        self.expires_at = expires_at
        self.due_at = tracked_at
        self.answered_at: float | None = None
        self.polled_at: float | None = None  # when an answer came to a question about it, not by the list of tasks
        self.slot: tuple[float, int, Any] | None = None
        self.queue: deque[Job] | None = None
        self.ticket: Ticket | None = None
        self.alive = True
        self.marks = 0
        self.urgent = False
        self.status = Status.PENDING
        self.progress: float | None = None
        self.problem: WanpollError | None = None
        self.polls = 0
        self.misses = 0
        self.unknowns = 0
        self.born: float | None = None  # when it was submitted, where that is known
        self.begun: float | None = None  # when it began to run, where PENDING was seen before
        self.split = 0  # how often the batches that it may join are halved, because one with it failed
        self.partial: Observation | None = None  # its end, as long as the rest of the result has to be asked for

    @property
    def is_planned(self) -> bool:
        """Whether the schedule alone says when it is asked about next."""
        waits = self.slot is not None and self.queue is None and self.ticket is None
        return waits and not (self.parked or self.misses or self.told_when) and self.partial is None

    @property
    def is_listed(self) -> bool:
        """Whether the list of tasks was the last to say that it goes on."""
        return self.answered_at != self.polled_at

    def update(self) -> Update:
        """What is known of the task now."""
        return Update(self.task, self.status, self.progress, self.problem, self.polls)


class Call:
    """Something to ask of the provider beside polls: to cancel a task, or for fresh links to what `outcome` has."""

    __slots__ = (
        "account",
        "due_at",
        "expires_at",
        "misses",
        "outcome",
        "purpose",
        "queue",
        "slot",
        "task",
        "ticket",
        "urgent",
    )

    def __init__(self, account: Account, task: Task, purpose: Purpose, outcome: Outcome | None = None) -> None:
        self.account = account
        self.task = task
        self.purpose = purpose
        self.outcome = outcome
        self.due_at = 0.0
        self.expires_at = float("inf")
        self.slot: tuple[float, int, Any] | None = None
        self.queue: deque[Job] | None = None
        self.ticket: Ticket | None = None
        self.urgent = True
        self.misses = 0

    @property
    def subject(self) -> Outcome | None:
        """What it is about beside the task."""
        return self.outcome


@frozen
class PageOf:
    """Which page of the list of an account's tasks: the `number`-th (from 1) of those submitted `since` then."""

    since: datetime
    number: int


class Page:
    """The question for a page of the list of an account's tasks: one record, asked again and again."""

    __slots__ = ("account", "due_at", "expires_at", "queue", "slot", "subject", "ticket", "urgent")

    purpose = Purpose.SCAN

    def __init__(self, account: Account) -> None:
        self.account = account
        self.subject: PageOf | None = None
        self.due_at = 0.0
        self.expires_at = float("inf")
        self.slot: tuple[float, int, Any] | None = None
        self.queue: deque[Job] | None = None
        self.ticket: Ticket | None = None
        self.urgent = True


Job: TypeAlias = Entry | Call | Page


class Ticket:
    """The right to ask one question about `tasks`, and its receipt: for a poll of entries, for one call, or for a page.

    `subject` is what the question is about beside the task: what was seen of it, how it had ended, or which page.
    """

    __slots__ = (
        "account",
        "deadline",
        "era",
        "jobs",
        "poll_after",
        "purpose",
        "subject",
        "taken_at",
        "tasks",
        "thorough",
    )

    def __init__(self, account: Account, jobs: tuple[Job, ...], now: float) -> None:
        self.account = account
        self.jobs = jobs
        self.era = account.era
        self.taken_at = now
        self.deadline = now + account.poll_timeout
        self.poll_after: float | None = None  # what the server asked for in its answer
        self.thorough = False  # the answer is to be read in full: nobody knows yet when the task was submitted
        self.purpose = _POLL
        self.subject: Observation | Outcome | PageOf | None = None
        self.tasks: tuple[Task, ...]
        job = jobs[0]
        if not isinstance(job, Entry):
            self.purpose, self.subject = job.purpose, job.subject
        elif job.partial is not None:
            self.purpose, self.subject = _REST, job.partial
        if len(jobs) == 1:
            self.tasks = () if isinstance(job, Page) else (job.task,)
        else:
            self.tasks = tuple([each.task for each in jobs if isinstance(each, Entry)])
