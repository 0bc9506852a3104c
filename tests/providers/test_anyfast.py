"""AnyFast's answers: every word and field of its document, and what its relatives write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.helpers import SEEN_AT, encoded_twice, junk, links, mutated
from tests.providers.recorded.anyfast import SUCCESS, TASK, UPSTREAM, VIDEO, answer
from wanpoll import Failure, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, Missed, NoSuchTask, NotYet, Observation, Reading, Refused, Rejected
from wanpoll.exceptions import DecodeError, TransportError
from wanpoll.providers import AnyFast, Reply

NO_REASON = "the provider gave no reason"


def anyfast(key: str = "0123456789abcdef") -> AnyFast:
    return AnyFast(key, base_url="https://anyfast.example")


def read(document: Any, status: int = 200) -> Reading:
    """What the decoder makes of `document`; bytes are the body itself."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return anyfast().read([TASK], Reply(status, body, SEEN_AT))


def seen(document: Any) -> Observation:
    """The observation in the answer, which must be there."""
    reading = read(document)
    if isinstance(reading, NotYet):
        return Observation(TASK.id, reading.status)
    assert isinstance(reading, Answer)
    (observation,) = reading.observations
    assert isinstance(observation, Observation)
    return observation


def is_unreadable(reading: Any) -> bool:
    return isinstance(reading, Missed) and isinstance(reading.problem, DecodeError) and not reading.throttled


# -- the account and its question --------------------------------------------------------------------------------------


def test_ask():
    """One GET for one task; a colon in an id is quoted, so that it stays one segment of the path."""
    request = anyfast().ask([Task("a:b-1")])

    assert (request.method, request.url) == ("GET", "https://anyfast.example/v1/video/generations/a%3Ab-1")
    assert (request.body, dict(request.headers)) == (None, {})


def test_address_and_key_by_default():
    """Without arguments, the address is the public one and the key that of the environment."""
    provider = AnyFast().bind({"ANYFAST_API_KEY": "t-environ"})

    assert provider.ask([TASK]).url == "https://www.anyfast.ai/v1/video/generations/asyntask_0abc"
    assert provider.headers()["Authorization"] == "Bearer t-environ"


def test_limits():
    """One task in one question, 15 s between two polls of it, a modest quota."""
    provider = anyfast()

    assert (provider.max_batch, provider.interval, provider.quota) == (1, 15.0, Rate(5, per=1.0))
    assert provider.can_cancel is False


# -- the recorded document ---------------------------------------------------------------------------------------------


def test_success():
    """The documented answer reads as it is meant, its link byte for byte."""
    observation = seen(SUCCESS)

    assert Status.SUCCEEDED is observation.status
    assert links(observation) == [(VIDEO, "video")]
    assert observation.media[0].expires_at == datetime(2026, 1, 25, 13, 54, 38, tzinfo=UTC)
    assert observation.submitted_at == datetime(2026, 1, 21, 12, 53, 20, tzinfo=UTC)
    assert observation.started_at == datetime(2026, 1, 21, 12, 53, 30, tzinfo=UTC)
    assert observation.finished_at == datetime(2026, 1, 21, 12, 55, 0, tzinfo=UTC)
    assert (observation.failure, dict(observation.usage)) == (None, {})
    assert observation.raw == SUCCESS


def test_failure():
    """The envelope says success, the task says why it failed."""
    observation = seen(answer("FAILURE", fail_reason="content moderation", finish_time=1769000100, progress="100%"))

    assert Status.FAILED is observation.status
    assert observation.failure == Failure("FAILURE", "content moderation")
    assert (observation.media, observation.started_at) == ((), None)
    assert observation.finished_at == datetime(2026, 1, 21, 12, 55, 0, tzinfo=UTC)


# -- words -------------------------------------------------------------------------------------------------------------

WORD_ROWS = [
    ("NOT_START", Status.PENDING),
    ("SUBMITTED", Status.PENDING),
    ("QUEUED", Status.PENDING),
    ("UNKNOWN", Status.PENDING),
    ("", Status.PENDING),
    (None, Status.PENDING),
    ("IN_PROGRESS", Status.RUNNING),
    ("SUCCESS", Status.SUCCEEDED),
    ("FAILURE", Status.FAILED),
]


@pytest.mark.parametrize(("word", "expected"), WORD_ROWS)
def test_words(word, expected):
    """Each documented word has its one meaning, in lower case, too; UNKNOWN has not started."""
    assert expected is seen(answer(word, result_url=VIDEO)).status
    assert expected is seen(answer(word and word.lower(), result_url=VIDEO)).status


def test_missing_word():
    """A task without a word has not ended."""
    assert Status.PENDING is seen({"code": "success", "data": {"task_id": TASK.id}}).status
    assert Status.PENDING is seen({"code": "success", "data": {}}).status


@pytest.mark.parametrize("word", ["SUCCEEDED", "succeeded", "FAILED", "CANCELED", "SUCCESS ", "DONE", "成功"])
def test_unknown_words(word):
    """A word that is not in the table, be it another provider's, is no end and no state; it is kept for the log."""
    observation = seen(answer(word, result_url=VIDEO))

    assert (observation.status, observation.word) == (None, word)


@pytest.mark.parametrize("word", ["succe\u00df", "\u017fuccess", "in_progre\u00df"])
def test_words_that_are_not_ascii(word):
    """A word that only becomes one of the table by the upper case of other alphabets is unknown."""
    observation = seen(answer(word, result_url=VIDEO))

    assert (observation.status, observation.word) == (None, word)


@pytest.mark.parametrize("word", [1, True, False, 0, [], ["SUCCESS"], {"SUCCESS": 1}])
def test_a_word_that_is_no_text(word):
    """A status that is no text is unreadable: asked again."""
    assert is_unreadable(read(answer(word)))


@pytest.mark.parametrize("code", ["success", "SUCCESS", "200", 200, 0, "0", "", None])
def test_fine_codes(code):
    """Relatives of the gateway write other codes for "the question was answered"."""
    assert Status.SUCCEEDED is seen({**SUCCESS, "code": code}).status
    assert Status.RUNNING is seen({**answer("IN_PROGRESS"), "code": code}).status


@pytest.mark.parametrize("code", ["fail_to_fetch_task", "error", 500, "500", -1, True, ["success"], {}])
def test_other_codes(code):
    """With any other code the answer is an error, whatever stands beside it."""
    reading = read({**SUCCESS, "code": code})

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)


def test_success_without_a_code():
    """A task without an envelope's code is a task."""
    assert Status.SUCCEEDED is seen({"data": SUCCESS["data"]}).status


# -- links -------------------------------------------------------------------------------------------------------------

OLD = "https://h.example/old.mp4"


@pytest.mark.parametrize(
    ("result_url", "fail_reason", "expected"),
    [
        (VIDEO, VIDEO, [(VIDEO, "video")]),
        (VIDEO, OLD, [(VIDEO, "video")]),
        (VIDEO, "", [(VIDEO, "video")]),
        ("", OLD, [(OLD, "video")]),
        (None, OLD, [(OLD, "video")]),
        ("pending", OLD, [(OLD, "video")]),
        ([VIDEO], OLD, [(OLD, "video")]),
        ("", "", []),
        ("", "no link", []),
        (None, None, []),
    ],
)
def test_links(result_url, fail_reason, expected):
    """The link stands in `result_url`; the old place counts only where that is empty. The word alone is the end."""
    observation = seen(answer("SUCCESS", result_url=result_url, fail_reason=fail_reason))

    assert Status.SUCCEEDED is observation.status
    assert expected == links(observation)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FAILURE", "QUEUED", "DREAMING"])
def test_links_without_success(status):
    """A link in any other state is no result."""
    assert seen(answer(status, result_url=VIDEO, fail_reason=VIDEO)).media == ()


def test_links_elsewhere():
    """The upstream's document is not read, nor is any other place."""
    upstream = {"output": {"video_url": UPSTREAM}, "video_url": UPSTREAM, "result_url": UPSTREAM}
    document = answer("SUCCESS", data=upstream, video_url=UPSTREAM, url=UPSTREAM)

    assert seen({**document, "result_url": UPSTREAM, "fail_reason": UPSTREAM}).media == ()


@pytest.mark.parametrize("word", ["SUCCEEDED", "FAILED", "UNKNOWN", "CANCELED"])
def test_upstream_words_are_not_read(word):
    """The upstream's word and id say nothing about the task; they are kept in `raw`."""
    inner = {"output": {"task_id": "upstream-id", "task_status": word, "video_url": UPSTREAM}, "status": "SUCCESS"}
    assert Status.RUNNING is seen(answer("IN_PROGRESS", data=inner)).status

    ended = seen(answer("FAILURE", data=inner))
    assert (ended.status, ended.media) == (Status.FAILED, ())
    assert ended.raw["data"]["data"] == inner


@pytest.mark.parametrize("inner", [None, [], "x", 5, {}])
def test_odd_upstream_documents(inner):
    """The upstream's document may be null or anything else."""
    assert Status.RUNNING is seen(answer("IN_PROGRESS", data=inner)).status
    assert Status.SUCCEEDED is seen(answer("SUCCESS", data=inner, result_url=VIDEO)).status


# -- reasons, progress, times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("upstream timeout", "upstream timeout"),
        ("see https://h.example/doc", "see https://h.example/doc"),
        (VIDEO, NO_REASON),
        ("http://h.example/v.mp4", NO_REASON),
        ("", NO_REASON),
        (" ", NO_REASON),
        (None, NO_REASON),
        (["x"], NO_REASON),
        (5, NO_REASON),
    ],
)
def test_reasons(reason, expected):
    """A reason that is a link is none."""
    assert Failure("FAILURE", expected) == seen(answer("FAILURE", fail_reason=reason)).failure


def test_reasons_are_clean():
    """A reason that echoes the key or a signed link is redacted."""
    failure = seen(answer("FAILURE", fail_reason="Bearer 0123456789abcdef at https://h.example/a?Sig=1")).failure

    assert failure == Failure("FAILURE", "Bearer *** at https://h.example/a?***")


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        ("0%", 0.0),
        ("50%", 0.5),
        ("50 %", 0.5),
        ("100%", 1.0),
        ("37.5%", 0.375),
        ("0.5%", 0.005),
        ("50", 0.5),
        (" 50 ", 0.5),
        ("1", 0.01),
        ("100", 1.0),
        (0, 0.0),
        (1, 0.01),
        (50, 0.5),
        (100, 1.0),
        (0.5, 0.5),
        (1.0, 1.0),
        ("0.5", 0.5),
        (62.5, 0.625),
        (101, None),
        ("250%", None),
        ("-5%", None),
        (-1, None),
        (1e300, None),
        (10**30, None),
        ("", None),
        ("half", None),
        ("50%%", None),
        ("nan", None),
        ("inf", None),
        ("1e2", None),
        ("\u0665\u0660%", None),
        ("9" * 5000, None),
        (True, None),
        (None, None),
        ([50], None),
        ({"percent": 50}, None),
    ],
)
def test_progress(progress, expected):
    """Progress is a percentage, with or without its sign, or a fraction; what is neither is left out."""
    assert expected == seen(answer("IN_PROGRESS", progress=progress)).progress


@pytest.mark.parametrize("stamp", [0, 0.0, None, "", -1, True, 1e300, "soon", [1769000000]])
def test_unset_times(stamp):
    """Zero is not yet; what is no time is left out."""
    observation = seen(answer("SUCCESS", submit_time=stamp, start_time=stamp, finish_time=stamp, result_url=VIDEO))

    assert (observation.submitted_at, observation.started_at, observation.finished_at) == (None, None, None)


def test_plain_answers_are_shared():
    """An answer that only says "not yet" is read into a shared value."""
    assert read(answer("QUEUED")) is NOT_YET[Status.PENDING]
    assert read(answer("IN_PROGRESS")) is NOT_YET[Status.RUNNING]


# -- whose answer it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task_id", ["another", "", "upstream-id", TASK.id.upper(), 5, True, [TASK.id]])
def test_answer_about_another_task(task_id):
    """An answer that echoes another id is a missed poll, however final it is."""
    assert is_unreadable(read(answer("SUCCESS", task_id=task_id, result_url=VIDEO)))


def test_answer_without_an_id():
    """An answer that echoes no id is about the task that was asked for."""
    assert Status.SUCCEEDED is seen(answer("SUCCESS", task_id=None, result_url=VIDEO)).status


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"code": "task_not_exist", "message": "task_not_exist", "data": None}, 400),
        ({"code": "task_not_exist", "message": "task_not_exist"}, 404),
        ({"code": "task_not_exist", "message": "task_not_exist", "data": None}, 200),
        ({"code": "success", "message": "", "data": None}, 200),
        ({"code": 0, "data": None}, 200),
    ],
)
def test_no_such_task(document, status):
    """The code of an unknown task, or a null where the task should be."""
    assert Answer((NoSuchTask(TASK.id),)) == read(document, status)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"code": "task_not_exist", "data": None}, 500),
        ({"code": "task_not_exist", "data": None}, 429),
        ({"code": "success", "data": None}, 400),
        ({"code": "success", "data": None}, 404),
        ({"message": "task_not_exist"}, 400),
        ({"code": "error", "data": None}, 200),
        ({"code": "success", "data": None, "error": {"message": "m"}}, 200),
    ],
)
def test_no_such_task_is_said_plainly(document, status):
    """A null in an answer that is an error, or the code in one of an overloaded server, says nothing of the task."""
    reading = read(document, status)

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"code": "success"},
        {"data": None},
        {"code": "success", "data": []},
        {"code": "success", "data": [SUCCESS["data"]]},
        {"code": "success", "data": "SUCCESS"},
        [],
        [SUCCESS],
        None,
        5,
        "success",
    ],
)
def test_neither_task_nor_error(document):
    """HTTP 200 without a task and without an error is unreadable, unless it says plainly that there is no task."""
    reading = read(document)

    assert is_unreadable(reading) or (reading == Answer((NoSuchTask(TASK.id),)) and isinstance(document, dict))


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"code": "success", "data": {"sta', b"\x00", b"[" * 9999])
def test_bodies_that_cannot_be_read(body):
    """HTTP 200 with a body that is no JSON is unreadable: asked again."""
    assert is_unreadable(read(body))


# -- errors of the question --------------------------------------------------------------------------------------------

RETRY, SLOW, REFUSED = "retry", "slow down", "refused"

ERROR_ROWS = [
    (401, REFUSED),
    (402, REFUSED),
    (403, REFUSED),
    (429, SLOW),
    (400, RETRY),
    (404, RETRY),
    (408, RETRY),
    (425, RETRY),
    (500, RETRY),
    (502, RETRY),
    (503, RETRY),
    (504, RETRY),
    (599, RETRY),
]


def kind_of(reading: Any) -> str:
    if isinstance(reading, Refused):
        return REFUSED
    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)
    return SLOW if reading.throttled else RETRY


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Invalid token", "type": "new_api_error"}},
        {"code": "get_task_failed", "message": "m", "data": None},
        {"error": "no"},
        {"error": None},
        {},
        [],
        b"<html>no</html>",
        b"",
        SUCCESS,
    ],
)
@pytest.mark.parametrize(("status", "expected"), ERROR_ROWS)
def test_errors(status, expected, body):
    """The status of an error is its verdict, whatever the body: a task in it ends nothing."""
    assert expected == kind_of(read(body, status))


def test_refused_key():
    """The documented refusal carries its words; its type is that of every error, and no code."""
    document = {"error": {"message": "Invalid token", "type": "new_api_error"}}

    assert Refused("HTTP 401", "Invalid token") == read(document, 401)
    assert Refused("bad_key", "m") == read({"error": {"code": "bad_key", "message": "m"}}, 401)


def test_errors_of_the_gateway():
    """The gateway's own errors carry their words."""
    reading = read({"code": "get_task_failed", "message": "database is locked", "data": None}, 500)

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)
    assert reading.problem.detail == "get_task_failed: database is locked"


def test_errors_are_clean():
    """An error that echoes the key shows none of it."""
    assert Refused("HTTP 401", "key ***") == read({"error": {"message": "key 0123456789abcdef"}}, 401)


# -- saying why --------------------------------------------------------------------------------------------------------


def test_explanation():
    """The notes name the word and the link, and the tasks are found without being told."""
    explanation = anyfast().explain(Reply(200, json.dumps(SUCCESS).encode(), SEEN_AT))

    assert Answer((seen(SUCCESS),)) == explanation.reading
    assert "data.status is 'SUCCESS': SUCCEEDED" in explanation.notes
    assert "data.result_url: video link" in explanation.notes


@pytest.mark.parametrize(
    ("document", "status", "note"),
    [
        ({"code": "task_not_exist", "data": None}, 400, "code is 'task_not_exist': no such task"),
        ({"code": "success", "data": None}, 200, "data is null: no such task"),
        (answer("DREAMING"), 200, "data.status is 'DREAMING': not in the table, so not an end"),
    ],
)
def test_other_explanations(document, status, note):
    """What decides without a final word is told, too."""
    assert note in anyfast().explain(Reply(status, json.dumps(document).encode(), SEEN_AT)).notes


# -- properties --------------------------------------------------------------------------------------------------------

_SPOILT = junk(VIDEO, TASK.id, "SUCCESS", "FAILURE", "in_progress", UPSTREAM)
_SHAPES = (
    SUCCESS,
    answer("IN_PROGRESS", progress="50%", data=SUCCESS["data"]["data"]),
    answer("FAILURE", fail_reason="why"),
    answer("SUCCESS", fail_reason=VIDEO),
    {"code": "task_not_exist", "message": "task_not_exist", "data": None},
    {"error": {"message": "m", "type": "new_api_error"}},
)


def check(document: Any, reading: Reading, status: int) -> None:
    """What holds for every reading of every document."""
    assert isinstance(reading, NotYet | Answer | Missed | Refused | Rejected)
    for each in reading.observations if isinstance(reading, Answer) else ():
        if isinstance(each, Observation) and each.status and each.status.is_final:
            data = document["data"]
            assert status == 200
            assert data["status"].upper() == {"SUCCEEDED": "SUCCESS", "FAILED": "FAILURE"}[each.status]
            assert all(media.url in (data.get("result_url"), data.get("fail_reason")) for media in each.media)
            assert each.media == () or each.status is Status.SUCCEEDED
            assert each.raw == document


@given(mutated(_SHAPES, _SPOILT), st.sampled_from([200, 200, 200, 400, 401, 404, 429, 500]))
def test_mutated_answers(document, status):
    """Whatever becomes of a recorded answer, it has a reading, and no end is invented."""
    check(document, read(document, status), status)


@given(mutated(_SHAPES, _SPOILT), mutated(_SHAPES, _SPOILT))
def test_doubled_keys(document, other):
    """Objects whose keys stand twice have a reading, too; the last one counts."""
    if isinstance(document, dict) and isinstance(other, dict):
        body = encoded_twice(document, other)
        check(json.loads(body), read(body), 200)


@given(_SPOILT, st.integers(100, 599))
def test_any_json(document, status):
    """Any JSON with any status has a reading, alone and in the place of a task."""
    for body in (document, {"code": "success", "data": document}, answer("SUCCESS", data=document)):
        check(body, read(body, status), status)
