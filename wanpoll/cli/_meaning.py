"""What an answer means, in plain words and as JSON, fit to be shown: no query of a link, no key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from attrs import frozen
from cattrs import Converter

from wanpoll._core.model import Failure, Media, Status
from wanpoll._core.redact import redact
from wanpoll.cli._texts import json_line
from wanpoll.providers import (
    Answer,
    Explanation,
    Missed,
    NoSuchTask,
    NotYet,
    Observation,
    Reading,
    Refused,
    Rejected,
)
from wanpoll.providers.cleaning import shortened

_MOST_REASON, _MOST_ID = 500, 256

IN_WORDS = {
    "answer": "an answer",
    "missed": "a missed poll, to be asked again",
    "refused": "the account is refused",
    "rejected": "this question is rejected, which counts as no such task",
}

converter = Converter()
converter.register_unstructure_hook(datetime, datetime.isoformat)


@frozen
class Result:
    """One of the media: of its link, host and path only."""

    kind: str
    link: str | None
    expires_at: datetime | None
    failure: Failure | None

    @classmethod
    def of(cls, media: Media) -> Result:
        """What is shown of `media`."""
        return cls(media.kind, media.url and place(media.url), media.expires_at, media.failure)

    def words(self) -> str:
        """In plain words."""
        ends = f", until {self.expires_at.isoformat()}" if self.expires_at and self.link else ""
        lost = f"without a link ({shortened(str(self.failure or 'no reason given'), _MOST_REASON)})"
        return f"{self.kind} {self.link or lost}{ends}"


@frozen
class Part:
    """What an answer says of one task."""

    id: str | None
    status: Status | None
    word: str
    known: bool
    progress: float | None
    media: tuple[Result, ...]
    failure: Failure | None
    submitted_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    second_request: bool

    @classmethod
    def of(cls, seen: Observation | NoSuchTask) -> Part:
        """What is shown of `seen`."""
        if isinstance(seen, NoSuchTask):
            return cls(redact(seen.task_id), None, "", False, None, (), seen.failure, None, None, None, False)
        return cls(
            id=redact(seen.task_id),
            status=seen.status,
            word=seen.word,
            known=True,
            progress=seen.progress,
            media=tuple(map(Result.of, seen.media)),
            failure=seen.failure,
            submitted_at=seen.submitted_at,
            started_at=seen.started_at,
            finished_at=seen.finished_at,
            second_request=seen.follow_up is not None,
        )

    @classmethod
    def not_yet(cls, status: Status) -> Part:
        """The one task that was asked about has not ended."""
        return cls(None, status, "", True, None, (), None, None, None, None, False)

    def words(self) -> Iterator[str]:
        """In plain words, the state first."""
        yield f"=> {shortened(self.id or 'the task', _MOST_ID)}: {self._state()}"
        yield from (f"   {result.words()}" for result in self.media)
        if self.failure is not None:
            yield f"   because of {shortened(str(self.failure), _MOST_REASON)}"
        times = (("submitted", self.submitted_at), ("started", self.started_at), ("finished", self.finished_at))
        yield from (f"   {name} {moment.isoformat()}" for name, moment in times if moment is not None)

    def _state(self) -> str:
        if not self.known:
            return "no such task"
        if self.status is None:
            return f"not an end, for nobody knows the word {self.word!r}"
        if self.second_request:
            return f"{self.status}, complete after a second request"
        done = "" if self.progress is None else f", {self.progress:.0%} done"
        return f"{self.status}{'' if self.status.is_final else ', not ended'}{done}"


@frozen
class Meaning:
    """What an answer means. `understood` is false where it would be asked again.

    `reading` is "answer", "missed", "refused" or "rejected"; `detail` is what was said beside it.
    """

    provider: str
    http: int
    understood: bool
    reading: str
    detail: str | None
    tasks: tuple[Part, ...]

    @classmethod
    def of(cls, provider: str, http: int, explanation: Explanation) -> Meaning:
        """The meaning of an explanation."""
        reading = explanation.reading
        name, detail = _told(reading)
        return cls(provider, http, not isinstance(reading, Missed), name, detail, _parts(reading))

    def words(self) -> Iterator[str]:
        """In plain words, a line each."""
        if not self.tasks:
            yield f"=> {IN_WORDS[self.reading]}: {self.detail}"
        for part in self.tasks:
            yield from part.words()

    def line(self, notes: Sequence[str]) -> str:
        """With the `notes` that led here, as one line of JSON."""
        document = converter.unstructure(self) | {"notes": list(notes)}
        return json_line(document)


def place(url: str) -> str:
    """Host and path of `url`."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return "(a link that cannot be parsed)"
    return redact(f"{host}{parts.path}")


def _told(reading: Reading) -> tuple[str, str | None]:
    """What kind of reading it is, and what is said beside it."""
    if isinstance(reading, Refused):
        return "refused", str(Failure(reading.code, reading.message))
    if isinstance(reading, Rejected):
        return "rejected", str(reading.failure)
    if isinstance(reading, Missed):
        return "missed", _problem(reading)
    if isinstance(reading, Answer) and not reading.observations:
        return "answer", "it names none of the tasks, so each is asked about singly"
    return "answer", None


def _problem(missed: Missed) -> str:
    pause = "" if missed.retry_after is None else f"; not before {missed.retry_after:g} s"
    return f"{missed.problem}{'; the account slows down' if missed.throttled else ''}{pause}"


def _parts(reading: Reading) -> tuple[Part, ...]:
    if isinstance(reading, NotYet):
        return (Part.not_yet(reading.status),)
    return tuple(map(Part.of, reading.observations)) if isinstance(reading, Answer) else ()
