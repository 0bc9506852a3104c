"""Bytes from strangers: the same verdict on both readers, and one kind of error."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from wanpoll._core.redact import Secret, redact
from wanpoll.exceptions import DecodeError
from wanpoll.providers import wire
from wanpoll.providers.wire import (
    Lenient,
    check_echo,
    decode,
    excerpt,
    from_epoch,
    id_text,
    link_expiry,
    read_error_words,
    read_moment,
    read_object,
    read_problem,
    read_time,
    structure,
)

REFUSED = object()

CORPUS: dict[str, tuple[bytes, Any]] = {
    "object": (b'{"a": 1}', {"a": 1}),
    "text": (b'"a"', "a"),
    "null": (b"null", None),
    "spaces around": (b' \r\n\t{"a": [1, 2.5, true, null]} \n', {"a": [1, 2.5, True, None]}),
    "last of equal keys": (b'{"a": 1, "a": 2}', {"a": 2}),
    "byte-order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "slashes escaped": (rb'{"a": "https:\/\/h\/x"}', {"a": "https://h/x"}),
    "emoji as a pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "lone high surrogate": (rb'{"a": "x\ud83d"}', {"a": "x\ufffd"}),
    "lone low surrogate": (rb'["\uDE00y"]', ["\ufffdy"]),
    "surrogate in a key": (rb'{"\ud800": {"b": ["\udfff"]}}', {"\ufffd": {"b": ["\ufffd"]}}),
    "zero character": (rb'"\u0000"', "\x00"),
    "whole number of 64 bits": (b"18446744073709551615", 2**64 - 1),
    "whole number over 64 bits": (b"20000000000000000001", 20_000_000_000_000_000_001),
    "in a document": (b'{"a": "x", "id": 18446744073709551617 , "b": 1}', {"a": "x", "id": 2**64 + 1, "b": 1}),
    "in a list": (b"[99999999999999999999,99999999999999999998]", [10**20 - 1, 10**20 - 2]),
    "whole number of 64 digits": (b"9" * 64, 10**64 - 1),
    "whole number of 65 digits": (b"9" * 65, 1e65),
    "20 digits and a point": (b"20000000000000000001.0", 2e19),
    "20 digits in a text": (b'"20000000000000000001"', "20000000000000000001"),
    "whole number under 64 bits": (b"-9223372036854775809", -(2.0**63)),
    "int of 400 digits": (b"9" * 400, REFUSED),
    "tiny number": (b"1e-999", 0.0),
    "64 levels": (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
    "many flat lists": (b"[" + b"[]," * 500 + b"[]]", [[]] * 501),
    "brackets in a text": (b'"' + b"[" * 500 + b'"', "[" * 500),
    "empty": (b"", REFUSED),
    "spaces": (b"  \n", REFUSED),
    "two byte-order marks": (b"\xef\xbb\xbf\xef\xbb\xbf{}", REFUSED),
    "byte-order mark alone": (b"\xef\xbb\xbf", REFUSED),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), REFUSED),
    "Latin-1": ('{"a": "é"}'.encode("latin-1"), REFUSED),
    "surrogate in UTF-8": (b'"\xed\xa0\xbd"', REFUSED),
    "overlong UTF-8": (b'"\xc0\xaf"', REFUSED),
    "NaN": (b'{"a": NaN}', REFUSED),
    "Infinity": (b"[Infinity]", REFUSED),
    "-Infinity": (b"[-Infinity]", REFUSED),
    "1e999": (b'{"a": 1e999}', REFUSED),
    "-1e999": (b"-1e999", REFUSED),
    "1.0 and 400 zeros": (b"1" + b"0" * 400 + b".0", REFUSED),
    "int of 5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", REFUSED),
    "65 levels": (b"[" * 65 + b"]" * 65, REFUSED),
    "65 levels of objects": (b'{"a":' * 65 + b"1" + b"}" * 65, REFUSED),
    "2,000 levels": (b"[" * 2000 + b"]" * 2000, REFUSED),
    "200,000 open brackets": (b"[" * 200_000, REFUSED),
    "HTML": (b"<html><head><title>502 Bad Gateway</title></head></html>", REFUSED),
    "cut": (b'{"output": {"task_id": "a", "task_st', REFUSED),
    "two documents": (b"{} {}", REFUSED),
    "comma at the end": (b'{"a": 1,}', REFUSED),
    "single quotes": (b"{'a': 1}", REFUSED),
    "comment": (b"{} // done", REFUSED),
    "control character": (b'"a\nb"', REFUSED),
    "leading zero": (b"01", REFUSED),
    "plus": (b"+1", REFUSED),
    "point without digits": (b"1.", REFUSED),
    "hex": (b"0x10", REFUSED),
    "bad escape": (rb'"\x41"', REFUSED),
    "zero byte": (b"\x00", REFUSED),
    "server-sent event": (b'data: {"a": 1}\n\n', REFUSED),
}

readers = pytest.mark.parametrize("fast", [True, False], ids=["orjson", "json"])


@contextmanager
def reader(*, fast: bool) -> Iterator[None]:
    """With orjson, or as if it were not installed."""
    assert wire.orjson is not None
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr("wanpoll.providers.wire.orjson", None)
        yield


def verdict(body: bytes, *, fast: bool) -> Any:
    with reader(fast=fast):
        try:
            return decode("p", body)
        except DecodeError:
            return REFUSED


@readers
@pytest.mark.parametrize("name", CORPUS)
def test_corpus(name, fast):
    """Each hostile body has its one verdict, with orjson and without."""
    body, expected = CORPUS[name]

    assert expected == verdict(body, fast=fast)


@given(st.binary(max_size=200))
def test_any_bytes(body):
    """Whatever the bytes are, both readers give the same document or the same error, which is a `DecodeError`."""
    assert verdict(body, fast=True) == verdict(body, fast=False)


@given(st.text('[]{}",:\\udDeE890123456789+-.NaI \ufeff\ud7ff\n', max_size=40))
def test_any_nearly_json(text):
    """What nearly is JSON meets no other error than `DecodeError`, and reads the same on both readers."""
    body = text.encode()

    assert repr(verdict(body, fast=True)) == repr(verdict(body, fast=False))


_plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_documents = st.recursive(
    _plain | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@readers
@given(document=_documents)
def test_documents_come_back(fast, document):
    """What any JSON writer writes is read as it was."""
    assert document == verdict(json.dumps(document).encode(), fast=fast)


@readers
def test_texts_stay_encodable(fast):
    """A text that was cut through an emoji can be written again: no lone surrogate is left."""
    document = verdict(rb'{"a\udc00": ["b\ud83d", {"c": "\ud83d\ude00"}]}', fast=fast)

    assert document == {"a\ufffd": ["b\ufffd", {"c": "\U0001f600"}]}
    assert json.dumps(document, ensure_ascii=False).encode()


@readers
def test_long_ids_are_not_rounded_into_texts(fast):
    """An id that came as a number over 64 bits is refused, not taken for the text of a rounded one."""
    document = verdict(b'{"id": 340282366920938463463374607431768211455}', fast=fast)

    with pytest.raises(DecodeError):
        structure("p", "id", document["id"], str)


@readers
def test_errors_hold_nothing_of_the_parser(fast):
    """The parser's own error carries the whole body: it is hidden behind ours."""
    with reader(fast=fast), pytest.raises(DecodeError) as caught:
        decode("p", b'{"a": "https://h/x?Signature=canary"')

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert (caught.value.provider, caught.value.path) == ("p", "the body")


def test_errors_say_why():
    """The error tells nesting from syntax, and an empty body from another."""
    messages = []
    for body in (b"", b"[" * 100 + b"]" * 100, b"<html>"):
        with pytest.raises(DecodeError) as caught:
            decode("p", body)
        messages.append(caught.value.excerpt)

    assert messages[0] == "not JSON (JSONDecodeError): (empty)"
    assert messages[1] == "not JSON (nested too deeply): " + "[" * 100 + "]" * 100
    assert messages[2] == "not JSON (JSONDecodeError): <html>"


# -- excerpts ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=2000) | st.text(max_size=800).map(str.encode))
def test_excerpts_are_short_and_printable(body):
    """An excerpt is at most 200 bytes of printable ASCII."""
    shown = excerpt(body)

    assert len(shown.encode()) <= 200
    assert shown.isascii()
    assert shown.isprintable()


def test_excerpt_shows_the_beginning():
    """A short body is shown whole, a long one up to the end of a word."""
    assert excerpt(b'<html>502 "Bad Gateway"') == '<html>502 "Bad Gateway"'
    assert excerpt(b"word " * 100) == "word " * 40
    assert excerpt("café ".encode() + b"\xff") == r"caf\xe9 \ufffd"


@given(
    st.integers(0, 900), st.sampled_from(["0123456789abcdefghijklmnopqrstuv", "sk-0123456789abcdefghijklmnopqrstuv"])
)
def test_excerpts_show_no_part_of_a_key(before, key):
    """Wherever the cut falls, it does not leave the first half of a key, which nobody could recognise any more."""
    shown = excerpt(b"x " * (before // 2) + b"y" * (before % 2) + f'"{key}" and so on'.encode() * 5)

    assert shown.count("0123") == shown.count(key)


SIGNED = [
    "https://h.example/a.mp4?Expires=1&Signature=canary",
    "http://h.example/a.mp4?canary",
    "HTTPS://h.example/a?x=canary",
    r"https:\/\/h.example\/a.mp4?Expires=1&Signature=canary",
    r"https:\/\/h.example\/a.mp4?Expires=1\u0026Signature=canary",
    "https://h.example/a.mp4?Expires=1&amp;Signature=canary",
    "https%3A%2F%2Fh.example%2Fa%3FSignature%3Dcanary",
    "//h.example/a?Signature=canary",
    "/a.mp4?Expires=1&Signature=canary",
    "oss://bucket/a?Signature=canary",
    "Expires=1&Signature=canary",
    "X-Amz-Signature=canary",
    "x-oss-signature=canary",
    "security-token=canary",
    "https://user:canary@h.example/a",
    "https://canary@h.example",
    "https:\\/\\/user:canary@h.example\\/a",
    "Authorization: Bearer canary",
    "authorization: bearer   canary",
    "Bearer%20canary",
    "sk-canary",
    "(sk-canary)",
    "_sk-canary",
]


@pytest.mark.parametrize("text", SIGNED)
def test_redact(text):
    """Signatures, passwords and tokens go, however a gateway escapes them."""
    for shown in (redact(text), redact(f'{{"message": "see {text}"}}'), excerpt(text.encode())):
        assert "canary" not in shown


def test_redact_leaves_what_helps():
    """Hosts and paths stay; ordinary words are not touched."""
    assert redact("see https://h.example/a.mp4?b=1 then ask") == "see https://h.example/a.mp4?*** then ask"
    plain = "task-1234 of disk-abcd: is it so? yes?? (bearer) signature: does not match https://h.example/a"
    assert plain == redact(plain)
    assert redact(None) == "None"


def test_redact_named_secrets():
    """A key without any telling shape is found by its value, quoted or not."""
    assert redact("ab/c+d and ab%2Fc%2Bd", "ab/c+d") == "*** and ***"
    assert redact("nothing", "") == "nothing"


@pytest.mark.parametrize(
    "piece",
    ["http://", "://", "?", "?a", "%3f", "bearer ", "sk-", "sk-a ", "signature=", "a", "/", "\\/", "@", "=", " "],
)
def test_redact_takes_linear_time(piece):
    """A megabyte made to hurt is read in a moment: no answer delays other tasks."""
    hostile = "http://" + piece * (1_000_000 // len(piece))

    began = time.process_time()
    redact(hostile, "sk-secret")

    assert time.process_time() - began < 1.0


def test_secret_has_a_silent_repr():
    """A key can be used as text, and does not show in a repr."""
    secret = Secret("canary")

    assert f"Bearer {secret}" == "Bearer canary"
    assert "canary" not in f"{secret!r} {[secret]} {{'k': {secret!r}}}"


# -- structuring -------------------------------------------------------------------------------------------------------


@frozen
class _Inner:
    count: int = 0


@frozen
class _Shape:
    word: str
    maybe: str | None = None
    inner: Lenient[_Inner] = None
    note: Lenient[str] = None


def test_structure():
    """Fields of the right type are taken, unknown ones passed over."""
    value = {"word": "a", "maybe": None, "inner": {"count": 2, "x": 1}, "note": "n", "more": 1}

    assert _Shape("a", None, _Inner(2), "n") == structure("p", "output", value, _Shape)


@pytest.mark.parametrize("bad", [["x"], {"x": 1}, 1, 1.5, True, None])
def test_texts_are_strict(bad):
    """Nothing but a text is a text: a list does not become the text of a list."""
    with pytest.raises(DecodeError):
        structure("p", "output", {"word": bad}, _Shape)


@pytest.mark.parametrize("bad", [["x"], {"x": 1}, 1, True])
def test_optional_texts_are_strict(bad):
    """A text that may be missing may not be something else."""
    with pytest.raises(DecodeError):
        structure("p", "output", {"word": "a", "maybe": bad}, _Shape)


@given(_documents)
def test_lenient_fields_never_fail(anything):
    """What a lenient field holds never makes a result fail: at worst it reads as None."""
    shaped = structure("p", "output", {"word": "a", "inner": anything, "note": anything}, _Shape)

    assert shaped.note == (anything if isinstance(anything, str) else None)
    assert shaped.inner is None or isinstance(shaped.inner.count, int)


@pytest.mark.parametrize("bad", [True, "1", 1.0, None, [1]])
def test_ints_are_strict(bad):
    """A whole number is no bool, text or float."""
    assert structure("p", "output", {"word": "a", "inner": {"count": bad}}, _Shape).inner is None


@given(_documents)
def test_structure_raises_decode_errors_only(anything):
    """Whatever is structured, the only error is `DecodeError`, and it shows nothing of the payload."""
    with pytest.raises(DecodeError) as caught:
        structure("p", "output", {"word": {"prompt": "canary"}, "x": anything}, _Shape)
    with suppress(DecodeError):
        structure("p", "output", anything, _Shape)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


# -- ids and errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b"null", b'"x"', b"{"])
def test_objects(body):
    """What is no object is unreadable, but with an error it is nothing at all."""
    assert read_object("p", b'{"a": 1}', 200) == read_object("p", b'{"a": 1}', 500) == {"a": 1}
    assert read_object("p", body, 502) == {}
    for status in (200, 204):
        with pytest.raises(DecodeError):
            read_object("p", body, status)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), ("", ""), (5, "5"), (12345678901234567890, "12345678901234567890"), (-1, "-1")]
    + [(value, None) for value in (None, True, 1.0, 1e20, [], {})],
)
def test_ids_are_text(value, expected):
    """Ids are text, and whole numbers become it digit by digit; a float is no id: it has lost digits."""
    assert expected == id_text(value)


def test_echoes():
    """An answer may name the id that was asked about, or none, and no other one."""
    for echoed in ("5", 5, None, ""):
        check_echo("p", "id", echoed, "5")
    for echoed in ("6", 6, 5.0, True, ["5"], {}, "05"):
        with pytest.raises(DecodeError, match="another one"):
            check_echo("p", "id", echoed, "5")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"code": "c", "message": "m"}, ("c", "m")),
        ({"error": {"code": 5, "message": "m"}, "code": "x"}, ("5", "m")),
        ({"error": {"code": None, "type": "t", "message": ["m"]}}, ("t", "")),
        ({"error": "m", "code": "c"}, ("c", "m")),
        ({"error": "m"}, ("", "m")),
        ({"error": None, "message": "m"}, ("", "m")),
        ({"error": [], "code": True, "message": 5}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_problems(document, expected):
    """Code and message of an error stand in its envelope, or at top level."""
    assert expected == read_problem(document)


# -- times and links ---------------------------------------------------------------------------------------------------

EAST = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01 17:38:24.817", datetime(2026, 3, 1, 9, 38, 24, 817_000, tzinfo=UTC)),
        ("2026-03-01 17:38:24", datetime(2026, 3, 1, 9, 38, 24, tzinfo=UTC)),
        ("2026-03-01T17:38:24Z", datetime(2026, 3, 1, 17, 38, 24, tzinfo=UTC)),
        ("2026-03-01T17:38:24+08:00", datetime(2026, 3, 1, 9, 38, 24, tzinfo=UTC)),
        ("20260301T173824Z", datetime(2026, 3, 1, 17, 38, 24, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("2026-13-01 00:00:00", None),
        ("0000-00-00 00:00:00", None),
        (None, None),
        (1_750_000_000, None),
        (["2026-03-01"], None),
    ],
)
def test_read_time(text, expected):
    """A time without a zone is in the one given; what cannot be read is None."""
    assert expected == read_time(text, EAST)


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_read_time_never_fails(value):
    """Whatever stands where a time should, the result is aware or None."""
    moment = read_time(value, EAST)

    assert moment is None or moment.utcoffset() is not None


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -float("inf"), 1e20, -1e20])
def test_from_epoch_of_no_time(seconds):
    """Seconds that are no time give None."""
    assert from_epoch(seconds) is None


FIRST_SEEN = 1_750_000_000.0
A_DAY_LATER = datetime(2025, 6, 16, 15, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Expires=1751000000&OSSAccessKeyId=a&Signature=b%2Fc", datetime.fromtimestamp(1_751_000_000, UTC)),
        ("expires=1751000000", datetime.fromtimestamp(1_751_000_000, UTC)),
        ("x-oss-date=20260301T093824Z&x-oss-expires=86400", datetime(2026, 3, 2, 9, 38, 24, tzinfo=UTC)),
        ("X-Amz-Date=20260301T093824Z&X-Amz-Expires=3600", datetime(2026, 3, 1, 10, 38, 24, tzinfo=UTC)),
        ("X-Tos-Date=20260301T093824Z&X-Tos-Expires=60", datetime(2026, 3, 1, 9, 39, 24, tzinfo=UTC)),
        ("X-Goog-Date=20260301T093824Z&X-Goog-Expires=60", datetime(2026, 3, 1, 9, 39, 24, tzinfo=UTC)),
        ("", A_DAY_LATER),
        ("Expires=xxx", A_DAY_LATER),
        ("Expires=", A_DAY_LATER),
        ("Expires=3600", A_DAY_LATER),
        ("Expires=-1751000000", A_DAY_LATER),
        ("Expires=999999999999", A_DAY_LATER),
        ("Expires=1751000000000", A_DAY_LATER),
        ("Expires=" + "9" * 5000, A_DAY_LATER),
        ("Expires=१७५१००००००", A_DAY_LATER),
        ("X-Amz-Expires=3600", A_DAY_LATER),
        ("X-Amz-Date=20260301T093824Z", A_DAY_LATER),
        ("X-Amz-Date=soon&X-Amz-Expires=3600", A_DAY_LATER),
        ("X-Amz-Date=20260301T093824Z&X-Amz-Expires=-1", A_DAY_LATER),
        ("X-Amz-Date=20260301T093824Z&X-Amz-Expires=999999999999", A_DAY_LATER),
        ("X-Amz-Date=20260301T093824Z&X-Amz-Expires=" + "9" * 5000, A_DAY_LATER),
        ("X-Amz-Date=99990301T093824Z&X-Amz-Expires=999999999", A_DAY_LATER),
    ],
)
def test_link_expiry(query, expected):
    """A link's own word about its end is taken; without one, or an absurd one, it is a day after it was first seen."""
    assert expected == link_expiry(f"https://h.example/a.mp4?{query}", FIRST_SEEN)


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "http://a]b/?Expires=1751000000", "http://", "http://%zz"])
def test_link_expiry_of_no_link(url):
    """What is no URL has an end, too: it must not make a result fail."""
    assert link_expiry(url, FIRST_SEEN) is not None


@given(st.text(max_size=60), st.text(max_size=60))
def test_link_expiry_never_fails(host, query):
    """Any text after the scheme gives an aware time."""
    expiry = link_expiry(f"https://{host}?{query}", FIRST_SEEN)

    assert expiry is not None
    assert expiry.utcoffset() is not None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_769_000_000, 1_769_000_000),
        (1_769_000_000.5, 1_769_000_000.5),
        (1_769_000_000_500, 1_769_000_000.5),
        ("2026-01-21T12:53:20Z", 1_769_000_000),
    ]
    + [(value, None) for value in (0, -1, 10**30, 1e300, None, True, "", "soon", "1769000000", [], {})],
)
def test_moments(value, expected):
    """A moment is ISO text, seconds or milliseconds; 0 is none yet."""
    assert (expected and datetime.fromtimestamp(expected, UTC)) == read_moment(value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "c", "message": "m"}, ("c", "m")),
        ({"code": 1004, "message": "m"}, ("1004", "m")),
        ({"message": "m"}, ("", "m")),
        ({"code": True, "message": ["m"]}, ("", "")),
        ({"code": None, "message": None}, ("", "")),
        ("invalid_token", ("invalid_token", "")),
        ("please log in", ("", "please log in")),
        ("https://h.example/a?b", ("", "https://h.example/a?b")),
        ([{"code": "c", "message": "m"}, "other"], ("c", "m")),
        (["c"], ("c", "")),
        *((error, ("", "")) for error in ([], [[]], [["c"]], {}, "", None, 5, True)),
    ],
)
def test_read_error_words(error, expected):
    """Code and message of an error in any of its shapes, two texts always."""
    assert expected == read_error_words(error)
