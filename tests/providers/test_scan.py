"""The list of DashScope's tasks: how a page is asked for, what its rows say, and what strangers make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.helpers import SEEN_AT, dashscope, junk, mutated
from wanpoll import Failure, Status
from wanpoll._core.readings import Answer, Listed, Missed, Refused, Rejected, ScanReading, checked_scan
from wanpoll.exceptions import DecodeError, NotSupported, TransportError, UsageError
from wanpoll.providers import DashScope, MiniMax, Reply

KEY = "sk-CANARYKEY0123456789"
HTML = b"<html><body>503 Service Temporarily Unavailable</body></html>"

PAGE: dict[str, Any] = {
    "total": 2,
    "total_page": 1,
    "page_no": 1,
    "page_size": 10,
    "request_id": "r",
    "data": [
        {
            "task_id": "a",
            "status": "RUNNING",
            "model_name": "wan2.7-r2v",
            "gmt_create": 1745568428109,
            "start_time": 1745568428138,
        },
        {"task_id": "b", "status": "SUCCEEDED", "end_time": 1745568302481},
    ],
}
"""The page of the documentation."""


def read(document: Any, status: int = 200, *, retry_after: float | None = None, key: str = KEY) -> ScanReading:
    """What DashScope's decoder makes of `document`; bytes are the body itself. The driver would take it."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return checked_scan(dashscope(key).read_scan(Reply(status, body, SEEN_AT, retry_after)))


def page(*rows: Any, **fields: Any) -> dict[str, Any]:
    """The page of the documentation with other rows and fields."""
    return {**PAGE, "data": list(rows), **fields}


def rows_of(*rows: Any) -> tuple[tuple[str, Status | None], ...]:
    reading = read(page(*rows))
    assert isinstance(reading, Listed)
    return reading.rows


# -- the question ------------------------------------------------------------------------------------------------------


def test_the_request_is_as_documented() -> None:
    """Times are UTC+8 without a zone, whatever zone the moment is told in, and the list is open at its end."""
    url = "https://dashscope.example/api/v1/tasks?start_time=20260403050708&page_no=3&page_size=100"
    moment = datetime(2026, 4, 2, 21, 7, 8, 999_999, tzinfo=UTC)

    for zone in (UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=8))):
        request = dashscope().ask_scan(moment.astimezone(zone), 3)
        assert (request.method, request.url) == ("GET", url)
        assert (request.body, dict(request.headers)) == (None, {})


def test_it_is_asked_for_only_where_somebody_wants_it() -> None:
    """Off by default; what is no bool is refused; providers without a list say so."""
    assert not DashScope("key").can_scan
    assert DashScope("key", scan=True).can_scan
    with pytest.raises(UsageError, match="scan='yes'"):
        DashScope("key", scan="yes")  # type: ignore[arg-type]
    with pytest.raises(NotSupported, match="minimax has no list of tasks"):
        MiniMax("key").ask_scan(datetime.now(UTC), 1)


# -- pages -------------------------------------------------------------------------------------------------------------


def test_the_documented_page() -> None:
    """Ids and words, which page it is, and how many there are."""
    assert read(PAGE) == Listed((("a", Status.RUNNING), ("b", Status.SUCCEEDED)), 1, 1)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", Status.PENDING),
        ("RUNNING", Status.RUNNING),
        ("SUSPENDED", Status.PENDING),
        ("SUCCEEDED", Status.SUCCEEDED),
        ("FAILED", Status.FAILED),
        ("CANCELED", Status.CANCELED),
        ("CANCELLED", Status.CANCELED),
        ("UNKNOWN", None),
        ("succeeded", None),
        ("BRAND_NEW", None),
        ("", None),
    ],
)
def test_words_are_those_of_a_task(word: str, status: Status | None) -> None:
    """A word that is not in the table says nothing, and UNKNOWN is none that ends a task."""
    assert rows_of({"task_id": "a", "status": word}) == (("a", status),)


@pytest.mark.parametrize(
    "row",
    [
        None,
        "a",
        7,
        ["a", "RUNNING"],
        {},
        {"status": "RUNNING"},
        {"task_id": None, "status": "RUNNING"},
        {"task_id": True, "status": "RUNNING"},
        {"task_id": 1.5, "status": "RUNNING"},
        {"task_id": ["a"], "status": "RUNNING"},
        {"task_id": "a"},
        {"task_id": "a", "status": None},
        {"task_id": "a", "status": 1},
        {"task_id": "a", "status": ["RUNNING"]},
        {"task_id": "a", "task_status": "SUCCEEDED"},
    ],
    ids=str,
)
def test_what_is_no_row_of_a_task_is_passed_over(row: Any) -> None:
    """And the rows around it count."""
    whole = {"task_id": "b", "status": "SUCCEEDED"}

    assert rows_of(whole, row, whole) == (("b", Status.SUCCEEDED), ("b", Status.SUCCEEDED))


def test_ids_stay_text() -> None:
    """Digits are not reckoned with, and a number is the text of its digits, however long."""
    given = ["007", " a", "中", 7, 12_345_678_901_234_567_890]
    told = rows_of(*({"task_id": each, "status": "RUNNING"} for each in given))

    assert [task_id for task_id, _ in told] == ["007", " a", "中", "7", "12345678901234567890"]


@pytest.mark.parametrize("value", [None, "1", 1.0, True, -1, [1], {}], ids=str)
@pytest.mark.parametrize("name", ["page_no", "total_page"])
def test_odd_numbers_of_pages_are_none(name: str, value: Any) -> None:
    """Rows count all the same."""
    reading = read({**PAGE, name: value})
    left_out = read({each: PAGE[each] for each in PAGE if each != name})

    assert reading == left_out
    assert isinstance(reading, Listed)
    assert (reading.page if name == "page_no" else reading.pages) is None
    assert len(reading.rows) == 2


def test_numbers_may_be_of_any_size() -> None:
    """They are whole numbers, and nobody divides by them here."""
    assert read(page(total_page=0, page_no=0)) == Listed((), 0, 0)
    assert read(page(total_page=10**30)) == Listed((), 1, 10**30)


def test_a_list_without_tasks() -> None:
    """An empty one, and one whose rows are not there because there are none."""
    assert read(page(total_page=0)) == Listed((), 1, 0)
    assert read({"total": 0, "page_no": 1, "request_id": "r"}) == Listed((), 1, None)
    assert read(page(total=0, data=None)) == Listed((), 1, 1)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        HTML,
        None,
        7,
        [],
        "page",
        {},
        {"total": 2},
        {"data": None},
        {"data": {"task_id": "a", "status": "SUCCEEDED"}},
        {"data": "a"},
        {"output": {"task_id": "a", "task_status": "SUCCEEDED"}},
        {"total": False, "data": None},
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda document: str(document)[:40],
)
def test_what_is_no_page_is_missed(document: Any) -> None:
    """It is asked for again: nothing is made of it."""
    reading = read(document)

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, DecodeError)
    assert not reading.throttled


# -- errors ------------------------------------------------------------------------------------------------------------


def error(code: str) -> dict[str, str]:
    return {"code": code, "message": "no", "request_id": "r"}


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "InvalidApiKey"), (403, "AccessDenied"), (403, "Workspace.AccessDenied"), (400, "Arrearage")],
)
def test_a_list_that_is_refused_says_why(status: int, code: str) -> None:
    """By its code and its words."""
    assert read(error(code), status) == Refused(code, "no")


def test_a_question_that_is_wrong_stays_wrong() -> None:
    """A parameter that is not taken, whether by a 400 or in an answer with 200."""
    assert read(error("InvalidParameter"), 400) == Rejected(Failure("InvalidParameter", "no"))
    assert read(error("InvalidParameter.page_size"), 200) == Rejected(Failure("InvalidParameter.page_size", "no"))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 422, 451])
@pytest.mark.parametrize("document", [HTML, {}, error("BrandNew"), b""], ids=lambda document: str(document)[:12])
def test_whatever_the_client_is_blamed_for_is_not_asked_again(status: int, document: Any) -> None:
    """With a code that nobody knows, or a gateway's page."""
    assert isinstance(read(document, status), Rejected | Refused)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The list stands elsewhere, if anywhere: it is not given here."""
    assert read(PAGE, status) == Rejected(Failure(f"HTTP {status}", "the list of tasks is not given"))


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (429, error("Throttling.RateQuota")),
        (429, error("BrandNew")),
        (429, HTML),
        (400, error("Throttling")),
        (403, error("Throttling.BurstRate")),
        (200, error("LimitRequests")),
    ],
)
def test_too_many_questions_slow_the_account(status: int, document: Any) -> None:
    """By the status or the code; `Retry-After` is kept."""
    reading = read(document, status, retry_after=7.0)

    assert isinstance(reading, Missed)
    assert (reading.throttled, reading.retry_after) == (True, 7.0)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("document", [HTML, b"", error("InternalError"), PAGE], ids=["html", "empty", "error", "page"])
def test_a_hiccup_is_asked_again(status: int, document: Any) -> None:
    """Even with a page in it: only HTTP 200 tells."""
    reading = read(document, status)

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)
    assert not reading.throttled


def test_an_answer_that_is_no_page_is_missed() -> None:
    """A provider class that takes the list for a task."""

    class Wrong(DashScope):
        def decode_scan(self, reply: Reply) -> Answer:
            return Answer()

    reading = Wrong("key", base_url="https://dashscope.example").read_scan(Reply(200, b"{}", SEEN_AT))
    assert isinstance(reading, Missed)


# -- strangers ---------------------------------------------------------------------------------------------------------


def texts(value: Any) -> Iterator[str]:
    """Every word for people in a reading."""
    if isinstance(value, Missed):
        yield from (str(value.problem), repr(value.problem))
    yield repr(value)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("key", [KEY, "CANARYKEY0123456789abcdef"], ids=["like DashScope's", "without a shape"])
def test_no_secret_in_any_text(status: int, key: str) -> None:
    """A server that echoes the request, in its documents and in a gateway's page."""
    echo = f"Authorization: Bearer {key}; see https://h.example/a.mp4?Expires=1&OSSAccessKeyId=k&Signature=CANARYSIGN"
    documents = [
        error(echo),
        {"code": "InvalidApiKey", "message": echo},
        {"code": "InvalidParameter", "message": echo},
        {"data": echo},
        {"code": "", "data": {"a": echo}},
        f"<html>{echo}</html>".encode(),
        echo.encode(),
        [echo],
    ]
    for document in documents:
        assert not any("CANARY" in text for text in texts(read(document, status, key=key)))


WORDS = st.sampled_from(["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "UNKNOWN", "NEW"])
NAMES = ("data", "task_id", "status", "page_no", "total_page", "total", "code", "message")


def judge(document: Any, status: int) -> None:
    """Whatever stands there: a reading that the driver takes, whose rows are a task's."""
    reading = read(document, status)
    assert isinstance(reading, Listed | Missed | Refused | Rejected)
    if isinstance(reading, Listed):
        given = [row for row in document["data"] or () if isinstance(row, dict)]
        assert len(reading.rows) <= len(given)
        assert {task_id for task_id, _ in reading.rows} <= {str(row.get("task_id")) for row in given}


@given(junk(*NAMES) | st.dictionaries(st.sampled_from(NAMES), junk(*NAMES)), st.sampled_from([200, 400, 429, 500]))
def test_any_json_is_read(document: Any, status: int) -> None:
    """No exception but the `DecodeError` that becomes a missed page."""
    judge(document, status)


@given(mutated([PAGE, page(*PAGE["data"] * 3)], junk("RUNNING", "SUCCEEDED", "a")), st.sampled_from([200, 200, 403]))
def test_a_page_that_a_stranger_spoiled_is_read(document: Any, status: int) -> None:
    """Fields dropped, nulled, retyped, doubled, or in another order."""
    judge(document, status)


@given(st.lists(st.tuples(st.text("abc07", min_size=1, max_size=3) | st.integers(0, 10**25), WORDS | st.text("ABC"))))
def test_all_good_rows_are_read_in_their_order(rows: list[tuple[str | int, str]]) -> None:
    """Each with its status, or None for a word that is not in the table."""
    table = {"PENDING": Status.PENDING, "RUNNING": Status.RUNNING, "SUCCEEDED": Status.SUCCEEDED}
    table |= {"FAILED": Status.FAILED, "CANCELLED": Status.CANCELED}

    assert rows_of(*({"task_id": task_id, "status": word} for task_id, word in rows)) == tuple(
        (str(task_id), table.get(word)) for task_id, word in rows
    )
