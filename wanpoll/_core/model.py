"""The values that users see. All are frozen: they cross boundaries, live objects stay home.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from attrs import field, frozen

from wanpoll._core.redact import redact
from wanpoll.exceptions import TaskCanceled, TaskExpired, TaskFailed, UsageError, WanpollError


class _Nothing(dict[str, Any]):
    """An empty dict that stays empty: a default that can be shared, written as JSON, and pickled."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("this mapping is read-only")

    setdefault = update = __ior__ = __setitem__  # type: ignore[assignment]

    def __reduce__(self) -> str:
        return "NOTHING"


NOTHING: Mapping[str, Any] = _Nothing()


class Status(enum.StrEnum):
    """Where a task stands. It ends once, in one of the four final states."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self is not Status.PENDING and self is not Status.RUNNING


@frozen
class Rate:
    """At most `requests` in any window of `per` seconds."""

    requests: int
    per: float = 1.0

    def __attrs_post_init__(self) -> None:
        whole = type(self.requests) is int and self.requests >= 1
        if not whole or type(self.per) not in (int, float) or not 0 < self.per < float("inf"):
            raise UsageError(
                f"Rate(requests={self.requests!r}, per={self.per!r}): give a whole number and seconds, "
                "both above zero and finite"
            )

    @property
    def per_second(self) -> float:
        """Requests per second, on average over the window."""
        return self.requests / self.per


@frozen(weakref_slot=False)
class Task:
    """A remote task: its id, and what is needed to ask about it.

    `provider` names one of the poller's providers (needed with several only). `context` holds what the provider
    needs beside the id. `kind` names a class of alike tasks, a model say: what is learned of durations is kept by
    it. Where it is not given, but an answer names it, an `Outcome` has the task with it. `submitted_at` is an aware
    datetime: with it the first poll comes when an answer is likely, without it the age is unknown and the first
    poll comes at once.
    """

    id: str
    provider: str | None = None
    context: Mapping[str, Any] = field(default=NOTHING, hash=False, repr=False)
    kind: str | None = None
    submitted_at: datetime | None = None


@frozen
class Failure:
    """Why a task, or one result of it, failed: the provider's `code` and `message`."""

    code: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


@frozen
class Media:
    """One result. `url` is None where this result failed (`failure`) or where it has to be asked for.

    `kind` is "video", "image", "audio", "text", "model" or "file". `expires_at` (aware) is when the link dies:
    read from the link itself, else as long after it was first seen as its provider keeps links (24 h, say).
    `backup_url` is a second link to the same thing. `file_id` is the provider's id of the file, where it has one:
    `Poller.refresh` asks for a fresh link by it.
    """

    url: str | None = field(repr=redact)
    kind: str
    expires_at: datetime | None = None
    backup_url: str | None = field(default=None, repr=redact)
    failure: Failure | None = None
    file_id: str | None = None


@frozen
class Update:
    """The last thing known of a task: `progress` is 0..1 or None, `problem` why the last poll was missed, or None."""

    task: Task
    status: Status
    progress: float | None = None
    problem: WanpollError | None = None
    polls: int = 0


_ERRORS = {Status.FAILED: TaskFailed, Status.CANCELED: TaskCanceled, Status.EXPIRED: TaskExpired}


@frozen
class Outcome:
    """How a task ended.

    `reason` is "expired" or "unknown" where `status` is EXPIRED. `failure` is the provider's code and message.
    The three times are aware, or None where the provider does not tell them. `polls` counts the answers read
    about this task. `usage` and `raw` are the provider's own documents; they may hold signed URLs and are left out
    of the repr.
    """

    task: Task
    status: Status
    media: tuple[Media, ...] = ()
    failure: Failure | None = None
    reason: str | None = None
    usage: Mapping[str, Any] = field(default=NOTHING, repr=False, hash=False)
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    polls: int = 0
    raw: Mapping[str, Any] = field(default=NOTHING, repr=False, hash=False)

    @property
    def ok(self) -> bool:
        """Whether the task succeeded."""
        return self.status is Status.SUCCEEDED

    def raise_for_status(self) -> "Outcome":
        """Return this outcome if the task succeeded, else raise `TaskFailed`, `TaskCanceled` or `TaskExpired`."""
        if self.ok:
            return self
        raise _ERRORS[self.status](self)


@frozen
class ClassStatistics:
    """What is known of alike tasks: how many `ends` it comes from, and within how many seconds a part of them ends.

    `price` is the seconds of lag that a request is worth: one that is asked at the advised interval, before the first
    end. The quota is told apart: under `AccountStatistics.pressure` a request is worth so many times as much.
    """

    ends: int
    p10: float
    p50: float
    p90: float
    price: float


@frozen
class AccountStatistics:
    """One account at one moment. Rates are requests per second, lags are seconds.

    Where the schedule learns, `pressure` tells how many times dearer the quota makes a request (1: not at all),
    `saved` how many requests fewer were made than at the advised interval (in batches as large, and as far as the quota
    would have let them), and `classes` what is known of each `Task.kind` ("" for tasks without one).
    """

    provider: str
    tracked: int
    in_flight: int
    requests: int
    request_rate: float
    request_budget: float
    oldest_due: float
    refused: bool
    pressure: float = 1.0
    saved: int = 0
    classes: Mapping[str, ClassStatistics] = NOTHING


@frozen
class Statistics:
    """The poller at one moment.

    `tracked` tasks are followed and have not ended; `by_status` counts them and those that ended since the poller
    was opened. `polls` counts answers about tasks, `requests` what was sent for them. `request_rate` is what was
    sent over the last quota windows, `request_budget` what the quotas allow now, both in requests per second.
    `oldest_due` is the lag in seconds of the poll that is longest overdue. `problems` counts missed polls by kind.
    """

    tracked: int
    by_status: Mapping[Status, int]
    polls: int
    requests: int
    request_rate: float
    request_budget: float
    oldest_due: float
    problems: Mapping[str, int]
    accounts: Mapping[str, AccountStatistics]


def evolve_task(task: Task, **changes: Any) -> Task:
    """A copy of `task` with `changes`."""
    return attrs.evolve(task, **changes)


for _public in (Status, Rate, Task, Failure, Media, Update, Outcome, ClassStatistics, AccountStatistics, Statistics):
    _public.__module__ = "wanpoll"
