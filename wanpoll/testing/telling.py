"""What a reading comes to: for comparing two of them, and what of it people may read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from wanpoll._core.model import Media, Task
from wanpoll._core.readings import Answer, Missed, NoSuchTask, NotYet, Observation, Reading, Rejected
from wanpoll.providers.exchange import Request
from wanpoll.providers.rules import KINDS
from wanpoll.testing.samples import Means, holds


def meaning(reading: Reading, task: Task) -> Means | str:
    """What `reading` means for `task`, in the words of samples; a text where it means nothing for it."""
    if isinstance(reading, NotYet):
        return reading.status
    if not isinstance(reading, Answer):
        return type(reading)  # type: ignore[return-value] # checked: it is one of those that are left
    for part in reading.observations:
        if part.task_id == task.id:
            return NoSuchTask if isinstance(part, NoSuchTask) else part.status
    return "nothing about the task"


def gist(reading: Reading, tasks: Sequence[Task], *, documents: bool = True) -> Any:
    """What `reading` says, as a value that can be compared; with the documents that it keeps, or without."""
    if isinstance(reading, NotYet):
        return {tasks[0].id: (reading.status, None)}
    if isinstance(reading, Missed):
        return Missed, type(reading.problem), str(reading.problem), reading.throttled, reading.spent
    if isinstance(reading, Answer):
        return {part.task_id: _part(part, documents) for part in reading.observations}
    return reading


def _part(part: Observation | NoSuchTask, documents: bool) -> Any:
    if isinstance(part, NoSuchTask):
        return part
    if part.status is None:
        return part.word
    if not part.status.is_final:
        return part.status, part.progress
    times = (part.submitted_at, part.started_at, part.finished_at)
    kept = (part.usage, part.raw) if documents else ()
    return part.status, part.media, part.failure, part.follow_up, times, kept


def is_end(reading: Reading) -> bool:
    """Whether `reading` ends a task."""
    return isinstance(reading, Answer) and any(map(_is_final, reading.observations))


def leads_to_an_end(reading: Reading) -> bool:
    """Whether `reading` ends a task, or would after a streak: "no such task", or a question that is wrong."""
    missing = isinstance(reading, Answer) and any(isinstance(part, NoSuchTask) for part in reading.observations)
    return missing or is_end(reading) or isinstance(reading, Rejected)


def _is_final(part: Observation | NoSuchTask) -> bool:
    return isinstance(part, Observation) and part.status is not None and part.status.is_final


def shown(reading: Reading) -> str:
    """Everything in `reading` that people may come to read."""
    if isinstance(reading, Missed):
        return f"{reading!r} {reading.problem} {reading.spent}"
    if isinstance(reading, Answer):
        return " ".join(text for part in reading.observations for text in _texts(part))
    return repr(reading)


def _texts(part: Observation | NoSuchTask) -> Iterator[str]:
    yield repr(part)
    yield str(part.failure)
    if isinstance(part, Observation):
        yield part.word
        yield repr(part.media)


# -- what must be true of any reading ----------------------------------------------------------------------------------


def check_form(reading: Reading, tasks: Sequence[Task], document: Any) -> None:
    """Raise `AssertionError` where `reading` of `document` cannot be the truth."""
    asked = {task.id for task in tasks}
    for part in reading.observations if isinstance(reading, Answer) else ():
        holds(type(part.task_id) is str, f"the id of a task is text, not {part.task_id!r}")
        holds(part.task_id in asked, f"{part.task_id!r} was not asked about")
        if isinstance(part, Observation):
            _check_seen(part, document)


def _check_seen(part: Observation, document: Any) -> None:
    holds(part.progress is None or 0 <= part.progress <= 1, f"progress is {part.progress!r}, not 0 to 1 or None")
    for moment in (part.submitted_at, part.started_at, part.finished_at):
        aware = isinstance(moment, datetime) and moment.utcoffset() is not None
        holds(moment is None or aware, f"{moment!r} is no aware time, nor None")
    for media in part.media:
        check_media(media, document)


def check_media(media: Media, document: Any) -> None:
    """Raise `AssertionError` where a link of `media` is not one of `document`, to the letter."""
    links = set(strings(document))
    holds(media.kind in KINDS, f"media are of a kind among {', '.join(KINDS)}, not {media.kind!r}")
    for url in (media.url, media.backup_url):
        holds(url is None or url in links, f"{url!r} does not stand in the answer")


def strings(document: Any) -> Iterator[str]:
    """All texts that are values in `document`, those in JSON that is itself a text included."""
    if isinstance(document, str):
        yield document
        if document[:1] in ("{", "["):
            try:
                yield from strings(json.loads(document))
            except (ValueError, RecursionError):
                return
    elif isinstance(document, bytes):
        yield from strings(document.decode("utf-8", "replace"))
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from strings(each)


def named(request: Request) -> list[str]:
    """All values in which `request` can name a task, decoded: of its path, its query and its body."""
    parts = urlsplit(request.url)
    values = [unquote(segment) for segment in parts.path.split("/")]
    values += [value for _, value in parse_qsl(parts.query)]
    if request.body is not None:
        values += strings(request.body) if request.body[:1] in (b"{", b"[") else _form(request.body)
    return [each for value in values for each in (value.split(",") if "," in value else [value])]


def _form(body: bytes) -> list[str]:
    return [value for _, value in parse_qsl(body.decode("utf-8", "replace"))]
