"""Bytes from strangers: one strict JSON reader, one converter, and the small readers that providers share.

Standard JSON readers accept NaN, lone surrogates and any depth, and fail in four different ways. `decode` accepts
what all readers agree on, and every failure is a `DecodeError`. With orjson installed (extra `fast`) it is quicker
and gives the same verdicts: what orjson refuses is read again by the standard reader, which has the last word, and so
are whole numbers over 64 bits, which keep their digits: some are ids.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl, urlsplit

from cattrs import Converter

from wanpoll._core.redact import redact
from wanpoll.exceptions import DecodeError

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

__all__ = [
    "Text",
    "check_echo",
    "decode",
    "id_text",
    "link_expiry",
    "read_error_words",
    "read_moment",
    "read_object",
    "read_problem",
    "read_time",
    "structure",
]

MOST_DEPTH = 64
"""Levels of nesting that an answer may have."""

MOST_EXCERPT = 200
"""Bytes of an unreadable answer that its error shows."""

LINK_LIFE = timedelta(hours=24)
"""How long a result's link lives where the link itself does not tell (all documents of the providers say 24 h)."""

_SECONDS = re.compile("[0-9]{1,12}")
_EPOCH = re.compile("[0-9]{10,12}")  # fewer digits are a life, not a moment; more are no seconds
_CODE = re.compile(r"[A-Za-z0-9_.-]+")
_MILLISECONDS = 1e11  # as seconds, this lies in the year 5138
_MOST_DIGITS = 64
"""Digits of a whole number that is kept exactly: more than any id has. A longer one is read as a float."""

_TO_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = re.compile(rb"(?:^|[\s:,\[])[0-9]{20,64}(?=$|[\s,}\]])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SEPARATORS = " \t\n\"'<>,;&"
_UTF8_BOM = b"\xef\xbb\xbf"

T = TypeVar("T")


# -- JSON --------------------------------------------------------------------------------------------------------------


def decode(provider: str, body: bytes) -> Any:
    """The JSON document in `body`. Raises `DecodeError` for everything that is not one."""
    try:
        document = _fast(body)
        if body.count(b"[") + body.count(b"{") > MOST_DEPTH:  # fewer brackets than levels are the cheap proof
            _check_depth(document)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else type(error).__name__
        raise DecodeError(provider, "the body", f"not JSON ({why}): {excerpt(body)}") from None
    return document


def read_object(provider: str, body: bytes, status: int) -> dict[str, Any]:
    """The JSON object in `body`; empty where an error (`status`) came with anything else. Raises `DecodeError`."""
    try:
        document = decode(provider, body)
    except DecodeError:
        if status < 300:
            raise
        return {}  # a gateway's page
    if isinstance(document, dict):
        return document
    if status < 300:
        raise DecodeError(provider, "the body", "not an object")
    return {}


def excerpt(body: bytes) -> str:
    """The beginning of `body`, readable and redacted, up to the end of a word: half a key is a secret, too."""
    if not body:
        return "(empty)"
    start = _whole_words(body[: 4 * MOST_EXCERPT + 1].decode("utf-8", "replace"), 4 * MOST_EXCERPT)
    return _whole_words(ascii(redact(start))[1:-1], MOST_EXCERPT) or f"({len(body)} bytes)"


def _whole_words(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    last = max(text.rfind(separator, 0, most) for separator in _SEPARATORS)
    return text[: last + 1]


def _fast(body: bytes) -> Any:
    if orjson is not None and not _has_long_number(body):
        try:
            return orjson.loads(body)
        except ValueError:
            pass  # the standard reader has the last word
    return _standard(body)


def _has_long_number(body: bytes) -> bool:
    """Whether there may be a whole number over 64 bits, an id say, of which orjson would lose digits."""
    # three times as quick as the pattern alone, and most bodies have no such digits
    return b"00000000000000000000" in body.translate(_TO_ZEROS) and _LONG.search(body) is not None


def _standard(body: bytes) -> Any:
    text = body.removeprefix(_UTF8_BOM).decode("utf-8")
    document = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    # A prompt that was cut through an emoji must not cost the task that it belongs to.
    return _mend(document) if "\\ud" in text or "\\uD" in text else document


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _whole(text: str) -> int | float:
    if len(text) > _MOST_DIGITS:
        return _finite(text)
    number = int(text)
    return number if number >= -(2**63) else _finite(text)  # as orjson does


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("infinite number")
    return number


def _mend(value: Any) -> Any:
    """`value` with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mend(each) for each in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(each) for key, each in value.items()}
    return value


def _check_depth(document: Any) -> None:
    level = _nested([document])
    for _ in range(MOST_DEPTH):
        level = [child for value in level for child in _nested(value.values() if isinstance(value, dict) else value)]
        if not level:
            return
    raise RecursionError


def _nested(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


# -- structuring -------------------------------------------------------------------------------------------------------

_LENIENT = object()
Lenient = Annotated[T | None, _LENIENT]
"""A field whose bad value is read as None: what it holds must never make a result fail."""

Text = str | None
converter: Converter = Converter(detailed_validation=False)


def _strict_str(value: Any, _: Any) -> str:
    # cattrs' default is str(value), which turns a list into the text of a list
    if type(value) is not str:
        raise TypeError("not a text")
    return value


def _strict_int(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _lenient_hook(annotated: Any) -> Callable[[Any, Any], Any]:
    inner = converter.get_structure_hook(get_args(annotated)[0])

    def hook(value: Any, _: Any) -> Any:
        try:
            return inner(value, get_args(annotated)[0])
        except Exception:  # whatever is wrong with it, it is left out
            return None

    return hook


def _is_lenient(candidate: Any) -> bool:
    return get_origin(candidate) is Annotated and _LENIENT in get_args(candidate)[1:]


converter.register_structure_hook(str, _strict_str)
converter.register_structure_hook(int, _strict_int)
converter.register_structure_hook_factory(_is_lenient, _lenient_hook)


def read_error_words(error: Any) -> tuple[str, str]:
    """Code and message in what stands under `error`: an object, a text, a list of these, or nothing.

    A text without spaces counts as a code, any other as a message.
    """
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        return id_text(code) or "", message if isinstance(message, str) else ""
    if not isinstance(error, str):
        return "", ""
    return (error, "") if _CODE.fullmatch(error) else ("", error)


def structure(provider: str, path: str, value: Any, shape: type[T]) -> T:
    """`value` as `shape`. Raises `DecodeError` (cattrs' own errors carry the payload, prompts included)."""
    try:
        return converter.structure(value, shape)
    except Exception as error:
        raise DecodeError(provider, path, f"not a {shape.__name__.strip('_')} ({type(error).__name__})") from None


# -- ids and errors ----------------------------------------------------------------------------------------------------


def id_text(value: Any) -> str | None:
    """An id, a code or a word as text, also where it is a whole number. None for the rest: a float has lost digits."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int else None


def text_or_none(value: Any) -> str | None:
    """`value`, if it is a text with something in it."""
    return value if type(value) is str and value else None


def check_echo(provider: str, path: str, echoed: Any, asked: str) -> None:
    """Raise `DecodeError` where the answer names another id than the one that was asked about."""
    if echoed is not None and echoed != "" and id_text(echoed) != asked:
        raise DecodeError(provider, path, "the answer is about another one")


def read_problem(document: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of an error, in `error` or else at top level; empty where there are none."""
    error = document.get("error")
    if type(error) is str:
        return id_text(document.get("code")) or "", error
    place = error if isinstance(error, dict) else document
    message = place.get("message")
    code = id_text(place.get("code")) or id_text(place.get("type")) or ""
    return code, message if type(message) is str else ""


# -- times and links ---------------------------------------------------------------------------------------------------


def read_time(value: Any, zone: timezone = UTC) -> datetime | None:
    """The aware time in a provider's text; `zone` is that of texts without one. None where it cannot be read."""
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except (TypeError, ValueError):
        return None


def read_moment(value: Any) -> datetime | None:
    """The aware time in ISO text or in Unix seconds or milliseconds; None where there is none, as with a 0."""
    if type(value) not in (int, float):
        return read_time(value)
    seconds = value / 1000 if value >= _MILLISECONDS else value
    return from_epoch(seconds) if seconds > 0 else None


def from_epoch(seconds: float) -> datetime | None:
    """The aware time of Unix `seconds`; None where that is no time."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def link_expiry(url: str, first_seen: float) -> datetime | None:
    """When a signed link dies: read from its query, else 24 h after it was first seen (Unix seconds)."""
    try:
        query = {key.lower(): value for key, value in parse_qsl(urlsplit(url).query)}
    except ValueError:  # no URL, but what stands there is the result
        query = {}
    return _expiry_in(query) or from_epoch(first_seen + LINK_LIFE.total_seconds())


def _expiry_in(query: Mapping[str, str]) -> datetime | None:
    for vendor in ("x-oss", "x-amz", "x-tos", "x-goog"):
        signed, life = query.get(f"{vendor}-date"), query.get(f"{vendor}-expires")
        if signed and life and _SECONDS.fullmatch(life) and (start := read_time(signed)):
            return _later(start, int(life))
    expires = query.get("expires", "")
    return from_epoch(int(expires)) if _EPOCH.fullmatch(expires) else None


def _later(start: datetime, seconds: int) -> datetime | None:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return None
