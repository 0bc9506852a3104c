"""Decoders as data: which code means what, and where the media are.

Each provider has its own tables, because the same word means different things at different providers ("UNKNOWN" is
"no such task" at one and "not started" at another).
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

from attrs import Factory, field, frozen

from wanpoll._core.model import Failure, Media
from wanpoll.providers.wire import link_expiry


class Verdict(enum.Enum):
    """What an error answer says about the question."""

    RETRY = "ask again later"
    SLOW_DOWN = "the account asks too often"
    MAYBE_SPENT = "the account asks too often, or a paid quota is used up"
    REFUSED = "the account is refused"
    REJECTED = "this question is wrong and stays wrong"


@frozen
class ErrorRule:
    """`verdict` holds where the HTTP status is among `http` (any, when empty) and the code matches one of `codes`.

    Codes are shell patterns ("Throttling*"); no codes match any.
    """

    verdict: Verdict
    codes: tuple[str, ...] = ()
    http: Container[int] = ()

    def matches(self, http: int, code: str) -> bool:
        """Whether the rule speaks about this answer."""
        if self.http and http not in self.http:
            return False
        return not self.codes or any(fnmatchcase(code, pattern) for pattern in self.codes)


def classify(rules: Sequence[ErrorRule], http: int, code: str) -> Verdict:
    """The verdict of the first rule that matches. What no rule knows is asked again: a hiccup is never a verdict."""
    return next((rule.verdict for rule in rules if rule.matches(http, code)), Verdict.RETRY)


@frozen
class MediaPath:
    """Where links of one `kind` stand in an answer: "output.results[].url", where [] goes through a list.

    Beside a missing link, a `code` (and `message`) tells why that one result failed.
    """

    path: str
    kind: str
    _steps: tuple[tuple[str, bool], ...] = field(
        init=False, repr=False, default=Factory(lambda self: _parsed(self.path), takes_self=True)
    )

    def read(self, document: Any, first_seen: float) -> Iterator[Media]:
        """The media at this path of `document`, in order; what has another shape is passed over."""
        return (media for _, media in self.places(document, first_seen))

    def places(self, document: Any, first_seen: float) -> Iterator[tuple[int, Media]]:
        """What `read` gives, each with a mark of the object that it stands in."""
        *way, (last, _) = self._steps
        for parent in _walk(document, way):
            url = parent.get(last)
            if is_link(url):
                yield id(parent), Media(url, self.kind, expires_at=link_expiry(url, first_seen))
            elif isinstance(code := parent.get("code"), str) and way and way[-1][1]:
                message = parent.get("message")
                failure = Failure(code, message if isinstance(message, str) else "")
                yield id(parent), Media(None, self.kind, failure=failure)


def read_media(paths: Sequence[MediaPath], document: Any, first_seen: float) -> tuple[Media, ...]:
    """All media of `document`, each link once. Links stand at the listed paths only: inputs are echoed elsewhere.

    Where paths go through one list, a failed result of it belongs to the path that found links there.
    """
    found: dict[str | int, Media] = {}
    read = [tuple(path.places(document, first_seen)) for path in paths]
    linked = {place for places in read for place, media in places if media.url}
    for places in sorted(read, key=lambda places: not any(media.url for _, media in places)):
        for place, media in places:
            if media.url or place not in linked:
                found.setdefault(media.url or place, media)
    return tuple(found.values())


def is_link(value: Any) -> TypeGuard[str]:
    """Whether `value` is the text of a web link."""
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _parsed(path: str) -> tuple[tuple[str, bool], ...]:
    """The names on the way, and whether each goes through a list."""
    return tuple((step.removesuffix("[]"), step.endswith("[]")) for step in path.split("."))


def _walk(value: Any, way: Sequence[tuple[str, bool]]) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    if not way:
        yield value
        return
    (name, many), *rest = way
    below = value.get(name)
    for child in (below if isinstance(below, list) else ()) if many else (below,):
        yield from _walk(child, rest)
