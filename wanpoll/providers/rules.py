"""Decoders as data: which code means what, and where the media are.

Each provider has its own tables, because the same word means different things at different providers ("UNKNOWN" is
"no such task" at one and "not started" at another).

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

import enum
import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

from attrs import Attribute, Factory, field, frozen

from wanpoll._core.model import Failure, Media
from wanpoll._core.redact import redact
from wanpoll.exceptions import UsageError
from wanpoll.providers.wire import link_expiry

KINDS = ("video", "image", "audio", "text", "model", "file")
"""What a result can be."""

_LINK = re.compile(r"https?://[^\s/?#:@\\]", re.IGNORECASE | re.ASCII)
_PATH = re.compile(r"[^\s.\[\]]+(\[\])?(\.[^\s.\[\]]+(\[\])?)*")

Check = Callable[[Any, "Attribute[Any]", Any], None]


def must(test: Callable[[Any], bool], hint: str) -> Check:
    """An attrs validator: `UsageError`, which names the argument and gives the `hint`, unless `test` holds."""

    def check(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if not test(value):
            raise UsageError(f"{attribute.name}={redact(f'{value!r:.80}')}: {hint}")

    return check


def _are_codes(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(each, str) for each in value)


def _are_statuses(value: Any) -> bool:
    if isinstance(value, range):
        return not value or all(100 <= each <= 599 for each in (value[0], value[-1]))
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Container):
        return False
    return not isinstance(value, Collection) or all(type(each) is int and 100 <= each <= 599 for each in value)


def _is_key(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


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

    Codes are shell patterns ("Throttling*"); no codes match any. A rule that rejects the question never holds for
    HTTP 401, 402, 403, 408, 425, 429 and from 500 on: these tell of the account and the server, never of a task.
    Raises `UsageError`, which names the argument.
    """

    verdict: Verdict = field(
        validator=must(lambda value: isinstance(value, Verdict), "give a Verdict, as in Verdict.REFUSED")
    )
    codes: tuple[str, ...] = field(
        default=(), validator=must(_are_codes, "give a tuple of texts, as in ('Arrear*',) with its comma")
    )
    http: Container[int] = field(
        default=(), validator=must(_are_statuses, "give a tuple of HTTP statuses, as in (401,) with its comma")
    )

    def matches(self, http: int, code: str) -> bool:
        """Whether the rule speaks about this answer."""
        if self.http and http not in self.http:
            return False
        if self.verdict is Verdict.REJECTED and not may_tell_of_task(http):
            return False
        return not self.codes or any(fnmatchcase(code, pattern) for pattern in self.codes)

    def __str__(self) -> str:
        among = " ".join(map(str, self.http)) if isinstance(self.http, tuple) else self.http
        http = f" of HTTP {among}" if self.http else ""
        return f"{' '.join(self.codes) or 'any code'}{http}"


def may_tell_of_task(http: int) -> bool:
    """Whether an answer with this HTTP status may say something of a task, and not of the account or the server."""
    return http not in (401, 402, 403, 408, 425, 429) and http < 500


NO_RULE = ErrorRule(Verdict.RETRY)
"""What no rule knows is asked again: a hiccup is never a verdict."""


def classify(rules: Sequence[ErrorRule], http: int, code: str) -> ErrorRule:
    """The first rule that matches, else `NO_RULE`."""
    return next((rule for rule in rules if rule.matches(http, code)), NO_RULE)


@frozen
class MediaPath:
    """Where links of one `kind` stand in an answer: "output.results[].url", where [] goes through a list.

    Beside a missing link, a `code` (and `message`) tells why that one result failed. `backup` and `file_id` name what
    may stand beside a link: a second one, and the id by which a fresh one can be asked for. `kind` is one of `KINDS`.
    Raises `UsageError`, which names the argument.
    """

    path: str = field()
    kind: str = field(validator=must(lambda value: value in KINDS, f"give one of {', '.join(KINDS)}"))
    backup: str | None = field(default=None, validator=must(_is_key, "give the key beside the link, or None"))
    file_id: str | None = field(default=None, validator=must(_is_key, "give the key beside the link, or None"))
    _steps: tuple[tuple[str, bool], ...] = field(
        init=False, repr=False, default=Factory(lambda self: _checked(self.path), takes_self=True)
    )

    def read(self, document: Any, first_seen: float) -> Iterator[Media]:
        """The media at this path of `document`, in order; what has another shape is passed over."""
        return (media for _, media in self.places(document, first_seen))

    def places(self, document: Any, first_seen: float) -> Iterator[tuple[int, Media]]:
        """What `read` gives, each with a mark of the object that it stands in."""
        *way, (last, many) = self._steps
        for parent in _walk(document, way):
            below = parent.get(last)
            links = [url for url in (below if isinstance(below, list) else ()) if is_link(url)] if many else [below]
            for url in links:
                if is_link(url):
                    yield id(parent), self._media(url, parent, first_seen)
                elif isinstance(code := parent.get("code"), str) and way and way[-1][1]:
                    message = parent.get("message")
                    failure = Failure(code, message if isinstance(message, str) else "")
                    yield id(parent), Media(None, self.kind, failure=failure)

    def _media(self, url: str, parent: Mapping[str, Any], first_seen: float) -> Media:
        backup = parent.get(self.backup) if self.backup else None
        file_id = parent.get(self.file_id) if self.file_id else None
        return Media(
            url,
            self.kind,
            expires_at=link_expiry(url, first_seen),
            backup_url=backup if is_link(backup) else None,
            file_id=str(file_id) if isinstance(file_id, str | int) else None,
        )


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


def values_at(path: str, document: Any) -> list[Any]:
    """What stands at `path` of `document`, in order: one value, several where it goes through lists, or none."""
    *way, (last, many) = _parsed(path)
    below = [parent[last] for parent in _walk(document, way) if last in parent]
    return [each for value in below if isinstance(value, list) for each in value] if many else below


def is_link(value: Any) -> TypeGuard[str]:
    """Whether `value` is the text of a web link: a scheme, in whatever letters (RFC 3986, 3.1), and a host."""
    return isinstance(value, str) and _LINK.match(value) is not None


def _checked(path: Any) -> tuple[tuple[str, bool], ...]:
    """What `_parsed` gives, for a path that makes sense. (A validator would come after it.)"""
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        shown = redact(f"{path!r:.80}")
        raise UsageError(f"path={shown}: give keys with dots between them, [] behind a list, as in 'results[].url'")
    return _parsed(path)


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
