"""The live records of the core. Others hold them as keys, and read `task`."""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

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


_POLL, _REST = Purpose.POLL, Purpose.REST  # looked up once: a member of an enum costs as much as a call


class Entry:
    """One followed task. (Plain slots and shared floats: a hundred thousand of these wait at once.)"""

    __slots__ = (
        "account",
        "alive",
        "answered_at",
        "begun",
        "born",
        "due_at",
        "expires_at",
        "misses",
        "overtaken",
        "parked",
        "partial",
        "polls",
        "problem",
        "progress",
        "queue",
        "scout",
        "slot",
        "split",
        "stale",
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
        self.slot: tuple[float, int, Any] | None = None
        self.queue: deque[Job] | None = None
        self.ticket: Ticket | None = None
        self.alive = True
        self.urgent = False
        self.parked = False
        self.stale = False  # its last question met a dead connection
        self.status = Status.PENDING
        self.progress: float | None = None
        self.problem: WanpollError | None = None
        self.polls = 0
        self.misses = 0
        self.unknowns = 0
        self.born: float | None = None  # when it was submitted, where that is known
        self.begun: float | None = None  # when it began to run, where PENDING was seen before
        self.overtaken = False  # an answer said PENDING after a younger one had begun
        self.scout = False  # asked more often than it pays, to notice when tasks have become quicker
        self.split = 0  # how often the batches that it may join are halved, because one with it failed
        self.partial: Observation | None = None  # its end, as long as the rest of the result has to be asked for

    @property
    def is_planned(self) -> bool:
        """Whether the schedule alone says when it is asked about next."""
        waits = self.slot is not None and self.queue is None and self.ticket is None
        return waits and not self.parked and not self.misses and self.partial is None

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


Job: TypeAlias = Entry | Call


class Ticket:
    """The right to ask one question about `tasks`, and its receipt: for a poll of entries, or for one call.

    `subject` is what the question is about beside the task: what was seen of it, or how it had ended.
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
        self.subject: Observation | Outcome | None = None
        job = jobs[0]
        if isinstance(job, Call):
            self.purpose, self.subject = job.purpose, job.outcome
        elif job.partial is not None:
            self.purpose, self.subject = _REST, job.partial
        self.tasks: tuple[Task, ...] = (jobs[0].task,) if len(jobs) == 1 else tuple([job.task for job in jobs])
