"""The live records of the core. Others hold them as keys, and read `task`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from wanpoll._core.model import Status, Task, Update
from wanpoll.exceptions import WanpollError

if TYPE_CHECKING:
    from wanpoll._core.account import Account


class Entry:
    """One followed task. (Plain slots and shared floats: a hundred thousand of these wait at once.)"""

    __slots__ = (
        "account",
        "alive",
        "answered_at",
        "due_at",
        "expires_at",
        "misses",
        "parked",
        "polls",
        "problem",
        "progress",
        "queue",
        "slot",
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

    def update(self) -> Update:
        """What is known of the task now."""
        return Update(self.task, self.status, self.progress, self.problem, self.polls)


class Call:
    """Something to ask of the provider beside polls: to cancel a remote task."""

    __slots__ = ("account", "due_at", "expires_at", "misses", "queue", "slot", "task", "ticket", "urgent")

    def __init__(self, account: Account, task: Task) -> None:
        self.account = account
        self.task = task
        self.due_at = 0.0
        self.expires_at = float("inf")
        self.slot: tuple[float, int, Any] | None = None
        self.queue: deque[Job] | None = None
        self.ticket: Ticket | None = None
        self.urgent = True
        self.misses = 0


Job: TypeAlias = Entry | Call


class Ticket:
    """The right to ask one question about `tasks`, and its receipt: for a poll of entries, or for one call."""

    __slots__ = ("account", "deadline", "era", "is_call", "jobs", "taken_at", "tasks")

    def __init__(self, account: Account, jobs: tuple[Job, ...], now: float) -> None:
        self.account = account
        self.jobs = jobs
        self.era = account.era
        self.taken_at = now
        self.deadline = now + account.poll_timeout
        self.is_call = isinstance(jobs[0], Call)
        self.tasks: tuple[Task, ...] = (jobs[0].task,) if len(jobs) == 1 else tuple([job.task for job in jobs])
