"""What an answer means, in the words that the core decides by. Providers make these, the machine consumes them.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from attrs import field, frozen
from attrs.validators import instance_of, optional

from wanpoll._core.model import NOTHING, Failure, Media, Status
from wanpoll.exceptions import WanpollError


def _seconds(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator. What provider classes make is checked where they make it, so that the blame is theirs."""
    if value is not None and (type(value) not in (int, float) or not 0 <= value < float("inf")):
        raise TypeError(f"{attribute.name}={value!r}: give seconds, or None")


@frozen
class Observation:
    """What an answer says of one task.

    `status` is None where the provider's `word` is not in its table: the task has not ended then.
    `progress` is 0..1 or None. The rest matters for final states only. `usage` and `raw` are the provider's own
    documents, which may hold keys and signed URLs: like `follow_up`, they are left out of the repr.

    `kind` names the class of alike tasks that this one is of (its model, say), where the answer tells.

    `follow_up` is set where the result is complete only after a second request, and holds what that request needs (a
    file's id, an address): the task has not ended until the rest of it is there.
    """

    task_id: str
    status: Status | None
    word: str = ""
    progress: float | None = None
    media: tuple[Media, ...] = ()
    failure: Failure | None = None
    usage: Mapping[str, Any] = field(default=NOTHING, repr=False)
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    kind: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default=NOTHING, repr=False)
    follow_up: str | None = field(default=None, repr=False)

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
    """The question was answered, about each task named in `observations`.

    A task that was asked about with others and is not among them is asked about singly. A call that succeeded names
    none. `poll_after` is the seconds for which the server wants to be left alone about these tasks.
    """

    observations: tuple[Observation | NoSuchTask, ...] = ()
    poll_after: float | None = field(default=None, validator=_seconds)


@frozen
class Listed:
    """A page of the list of an account's tasks: ids, each with its status, None for a word that is not in the table.

    `page` is its number (from 1) and `pages` how many there are, None where the provider does not say.
    """

    rows: tuple[tuple[str, Status | None], ...] = ()
    page: int | None = None
    pages: int | None = None


@frozen
class NotYet:
    """The one task that was asked about has not ended, and there is no more to say: what most answers come to.

    `NOT_YET` has the two of them, so that none is made for each answer. `poll_after` is that of `Answer`.
    """

    status: Status
    poll_after: float | None = field(default=None, validator=_seconds)


NOT_YET: Mapping[Status, NotYet] = {status: NotYet(status) for status in (Status.PENDING, Status.RUNNING)}


@frozen
class Missed:
    """The question failed: ask again, later each time.

    `throttled` slows the whole account, for `retry_after` seconds at least. `spent` is set where the provider's
    words may also mean that a paid quota is used up: believed when nothing else is heard for long.
    `at_once` marks a connection that had died before the question could reach the server. `bug` is set where the
    provider class raised while reading: told to those who wait when it happens again and again.
    """

    problem: WanpollError = field(validator=instance_of(WanpollError))
    throttled: bool = False
    retry_after: float | None = field(default=None, validator=_seconds)
    spent: Failure | None = field(default=None, validator=optional(instance_of(Failure)))
    at_once: bool = False
    bug: WanpollError | None = None


@frozen
class Refused:
    """The provider refuses the account: its key, its rights, its bill."""

    code: str = field(validator=instance_of(str))
    message: str = field(default="", validator=instance_of(str))


@frozen
class Rejected:
    """The provider says that this question is wrong and stays wrong."""

    failure: Failure = field(validator=instance_of(Failure))


@frozen
class Broken:
    """The provider class itself raised while making the question: nothing was sent."""

    error: WanpollError


CallReading: TypeAlias = Answer | Missed | Refused | Rejected | Broken
"""What the answer to anything but a poll of one task can mean."""

Reading: TypeAlias = NotYet | CallReading
"""What the answer to a poll of one task can mean."""

ScanReading: TypeAlias = Listed | Missed | Refused | Rejected | Broken
"""What the answer to the question for a page of the list can mean."""


def checked(reading: Any) -> Reading:
    """`reading`, if it is one. Raises `TypeError` that says what a provider class gave instead."""
    if isinstance(reading, NotYet):
        if reading.status not in NOT_YET:
            raise TypeError("a NotYet with the status of an end")
        return reading
    return checked_answer(reading)


def checked_answer(reading: Any) -> CallReading:
    """The same for anything but a poll of one task."""
    if isinstance(reading, Answer):
        for part in reading.observations:
            if type(part) is not Observation or type(part.status) is not Status:
                _check_part(part)
        return reading
    if isinstance(reading, Missed | Refused | Rejected):
        return reading
    raise TypeError(f"a {type(reading).__name__} instead of a reading")


def checked_scan(reading: Any) -> ScanReading:
    """The same for a page of the list."""
    if isinstance(reading, Listed):
        for task_id, status in reading.rows:
            if type(task_id) is not str or not (status is None or type(status) is Status):
                raise TypeError("a row that is not an id with a Status, or None")
        if any(type(each) is not int for each in (reading.page, reading.pages) if each is not None):
            raise TypeError("pages that are no whole numbers")
        return reading
    if isinstance(reading, Missed | Refused | Rejected):
        return reading
    raise TypeError(f"a {type(reading).__name__} instead of a page of the list")


def _check_part(part: Any) -> None:
    if isinstance(part, Observation):
        if part.status is not None and not isinstance(part.status, Status):
            raise TypeError("an observation whose status is no Status")
    elif not isinstance(part, NoSuchTask):
        raise TypeError(f"a {type(part).__name__} instead of an observation")
