"""What strangers said, fit for people: without secrets, and not longer than anybody reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve

from wanpoll._core.model import Failure, Media
from wanpoll._core.readings import Answer, NoSuchTask, Observation, Reading
from wanpoll._core.redact import Secret

MOST_WORD = 80
"""Characters of a provider's word or code that are shown: those of the documents have fewer than half of these."""

Clean: TypeAlias = Callable[[str], str]


def shortened(text: str, most: int) -> str:
    """The first `most` characters of `text`, and how many there are. Clean it first: half a key is a secret, too."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def cleaned(reading: Reading, clean: Clean) -> Reading:
    """`reading` with all that people come to read of it through `clean`; a word that nobody knows is shortened."""
    if not isinstance(reading, Answer):
        return reading
    return evolve(reading, observations=tuple(_part(each, clean) for each in reading.observations))


def _part(part: Observation | NoSuchTask, clean: Clean) -> Observation | NoSuchTask:
    if isinstance(part, Observation) and part.is_plain:
        return part
    failure = part.failure and _failure(part.failure, clean)
    if isinstance(part, NoSuchTask):
        return evolve(part, failure=failure)
    media = tuple(_media(each, clean) for each in part.media)
    return evolve(part, failure=failure, media=media, word=shortened(clean(part.word), MOST_WORD))


def _media(media: Media, clean: Clean) -> Media:
    failure, file_id = media.failure and _failure(media.failure, clean), media.file_id
    if file_id is not None and clean(file_id) != file_id:
        file_id = Secret(file_id)  # whole for asking by it, and hidden from people
    if failure is None and file_id is media.file_id:
        return media
    return evolve(media, failure=failure, file_id=file_id)


def _failure(failure: Failure, clean: Clean) -> Failure:
    return Failure(clean(failure.code), clean(failure.message))
