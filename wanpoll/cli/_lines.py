"""An outcome as one line of stdout: for people, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen
from cattrs import Converter

from wanpoll._core.model import Failure, Media, Outcome, Status
from wanpoll.cli._texts import json_line, printable


@frozen
class Line:
    """What `wanpoll wait --json` tells of an outcome; the names and their order are those of the JSON."""

    id: str
    provider: str | None
    status: Status
    ok: bool
    media: tuple[Media, ...]
    failure: Failure | None
    reason: str | None
    usage: Mapping[str, Any]
    submitted_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    polls: int


converter = Converter()
converter.register_unstructure_hook(datetime, datetime.isoformat)


def for_machines(outcome: Outcome) -> str:
    """`outcome` as one line of JSON."""
    line = Line(
        id=outcome.task.id,
        provider=outcome.task.provider,
        status=outcome.status,
        ok=outcome.ok,
        media=outcome.media,
        failure=outcome.failure,
        reason=outcome.reason,
        usage=outcome.usage,
        submitted_at=outcome.submitted_at,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        polls=outcome.polls,
    )
    return json_line(converter.unstructure(line))


def for_people(outcome: Outcome) -> str:
    """`outcome` as words: the id, the status, and the links or the reason."""
    words = [outcome.task.id, str(outcome.status)]
    words += [media.url or f"({media.failure or 'no link'})" for media in outcome.media]
    if why := outcome.failure or outcome.reason:
        words.append(str(why))
    return printable(" ".join(words))
