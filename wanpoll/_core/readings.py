"""What an answer means, in the words that the core decides by. Providers make these, the machine consumes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from attrs import field, frozen

from wanpoll._core.model import NOTHING, Failure, Media, Status
from wanpoll.exceptions import WanpollError


@frozen
class Observation:
    """What an answer says of one task.

    `status` is None where the provider's `word` is not in its table: the task has not ended then.
    `progress` is 0..1 or None. The rest matters for final states only.
    """

    task_id: str
    status: Status | None
    word: str = ""
    progress: float | None = None
    media: tuple[Media, ...] = ()
    failure: Failure | None = None
    usage: Mapping[str, Any] = NOTHING
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    raw: Mapping[str, Any] = field(default=NOTHING, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether it holds none of the provider's own words."""
        return self.status is not None and self.failure is None and not self.media


@frozen
class NoSuchTask:
    """The provider says that it does not know the task: believed after a streak.

    `failure` is what it said, where it said more than that.
    """

    task_id: str
    failure: Failure | None = None


@frozen
class Answer:
    """The question was answered, about each task named in `observations`. A call that succeeded names none."""

    observations: tuple[Observation | NoSuchTask, ...] = ()


@frozen
class NotYet:
    """The one task that was asked about has not ended, and there is no more to say: what most answers come to.

    `NOT_YET` has the two of them, so that none is made for each answer.
    """

    status: Status


NOT_YET: Mapping[Status, NotYet] = {status: NotYet(status) for status in (Status.PENDING, Status.RUNNING)}


@frozen
class Missed:
    """The question failed: ask again, later each time.

    `throttled` slows the whole account, for `retry_after` seconds at least. `spent` is set where the provider's
    words may also mean that a paid quota is used up: believed when nothing else is heard for long.
    `at_once` marks a connection that had died before the question could reach the server. `bug` is set where the
    provider class raised while reading: told to those who wait when it happens again and again.
    """

    problem: WanpollError
    throttled: bool = False
    retry_after: float | None = None
    spent: Failure | None = None
    at_once: bool = False
    bug: WanpollError | None = None


@frozen
class Refused:
    """The provider refuses the account: its key, its rights, its bill."""

    code: str
    message: str = ""


@frozen
class Rejected:
    """The provider says that this question is wrong and stays wrong."""

    failure: Failure


@frozen
class Broken:
    """The provider class itself raised while making the question: nothing was sent."""

    error: WanpollError


CallReading: TypeAlias = Answer | Missed | Refused | Rejected | Broken
"""What the answer to a call (cancel) can mean."""

Reading: TypeAlias = NotYet | CallReading
"""What the answer to a poll can mean."""


def checked(reading: Any) -> Reading:
    """`reading`, if it is one. Raises `TypeError` that says what a provider class gave instead."""
    if isinstance(reading, NotYet):
        if reading.status not in NOT_YET:
            raise TypeError("a NotYet with the status of an end")
        return reading
    return checked_call(reading)


def checked_call(reading: Any) -> CallReading:
    """The same for the answer to a call."""
    if isinstance(reading, Answer):
        for part in reading.observations:
            if type(part) is not Observation or type(part.status) is not Status:
                _check_part(part)
        return reading
    if isinstance(reading, Missed | Refused | Rejected | Broken):
        return reading
    raise TypeError(f"a {type(reading).__name__} instead of a reading")


def _check_part(part: Any) -> None:
    if isinstance(part, Observation):
        if part.status is not None and not isinstance(part.status, Status):
            raise TypeError("an observation whose status is no Status")
    elif not isinstance(part, NoSuchTask):
        raise TypeError(f"a {type(part).__name__} instead of an observation")
