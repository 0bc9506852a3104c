"""DashScope's answers: every row of its documentation, and what strangers make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.helpers import SEEN_AT, TASK, dashscope, links, output, read, seen, without
from tests.providers.recorded.dashscope import EDIT, LOST, URL, VIDEO
from wanpoll import Failure, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, Missed, NoSuchTask, NotYet, Observation, Refused, Rejected
from wanpoll.exceptions import DecodeError, TransportError
from wanpoll.providers import Reply

# -- the questions -----------------------------------------------------------------------------------------------------


def test_ask():
    """One GET for one task; a colon in an id is quoted, so that it stays one segment of the path."""
    request = dashscope().ask([Task("a:b-1")])

    assert (request.method, request.url) == ("GET", "https://dashscope.example/api/v1/tasks/a%3Ab-1")
    assert (request.body, dict(request.headers)) == (None, {})


def test_ask_cancel():
    """Canceling is a POST without a body."""
    request = dashscope().ask_cancel(Task("a"))

    assert (
        request.method,
        request.url,
        request.body,
    ) == ("POST", "https://dashscope.example/api/v1/tasks/a/cancel", None)


def test_documented_limits():
    """The account's quota is 20 questions a second, the advised interval 15 s, and no question names several ids."""
    provider = dashscope()

    assert (
        provider.quota.requests,
        provider.quota.per,
        provider.interval,
        provider.max_batch,
        provider.can_cancel,
    ) == (20, 1.0, 15.0, 1, True)


def cancel_reading(document: Any, status: int) -> Any:
    return dashscope().decode_cancel(TASK, Reply(status, json.dumps(document).encode(), 0.0))


def test_cancel_accepted():
    """200 with a request id alone means accepted."""
    assert Answer() == cancel_reading({"request_id": "r"}, 200)


def test_cancel_of_a_running_task():
    """A task that is not PENDING any more is not canceled, and the provider's word tells why."""
    document = {"request_id": "r", "code": "UnsupportedOperation", "message": "The task is running"}

    assert Rejected(Failure("UnsupportedOperation", "The task is running")) == cancel_reading(document, 400)


def test_cancel_missed():
    """A broken answer to a cancellation is a missed question, a refused key a refusal."""
    assert isinstance(cancel_reading(None, 502), Missed)
    assert Refused("InvalidApiKey", "no") == cancel_reading({"code": "InvalidApiKey", "message": "no"}, 401)


# -- the recorded documents --------------------------------------------------------------------------------------------


def test_reference_to_video():
    """The documented answer of a video model reads as it is meant."""
    observation = seen(VIDEO)

    assert Status.SUCCEEDED is observation.status
    assert links(observation) == [("https://dashscope-a717.oss-accelerate.example/xxx.mp4?xxxx", "video")]
    assert datetime(2026, 4, 2, 14, 53, 19, 537_000, tzinfo=UTC) == observation.submitted_at
    assert datetime(2026, 4, 2, 14, 53, 30, 427_000, tzinfo=UTC) == observation.started_at
    assert datetime(2026, 4, 2, 15, 0, 39, 287_000, tzinfo=UTC) == observation.finished_at
    assert VIDEO["usage"] == observation.usage
    assert observation.raw == VIDEO
    assert observation.failure is None


def test_image_edit():
    """The documented answer of an image model reads as it is meant; a link that does not tell lives for a day."""
    observation = seen(EDIT)

    assert Status.SUCCEEDED is observation.status
    assert links(observation) == [("https://dashscope-result-sh.oss-cn-shanghai.example/xxx.png?Expires=xxx", "image")]
    assert datetime(2025, 6, 16, 15, 6, 40, tzinfo=UTC) == observation.media[0].expires_at
    assert datetime(2025, 9, 23, 14, 15, 23, 456_000, tzinfo=UTC) == observation.finished_at
    assert observation.usage == {"image_count": 1}


def test_running():
    """The documented answer of a running task: its progress is the part of its results that is done."""
    metrics = {"TOTAL": 4, "SUCCEEDED": 1, "FAILED": 1}
    document = output("RUNNING", submit_time="2026-03-01 17:38:24.817", task_metrics=metrics)

    at = datetime(2026, 3, 1, 9, 38, 24, 817_000, tzinfo=UTC)
    assert Observation(TASK.id, Status.RUNNING, "RUNNING", 0.5, submitted_at=at) == seen(document)


def test_a_thorough_reader_tells_the_times_of_a_running_task():
    """Most are read in a short way, as one of two shared values; who wants to know a task's age reads in full."""
    document = output("RUNNING", submit_time="2026-03-01 17:38:24.817", scheduled_time="2026-03-01 17:38:25")
    answer = Reply(200, json.dumps(document).encode(), SEEN_AT)
    (full,) = dashscope().thorough().read([TASK], answer).observations

    assert dashscope().read([TASK], answer) is NOT_YET[Status.RUNNING]
    assert (full.started_at - full.submitted_at).total_seconds() == pytest.approx(0.183)


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("PENDING", Status.PENDING),
        ("RUNNING", Status.RUNNING),
        ("SUSPENDED", Status.PENDING),
        ("SUCCEEDED", Status.SUCCEEDED),
        ("FAILED", Status.FAILED),
        ("CANCELED", Status.CANCELED),
        ("CANCELLED", Status.CANCELED),
    ],
)
def test_words(word, expected):
    """Each documented word has its one meaning."""
    assert expected is seen(output(word)).status


@pytest.mark.parametrize("word", ["", "succeeded", "Succeeded", "SUCCEEDED ", "DONE", "BLOCKED", "TIMEOUT", "失败"])
def test_unknown_words(word):
    """A word that is not in the table is no end and no state; it is kept for the log."""
    assert (None, word) == (seen(output(word)).status, seen(output(word)).word)


def test_no_such_task():
    """HTTP 200 with UNKNOWN means that there is no such task, not that its state is unknown."""
    assert Answer((NoSuchTask(TASK.id),)) == read(output("UNKNOWN"))
    assert Answer((NoSuchTask(TASK.id),)) == read({"request_id": "r", "output": {"task_status": "UNKNOWN"}})


@pytest.mark.parametrize("word", [None, 1, True, ["SUCCEEDED"], {"word": "SUCCEEDED"}])
def test_a_word_that_is_no_text(word):
    """A status that is no text is unreadable: asked again."""
    assert is_unreadable(read({"output": {"task_id": TASK.id, "task_status": word}}))


def is_unreadable(reading: Any) -> bool:
    return isinstance(reading, Missed) and isinstance(reading.problem, DecodeError) and not reading.throttled


@pytest.mark.parametrize("task_id", ["another", "", TASK.id.upper(), 5, ["0385dc79"]])
def test_answer_about_another_task(task_id):
    """An answer that echoes another id is a missed poll, however final it is."""
    document = output("SUCCEEDED", video_url=URL)
    document["output"]["task_id"] = task_id

    assert is_unreadable(read(document))


def test_answer_without_an_id():
    """An answer that echoes no id is about the task that was asked for."""
    assert Status.RUNNING is seen(without(output("RUNNING"), "task_id")).status
    assert Status.RUNNING is seen({"output": {"task_id": None, "task_status": "RUNNING"}}).status


# -- errors of the question --------------------------------------------------------------------------------------------

RETRY, SLOW, SPENT, REFUSED, REJECTED = "retry", "slow down", "maybe spent", "refused", "rejected"

ERROR_ROWS = [
    (429, "Throttling", SLOW),
    (429, "Throttling.RateQuota", SLOW),
    (429, "Throttling.BurstRate", SLOW),
    (429, "LimitRequests", SLOW),
    (429, "SomethingNew", SLOW),
    (429, "", SLOW),
    (400, "Throttling.RateQuota", SLOW),
    (429, "PrepaidBillOverdue", REFUSED),
    (429, "PostpaidBillOverdue", REFUSED),
    (429, "CommodityNotPurchased", REFUSED),
    (403, "AccessDenied.Unpurchased", REFUSED),
    (403, "Model.Unpurchased", REFUSED),
    (403, "Arrearage", REFUSED),
    (400, "Arrearage", REFUSED),
    (429, "Throttling.AllocationQuota", SPENT),
    (401, "InvalidApiKey", REFUSED),
    (403, "AccessDenied", REFUSED),
    (403, "Workspace.AccessDenied", REFUSED),
    (401, "", REFUSED),
    (403, "SomethingNew", REFUSED),
    (400, "InvalidParameter", REJECTED),
    (400, "InvalidParameter.DataInspection", REJECTED),
    (400, "UnsupportedOperation", REJECTED),
    (400, "ServiceUnavailableError", REJECTED),
    (400, "SomethingNew", RETRY),
    (400, "", RETRY),
    (404, "", RETRY),
    (408, "RequestTimeOut", RETRY),
    (425, "", RETRY),
    (500, "InternalError", RETRY),
    (500, "InternalError.Timeout", RETRY),
    (500, "InternalError.Algo", RETRY),
    (500, "SystemError", RETRY),
    (500, "ModelServingError", RETRY),
    (500, "RequestTimeOut", RETRY),
    (400, "InternalError", RETRY),
    (403, "SystemError", RETRY),
    (503, "ServiceUnavailableError", RETRY),
    (500, "InvalidParameter", RETRY),
    (502, "", RETRY),
    (503, "", RETRY),
    (504, "", RETRY),
    (599, "", RETRY),
]


def kind_of(reading: Any) -> str:
    if isinstance(reading, Refused):
        return REFUSED
    if isinstance(reading, Rejected):
        return REJECTED
    assert isinstance(reading, Missed)
    return SPENT if reading.spent else SLOW if reading.throttled else RETRY


@pytest.mark.parametrize(("status", "code", "expected"), ERROR_ROWS)
def test_errors(status, code, expected):
    """Each documented error has its one verdict: by its code first, then by its status."""
    document = {"code": code, "message": "why", "request_id": "r"}

    assert expected == kind_of(read(document, status))


@pytest.mark.parametrize(("status", "code", "expected"), [row for row in ERROR_ROWS if row[1]])
def test_errors_carry_their_words(status, code, expected):
    """Whatever the verdict, the provider's code and message are told."""
    reading = read({"code": code, "message": "why", "request_id": "r"}, status)

    if isinstance(reading, Missed):
        assert isinstance(reading.problem, TransportError)
        assert (status, f"{code}: why") == (reading.problem.status, reading.problem.detail)
        assert (Failure(code, "why") if expected == SPENT else None) == reading.spent
    elif isinstance(reading, Refused):
        assert (code, "why") == (reading.code, reading.message)
    else:
        assert Rejected(Failure(code, "why")) == reading


@pytest.mark.parametrize(
    ("status", "expected"), [(401, REFUSED), (403, REFUSED), (429, SLOW), (500, RETRY), (502, RETRY), (404, RETRY)]
)
@pytest.mark.parametrize("body", [b"<html><h1>no</h1></html>", b"", b"[]", b'"code"', b'["code"]', b"5", b"\xff"])
def test_errors_of_gateways(status, expected, body):
    """A gateway's page has the verdict of its status."""
    assert expected == kind_of(read(body, status))


@pytest.mark.parametrize(("status", "kind"), [(429, "throttled"), (502, "server error"), (404, "error answer")])
def test_error_kinds(status, kind):
    """Missed polls are counted by what went wrong."""
    reading = read(b"", status)

    assert isinstance(reading, Missed)
    assert (kind, status) == (reading.problem.kind, reading.problem.status)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status):
    """What the server asks for is passed on, also with a 503."""
    reading = read({"code": "Throttling"}, status, retry_after=7.0)

    assert isinstance(reading, Missed)
    assert reading.retry_after == 7.0


@pytest.mark.parametrize("code", [None, 401, ["InvalidApiKey"], {"a": 1}])
def test_error_with_an_odd_code(code):
    """A code that is no text counts as none: the status decides."""
    assert kind_of(read({"code": code, "message": ["x"]}, 500)) == RETRY
    assert kind_of(read({"code": code, "message": ["x"]}, 401)) == REFUSED


@pytest.mark.parametrize(
    ("code", "expected"), [("InvalidApiKey", REFUSED), ("Throttling", SLOW), ("InternalError", RETRY), ("New", RETRY)]
)
def test_error_with_status_200(code, expected):
    """An error document counts as an error, even with HTTP 200."""
    assert expected == kind_of(read({"code": code, "message": "m", "request_id": "r"}))
    assert expected == kind_of(read({"code": code, "message": "m", "output": None}))


@pytest.mark.parametrize(
    "document", [{}, {"request_id": "r"}, {"output": None}, {"output": []}, {"output": "done"}, [], None, 1, "x"]
)
def test_neither_task_nor_error(document):
    """HTTP 200 without a task and without an error is unreadable: asked again."""
    assert is_unreadable(read(document))


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"output": {"task_status": "SUCC', b"\x00", b"[" * 9999])
def test_bodies_that_cannot_be_read(body):
    """HTTP 200 with a body that is no JSON is unreadable: asked again."""
    assert is_unreadable(read(body))


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 400, 404])
def test_final_word_with_an_error_status(status):
    """The word SUCCEEDED in an error answer ends nothing."""
    assert not isinstance(read(output("SUCCEEDED", video_url=URL), status), Answer)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_redirects(status):
    """A redirect is an error of configuration, whatever its body says."""
    reading = read(output("SUCCEEDED", video_url=URL), status)

    assert isinstance(reading, Missed)
    assert ("redirect", status) == (reading.problem.kind, reading.problem.status)


def test_errors_are_short_and_clean():
    """An endless message that echoes key and links is cut and redacted, code included."""
    echo = "sk-secretsecret https://h.example/x?Signature=canary " * 1000
    for status in (400, 401, 429, 500):
        reading = read({"code": echo, "message": echo}, status)
        shown = f"{reading!r} {getattr(reading, 'problem', '')}"

        assert "secretsecret" not in shown
        assert "canary" not in shown
        assert len(shown) < 3000


# -- media -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"video_url": URL}, "video"),
        ({"results": {"video_url": URL}}, "video"),
        ({"output_video_url": URL}, "video"),
        ({"results": [{"url": URL}]}, "image"),
        ({"choices": [{"message": {"role": "assistant", "content": [{"image": URL, "type": "image"}]}}]}, "image"),
        ({"image_url": URL}, "image"),
        ({"output_image_url": URL}, "image"),
        ({"results": [{"transcription_url": URL}]}, "text"),
        ({"result": {"transcription_url": URL}}, "text"),
    ],
)
def test_media(fields, kind):
    """Every family of models has its place, and the link comes out byte by byte, with its own end."""
    observation = seen(output("SUCCEEDED", **fields))

    assert [(URL, kind)] == links(observation)
    assert datetime.fromtimestamp(1_751_000_000, UTC) == observation.media[0].expires_at


def test_plain_http_links():
    """Links without TLS are links."""
    assert links(seen(output("SUCCEEDED", video_url="http://h.example/a.mp4"))) == [("http://h.example/a.mp4", "video")]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_failed_siblings(at):
    """A result that failed by itself stands at its own place, once, with its reason and without a link."""
    results: list[dict[str, str]] = [{"url": f"http://h.example/{n}.png"} for n in range(2)]
    results.insert(at, LOST)
    observation = seen(output("SUCCEEDED", results=results))
    expected = [(each.get("url"), "image") for each in results]

    assert expected == links(observation)
    assert Failure(LOST["code"], LOST["message"]) == observation.media[at].failure


def test_all_siblings_failed_alike():
    """Two results that failed for the same reason are two."""
    observation = seen(output("SUCCEEDED", results=[LOST, LOST]))

    assert links(observation) == [(None, "image")] * 2


def test_failed_transcriptions():
    """A failed part of a speech recognition is a failed text, and is told once."""
    results = [{"transcription_url": "http://h.example/a.json"}, {"file_url": "http://h.example/b.wav", **LOST}]

    assert links(seen(output("SUCCEEDED", results=results))) == [("http://h.example/a.json", "text"), (None, "text")]


def test_failed_sibling_with_odd_fields():
    """Odd reasons neither fail the result nor show a payload."""
    results = [{"code": "C", "message": {"prompt": "p"}}, {"code": 5}, {"code": None}, None, 1, "x", [], {"url": URL}]

    observation = seen(output("SUCCEEDED", results=results))

    assert links(observation) == [(None, "image"), (URL, "image")]
    assert Failure("C") == observation.media[0].failure


def test_several_choices_with_texts_between():
    """Images come from all choices in order; the texts that stand between them are no media."""
    contents = [
        [{"text": "http://h.example/no.png"}, {"image": "http://h.example/1.png"}, {"text": "b"}],
        [{"image": "http://h.example/2.png"}, {"type": "text", "text": "c"}, {"image": "http://h.example/3.png"}],
    ]
    choices = [{"finish_reason": "stop", "message": {"content": content}} for content in contents]

    assert [(f"http://h.example/{n}.png", "image") for n in (1, 2, 3)] == links(
        seen(output("SUCCEEDED", choices=choices))
    )


def test_same_link_twice():
    """A link that stands at two places is one result."""
    assert links(seen(output("SUCCEEDED", video_url=URL, results={"video_url": URL}))) == [(URL, "video")]


def test_inputs_are_no_media():
    """Inputs are echoed in the answer too, and are never taken for results."""
    echo = {
        "orig_prompt": f"make it like {URL}",
        "actual_prompt": URL,
        "file_url": URL,
        "base_image_url": URL,
        "img_url": URL,
        "first_frame_url": URL,
        "results": [{"orig_prompt": URL, "file_url": URL}],
        "input": {"video_url": URL},
    }

    assert links(seen(output("SUCCEEDED", **echo) | {"video_url": URL, "usage": {"video_url": URL}})) == []


@pytest.mark.parametrize(
    "value", [None, "", "a.mp4", "oss://b/k", "file:///etc/passwd", "data:,x", 1, [URL], {"u": URL}]
)
def test_what_is_no_web_link(value):
    """Anything but the text of a web link is passed over, and the task succeeded all the same."""
    observation = seen(output("SUCCEEDED", video_url=value))

    assert (observation.status, observation.media) == (Status.SUCCEEDED, ())


@pytest.mark.parametrize(
    "url", ["http://[", "HTTP://h.example/", "https://h.example/?Expires=" + "9" * 5000, "https://h.example/\ud83d"]
)
def test_odd_links(url):
    """A link that cannot be parsed is still what the provider gave: the task ends."""
    observation = seen(output("SUCCEEDED", video_url=url))

    assert (observation.status, len(observation.media)) == (Status.SUCCEEDED, 1)


@pytest.mark.parametrize("url", ["http://", "https:// ", "https:///a"])
def test_links_without_a_host(url):
    """A scheme alone is no link: nobody could follow it."""
    observation = seen(output("SUCCEEDED", video_url=url))

    assert (observation.status, observation.media) == (Status.SUCCEEDED, ())


def test_success_without_a_link():
    """Template generation succeeds without any link; the document is kept."""
    observation = seen(output("SUCCEEDED", template_id="AACT.1"))

    assert (
        observation.status,
        observation.media,
        observation.raw["output"]["template_id"],
    ) == (Status.SUCCEEDED, (), "AACT.1")


def test_success_with_none_of_one():
    """SUCCEEDED with 0 of 1 is SUCCEEDED: the provider's word counts."""
    metrics = {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1}
    observation = seen(output("SUCCEEDED", results=[LOST], task_metrics=metrics))

    assert (observation.status, links(observation)) == (Status.SUCCEEDED, [(None, "image")])


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "FAILED", "CANCELED", "NEW"])
def test_media_belong_to_success(word):
    """Links in the answer of a task that did not succeed are no results."""
    assert seen(output(word, video_url=URL)).media == ()


# -- the rest of an end ------------------------------------------------------------------------------------------------


def test_times_with_and_without_milliseconds():
    """Milliseconds may be missing for one time and present for its neighbour."""
    observation = seen(output("SUCCEEDED", submit_time="2026-03-01 08:00:00", end_time="2026-03-01 08:00:01.5"))

    assert datetime(2026, 3, 1, 0, 0, 0, tzinfo=UTC) == observation.submitted_at
    assert datetime(2026, 3, 1, 0, 0, 1, 500_000, tzinfo=UTC) == observation.finished_at
    assert observation.started_at is None


@pytest.mark.parametrize("value", [None, "", "soon", 1745568428109, [], {}, "2026-02-30 00:00:00", "9999999"])
def test_times_that_cannot_be_read(value):
    """A time that cannot be read never makes a result fail."""
    observation = seen(output("SUCCEEDED", video_url=URL, submit_time=value, scheduled_time=value, end_time=value))

    assert (observation.submitted_at, observation.started_at, observation.finished_at) == (None, None, None)
    assert links(observation) == [(URL, "video")]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"duration": 5, "ratio": "16:9", "cost": 0.5, "deep": {"a": [1]}}, None),
        ({}, None),
        (None, {}),
        ([], {}),
        ("5", {}),
        (5, {}),
    ],
)
def test_usage(usage, expected):
    """Usage is kept as it came when it is a mapping, and is empty otherwise."""
    assert (usage if expected is None else expected) == seen(output("SUCCEEDED") | {"usage": usage}).usage


def test_usage_absent():
    """Usage may be absent."""
    assert seen(output("SUCCEEDED")).usage == {}


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"TOTAL": 4, "SUCCEEDED": 0, "FAILED": 0}, 0.0),
        ({"TOTAL": 4, "SUCCEEDED": 3, "FAILED": 1}, 1.0),
        ({"TOTAL": 2, "SUCCEEDED": 9}, 1.0),
        ({"TOTAL": 0, "SUCCEEDED": 0, "FAILED": 0}, None),
        ({"TOTAL": -1, "SUCCEEDED": 0}, None),
        ({"TOTAL": 1, "SUCCEEDED": -5}, None),
        ({"TOTAL": 1, "SUCCEEDED": 2**64 - 1}, 1.0),
        ({"TOTAL": 2**70, "SUCCEEDED": 1}, 2.0**-70),
        ({"TOTAL": "4"}, None),
        ({"TOTAL": 4, "SUCCEEDED": True}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("x", None),
    ],
)
def test_progress(metrics, expected):
    """Progress is between 0 and 1, or None where the metrics make no sense."""
    assert expected == seen(output("RUNNING", task_metrics=metrics)).progress


@pytest.mark.parametrize(
    ("inside", "beside", "expected"),
    [
        ({"code": "C", "message": "m"}, {}, Failure("C", "m")),
        ({}, {"code": "C", "message": "m"}, Failure("C", "m")),
        ({"code": "C", "message": "m"}, {"code": "D", "message": "n"}, Failure("C", "m")),
        ({"code": "", "message": ""}, {"code": "D", "message": "n"}, Failure("D", "n")),
        ({"code": None, "message": None}, {"code": "D"}, Failure("D")),
        ({"code": "C"}, {}, Failure("C")),
        ({"code": "C", "message": ["x"]}, {}, Failure("C")),
        ({"code": 5, "message": "m"}, {}, Failure("FAILED", "m")),
        ({"message": "m"}, {}, Failure("FAILED", "m")),
        ({}, {}, Failure("FAILED", "the provider gave no reason")),
        ({"code": "InternalError.Timeout", "message": "3 h"}, {}, Failure("InternalError.Timeout", "3 h")),
        ({"code": "InvalidApiKey", "message": "m"}, {}, Failure("InvalidApiKey", "m")),
    ],
)
def test_reasons(inside, beside, expected):
    """The reason stands in `output`, or at top level beside it; a query error's code in it fails the task alone."""
    observation = seen(output("FAILED", **inside) | beside)

    assert (Status.FAILED, expected) == (observation.status, observation.failure)


def test_canceled_without_a_reason():
    """A canceled task needs no reason."""
    assert seen(output("CANCELED")).failure is None
    assert Failure("C", "m") == seen(output("CANCELLED", code="C", message="m")).failure


def test_no_failure_with_success():
    """A code beside a success is no failure."""
    assert seen(output("SUCCEEDED", code="C") | {"code": "D"}).failure is None


def test_reasons_are_clean():
    """Reasons that echo links or the key are redacted: failure, failed sibling and unknown word alike."""
    echo = "sk-0123456789 https://h.example/a?Signature=canary"
    shown = "*** https://h.example/a?***"

    assert Failure(shown, shown) == seen(output("FAILED", code=echo, message=echo)).failure
    sibling = seen(output("SUCCEEDED", results=[{"code": echo, "message": echo}])).media[0]
    assert Failure(shown, shown) == sibling.failure
    assert shown == seen(output(echo)).word


def test_bare_keys_are_clean():
    """A key without any telling shape is found by its value: in reasons, in errors and in unreadable bodies."""
    key = "0123456789abcdef0123456789abcdef"
    document = output("FAILED", code="C", message=f"key {key}")
    readings = [
        read(document, key=key),
        read({"code": "C", "message": f"key {key}"}, 401, key=key),
        read({"code": f"key {key}"}, 500, key=key),
        read(b"<html>Authorization: " + key.encode(), key=key),
        read(output(f"word {key}"), key=key),
    ]

    for reading in readings:
        shown = attrs.asdict(reading, filter=lambda attribute, _: attribute.name != "raw")
        assert key not in repr(shown)


# -- properties --------------------------------------------------------------------------------------------------------

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_junk = st.recursive(
    _scalars | st.sampled_from([URL, "SUCCEEDED", TASK.id]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_CHOICES = {"choices": [{"message": {"content": [{"text": "t"}, {"image": URL}]}}]}
_SHAPES = (
    VIDEO,
    EDIT,
    output("RUNNING", task_metrics={"TOTAL": 4, "SUCCEEDED": 0, "FAILED": 0}),
    output("FAILED", code="C", message="m", results=[LOST, {"url": URL}]),
    output("SUCCEEDED", **_CHOICES),
    output("UNKNOWN"),
    {"code": "Throttling", "message": "m", "request_id": "r"},
)


@st.composite
def _mutated(draw: Any) -> Any:
    """A recorded shape, some of whose fields were dropped, replaced or put in another order."""
    return _mutate(draw, draw(st.sampled_from(_SHAPES)))


def _mutate(draw: Any, value: Any) -> Any:
    change = draw(st.sampled_from(["keep"] * 8 + ["junk"]))
    if change == "junk":
        return draw(_junk)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 9))]
        return {name: _mutate(draw, value[name]) for name in draw(st.permutations(kept))}
    if isinstance(value, list):
        return [_mutate(draw, each) for each in value]
    return value


def says(document: Any, word: str) -> bool:
    inner = document.get("output") if isinstance(document, dict) else None
    return isinstance(inner, dict) and inner.get("task_status") == word


@given(_mutated(), st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 502]))
def test_mutated_answers(document, status):
    """Whatever becomes of a recorded answer, it has a reading, and no end is invented."""
    reading = read(document, status)

    assert isinstance(reading, NotYet | Answer | Missed | Refused | Rejected)
    ends = {"SUCCEEDED": ["SUCCEEDED"], "FAILED": ["FAILED"], "CANCELED": ["CANCELED", "CANCELLED"]}
    for observation in reading.observations if isinstance(reading, Answer) else ():
        if isinstance(observation, Observation) and observation.status and observation.status.is_final:
            assert status == 200
            assert any(says(document, word) for word in ends[observation.status])


@given(st.binary(max_size=100), st.integers(100, 599))
def test_any_answer(body, status):
    """Any bytes with any status have a reading, which ends no task."""
    reading = read(body, status)

    assert isinstance(reading, Missed | Refused | Rejected)


@given(st.text(max_size=40), st.integers(400, 599))
def test_any_code(code, status):
    """Any code has a verdict, and no problem shows more than it may."""
    reading = read({"code": code, "message": code}, status)

    assert isinstance(reading, Missed | Refused | Rejected)
