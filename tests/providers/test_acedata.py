"""Ace Data Cloud's answers: every row of its table, what decides where two rows hold, batches, errors."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.helpers import SEEN_AT, encoded_twice, junk, links, mutated
from tests.providers.recorded.acedata import (
    AUDIO,
    CODED,
    EXPECTED,
    IMAGE,
    INPUT,
    MESSAGE,
    MIXED,
    RECORD,
    SEVERAL,
    TASK,
    TASKS,
    VIDEO,
    finished,
    item,
    parts,
    record,
)
from wanpoll import Failure, Poller, ProviderRefused, Rate, Status, Task, UsageError
from wanpoll._core.readings import NOT_YET, Answer, Missed, NoSuchTask, NotYet, Observation, Reading, Refused, Rejected
from wanpoll.exceptions import DecodeError, TransportError
from wanpoll.providers import AceData, Reply
from wanpoll.providers._acedata_rules import MEDIA, RULES, WORDS, decide, read_facts
from wanpoll.providers.rules import values_at
from wanpoll.simulator import Simulator


def acedata(key: str = "0123456789abcdef0123456789abcdef", **options: Any) -> AceData:
    return AceData(key, base_url="https://ace.example", **options)


def read(document: Any, status: int = 200, tasks: Sequence[Task] = (TASK,), key: str = "0123456789abcdef") -> Reading:
    """What the decoder makes of `document`; bytes are the body itself."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return acedata(key).read(tasks, Reply(status, body, SEEN_AT))


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


# -- the account and its questions -------------------------------------------------------------------------------------


def test_limits():
    """50 tasks in one question, 16 MiB for its answer, a modest quota, 15 s between two polls of a task."""
    provider = acedata()

    assert (provider.max_batch, provider.max_body) == (50, 16 << 20)
    assert (provider.quota, provider.interval, provider.can_cancel) == (Rate(5, per=1.0), 15.0, False)


def test_address_and_key_by_default():
    """Without arguments, the address is the public one and the key that of the environment."""
    provider = AceData().bind({"ACEDATACLOUD_API_TOKEN": "t-environ"})

    assert provider.ask([TASK]).url == "https://api.acedata.cloud/wan/tasks"
    assert provider.headers()["Authorization"] == "Bearer t-environ"


def test_ask_one():
    """One task is retrieved, by a POST of JSON."""
    request = acedata().ask([TASK])

    assert (request.method, request.url) == ("POST", "https://ace.example/wan/tasks")
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body or b"") == {"action": "retrieve", "id": TASK.id}


def test_ask_several():
    """Several tasks are retrieved as a batch that is one page: without a limit, siblings answer 12 of them."""
    tasks = [Task(f"id-{number}") for number in range(50)]
    query = json.loads(acedata(service="kling").ask(tasks).body or b"")

    assert query == {
        "action": "retrieve_batch",
        "ids": [task.id for task in tasks],
        "offset": 0,
        "limit": 50,
    }


@pytest.mark.parametrize("service", ["wan", "kling", "nano-banana", "qwen_image", "Suno", "x402"])
def test_services(service):
    """The service is the first segment of the path, and stays with copies of the account."""
    provider = acedata(service=service).configured(name="other", base_url="https://b.example").bind({})

    assert provider.ask([TASK]).url == f"https://b.example/{service}/tasks"
    assert (provider.service, provider.name) == (service, "other")
    assert f"service={service!r}" in repr(provider)
    assert "0123456789abcdef" not in repr(provider)


@pytest.mark.parametrize(
    "service",
    ["", "wan/tasks", "/wan", "..", ".", "wan?x", "wan#x", "wan ", "w\n", "wän", "%2e", "-wan", 5, None, b"wan"],
)
def test_odd_services(service):
    """A service that is no segment of a path is refused, with what to give instead."""
    with pytest.raises(UsageError, match="service=.*as in 'wan'"):
        acedata(service=service)


# -- the recorded documents --------------------------------------------------------------------------------------------


def test_finished_video():
    """The documented record reads as it is meant, its link byte for byte."""
    observation = seen(RECORD)

    assert Status.SUCCEEDED is observation.status
    assert links(observation) == [(VIDEO, "video")]
    assert observation.media[0].expires_at == datetime(2026, 1, 25, 13, 54, 38, tzinfo=UTC)
    assert observation.submitted_at == datetime(2026, 1, 24, 13, 52, 1, 763_000, tzinfo=UTC)
    assert observation.finished_at == datetime(2026, 1, 24, 14, 5, 9, 94_000, tzinfo=UTC)
    assert (observation.started_at, observation.failure, dict(observation.usage)) == (None, None, {})
    assert observation.raw == RECORD


def test_documented_batch():
    """The documented answer of a batch, with one task twice, is one observation of it."""
    other = Task("another")

    assert Answer((seen(RECORD),)) == read(SEVERAL, tasks=[TASK, other])


def test_documented_error():
    """The documented error is one of the server: asked again."""
    reading = read(MESSAGE, 500)

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)
    assert (reading.problem.status, reading.problem.detail) == (500, "api_error: fetch failed")


def test_old_records():
    """Older records write their times as ISO texts, with or without a zone."""
    observation = seen({**RECORD, "created_at": "2024-05-01T10:00:00+08:00", "finished_at": "2024-05-01T02:05:00.5"})

    assert observation.submitted_at == datetime(2024, 5, 1, 2, 0, tzinfo=UTC)
    assert observation.finished_at == datetime(2024, 5, 1, 2, 5, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [None, 0, -1, True, 1e300, "", "soon", [1769262721], {"$date": 1}])
def test_odd_times(stamp):
    """A time that is none is left out, and costs nothing else."""
    observation = seen({**RECORD, "created_at": stamp, "finished_at": stamp})

    assert (observation.submitted_at, observation.finished_at) == (None, None)
    assert links(observation) == [(VIDEO, "video")]


# -- the table, row by row ---------------------------------------------------------------------------------------------

ROWS = [
    (record(None), Status.PENDING),
    (record([]), Status.PENDING),
    (record("done"), Status.PENDING),
    (record(True), Status.PENDING),
    ({"id": TASK.id}, Status.PENDING),
    (finished(None), Status.PENDING),
    *((record({name: word}), Status.RUNNING) for name in ("state", "status") for word in list(WORDS)[:4]),
    (record({}), Status.RUNNING),
    (record({"success": True, "task_id": TASK.id}), Status.RUNNING),
    (record({"success": True, "task_id": TASK.id, "data": []}), Status.RUNNING),
    (record({"success": True, "data": None}), Status.RUNNING),
    (record({"data": []}), Status.RUNNING),
    *((record({"state": word, "video_url": VIDEO}), Status.SUCCEEDED) for word in list(WORDS)[4:10]),
    (record({"status": "succeeded", "video_url": VIDEO}), Status.SUCCEEDED),
    (finished({"success": True, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"success": True, "video_url": VIDEO, "finished_at": 1769263509.0}), Status.SUCCEEDED),
    (record({"success": False, "error": CODED}), Status.FAILED),
    (finished({"success": False, "error": CODED}), Status.FAILED),
    (finished({"success": False}), Status.FAILED),
    (finished({"success": False, "error": "temporary"}), Status.FAILED),
    (finished({"success": False, "error": None}), Status.FAILED),
    (record({"success": False, "error": "temporary"}), Status.RUNNING),
    (record({"success": False, "error": None}), Status.RUNNING),
    (record({"success": False}), Status.RUNNING),
    (record({"success": True, "error": CODED}), Status.FAILED),
    (record({"success": True, "error": {"message": "no"}}), Status.FAILED),
    (record({"status": 400, "message": "bad prompt"}), Status.FAILED),
    (record({"status": 503, "message": "upstream"}), Status.FAILED),
    *((record({"state": word}), Status.FAILED) for word in list(WORDS)[10:15]),
    *((record({"status": word}), Status.CANCELED) for word in ("cancelled", "canceled")),
]


@pytest.mark.parametrize(("document", "expected"), ROWS)
def test_rows(document, expected):
    """Each row of the table has its one status."""
    assert expected is seen(document).status


def test_every_row_is_reached():
    """No row of the table stands behind another that always holds before it."""
    documents = [row for row, _ in (*ROWS, *PAIRS)]

    assert {decide(read_facts(each)).says for each in documents} == {rule.says for rule in RULES}


# What decides where two rows hold.
PAIRS = [
    # not done, whatever else
    (finished({"state": "processing", "success": True, "video_url": VIDEO}), Status.RUNNING),
    (finished({"state": "running", "success": False}), Status.RUNNING),
    (record({"state": "queued", "success": False, "error": CODED}), Status.RUNNING),
    (finished({"status": "pending", "success": True, "error": CODED}), Status.RUNNING),
    (finished({"state": "completed", "status": "processing", "video_url": VIDEO}), Status.RUNNING),
    (record({"state": "failed", "status": "processing"}), Status.RUNNING),
    (record({"state": "PROCESSING", "video_url": VIDEO}), Status.RUNNING),
    # a link on an unfinished record
    (record({"success": True, "video_url": VIDEO}), Status.RUNNING),
    (record({"video_url": VIDEO}), Status.RUNNING),
    (finished({"video_url": VIDEO}), Status.RUNNING),
    (record({"success": False, "error": "temporary", "video_url": VIDEO}), Status.RUNNING),
    # failure before success
    (finished({"success": True, "error": CODED, "video_url": VIDEO}), Status.FAILED),
    (finished({"state": "completed", "success": True, "error": CODED, "video_url": VIDEO}), Status.FAILED),
    (record({"state": "completed", "success": False, "error": CODED, "video_url": VIDEO}), Status.FAILED),
    (finished({"state": "completed", "success": False, "video_url": VIDEO}), Status.FAILED),
    (finished({"state": "failed", "success": True, "video_url": VIDEO}), Status.FAILED),
    (record({"state": "failed", "status": "completed", "video_url": VIDEO}), Status.FAILED),
    (record({"state": "failed", "success": False, "error": "temporary"}), Status.FAILED),
    (finished({"error": CODED, "video_url": VIDEO}), Status.FAILED),
    (finished({"state": "canceled", "success": False, "error": CODED}), Status.CANCELED),
    (finished({"state": "cancelled", "success": True, "video_url": VIDEO}), Status.CANCELED),
    # a hiccup before success
    (record({"state": "completed", "success": False, "error": "temporary", "video_url": VIDEO}), Status.RUNNING),
    # success needs a link, and no more than the word
    (record({"state": "completed"}), Status.RUNNING),
    (finished({"state": "completed", "success": True, "task_id": TASK.id}), Status.RUNNING),
    (finished({"success": True, "task_id": TASK.id}), Status.RUNNING),
    (finished({"success": True, "data": []}), Status.RUNNING),
    (record({"state": "completed", "video_url": ""}), Status.RUNNING),
    (record({"state": "completed", "video_url": "pending"}), Status.RUNNING),
    (record({"state": "completed", "success": None, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"state": "Completed", "status": 200, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"state": "completed", "status": "ok", "video_url": VIDEO}), Status.SUCCEEDED),
    # the words of parts stand in for a word, not for a failure
    (finished({"success": False, "error": CODED, "data": parts("running")}), Status.FAILED),
    (record({"success": False, "error": CODED, "data": parts("running")}), Status.FAILED),
    (record({"success": True, "error": CODED, "data": parts("complete", "running")}), Status.FAILED),
    (finished({"success": False, "data": parts("running")}), Status.FAILED),
    (record({"success": False, "error": "temporary", "data": parts("failed")}), Status.FAILED),
    (record({"success": False, "data": parts("running")}), Status.RUNNING),
    (record({"success": True, "data": parts("canceled")}), Status.CANCELED),
    (finished({"success": True, "error": {}, "data": parts("complete", "running")}), Status.RUNNING),
    # errors that say nothing
    (record({"state": "completed", "success": True, "error": {}, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"state": "completed", "success": True, "error": {"code": None}, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"success": True, "error": {}}), Status.RUNNING),
    (finished({"success": True, "error": {}}), Status.FAILED),
    (finished({"success": True, "error": {"code": None, "message": None}}), Status.FAILED),
    (finished({"success": True, "error": None}), Status.RUNNING),
    (finished({"success": True, "error": {}, "video_url": VIDEO}), Status.SUCCEEDED),
    (finished({"success": True, "error": {"code": None, "message": ""}, "video_url": VIDEO}), Status.SUCCEEDED),
    (finished({"success": True, "error": None, "video_url": VIDEO}), Status.SUCCEEDED),
    (finished({"success": True, "error": "a note", "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"success": False, "error": {"message": "no code"}}), Status.RUNNING),
    (record({"success": False, "error": [CODED]}), Status.RUNNING),
    (record({"error": CODED}), Status.RUNNING),
    # a stored upstream error is nothing but that
    (record({"status": 400, "message": "m", "success": True}), Status.RUNNING),
    (record({"status": 400, "message": "m", "state": "processing"}), Status.RUNNING),
    (record({"status": 400, "message": "m", "error": "temporary"}), Status.RUNNING),
    (record({"status": 400}), Status.RUNNING),
    (record({"status": 200, "message": "ok"}), Status.RUNNING),
    (record({"status": True, "message": "m"}), Status.RUNNING),
    (record({"status": "400", "message": "m"}), None),
    # an error that cannot be read
    (record({"success": True, "error": {"code": ["bad_request"]}}), Status.RUNNING),
    (record({"state": "completed", "success": True, "error": {"code": ["x"]}, "video_url": VIDEO}), Status.RUNNING),
    (finished({"success": True, "error": {"code": ["bad_request"]}, "video_url": VIDEO}), Status.FAILED),
    (record({"success": True, "error": {"detail": "no"}}), Status.FAILED),
    # a code that is none
    (record({"success": False, "error": {"code": ["bad_request"], "message": "m"}}), Status.RUNNING),
    (record({"success": False, "error": {"code": 0, "message": "m"}}), Status.RUNNING),
    (record({"success": False, "error": {"code": 1013}}), Status.FAILED),
    # unknown words
    (record({"state": "dreaming"}), None),
    (finished({"state": "dreaming", "success": True, "video_url": VIDEO}), None),
    (record({"state": "dreaming", "success": False, "error": CODED}), Status.FAILED),
    (finished({"state": "dreaming", "success": False}), Status.FAILED),
    (record({"state": "dreaming", "success": False}), Status.RUNNING),
    # words that are none
    (finished({"state": "", "success": True, "video_url": VIDEO}), Status.SUCCEEDED),
    (record({"state": None, "status": ["completed"], "video_url": VIDEO}), None),
    (record({"state": {"completed": True}, "video_url": VIDEO}), None),
    (finished({"state": [], "success": True, "video_url": VIDEO}), Status.SUCCEEDED),
    (finished({"state": ["completed"], "success": True, "video_url": VIDEO}), None),
    (record({"state": {"a": 1}, "status": "completed", "video_url": VIDEO}), Status.SUCCEEDED),
    # flags that are none
    (finished({"success": "true", "video_url": VIDEO}), Status.RUNNING),
    (finished({"success": 1, "video_url": VIDEO}), Status.RUNNING),
    (record({"success": True, "video_url": VIDEO}, finished_at=0), Status.RUNNING),
    (record({"success": True, "video_url": VIDEO}, finished_at=""), Status.RUNNING),
    (record({"success": True, "video_url": VIDEO}, finished_at=[1]), Status.RUNNING),
    # the state is never at the top, nor in the request
    (record(None, state="completed", video_url=VIDEO), Status.PENDING),
    (record({}, state="completed", success=True, video_url=VIDEO), Status.RUNNING),
]


@pytest.mark.parametrize(("document", "expected"), PAIRS)
def test_precedence(document, expected):
    """Where two rows hold, what promises less decides: not done, then failure, then success with a link."""
    assert expected is seen(document).status


@pytest.mark.parametrize("document", [row for row, _ in (*ROWS, *PAIRS)])
def test_explaining_changes_nothing(document):
    """The short way of plain answers and the whole table agree, and the table says which of its rows decided."""
    body = json.dumps(document).encode()
    explanation = acedata().explain(Reply(200, body, SEEN_AT))
    assert isinstance(explanation.reading, Answer)
    (observation,) = explanation.reading.observations
    assert isinstance(observation, Observation)

    assert seen(document).status is observation.status
    assert sum(any(note.startswith(rule.says) for rule in RULES) for note in explanation.notes) == 1


def test_explanation():
    """The notes name the word, the row and the links."""
    notes = acedata().explain(Reply(200, json.dumps(RECORD).encode(), SEEN_AT)).notes

    assert "response.state is 'completed': SUCCEEDED" in notes
    assert "a word for success, and a link: SUCCEEDED" in notes
    assert "response.video_url: video link" in notes


@pytest.mark.parametrize(
    ("response", "notes"),
    [
        ({"data": parts("failed")}, ["response.data[].state is 'failed': FAILED", "there is no reason"]),
        ({"status": "failed", "message": "m"}, ["response.status is 'failed': FAILED", "response.message gives"]),
        ({"success": False, "error": CODED}, ["response.error gives the reason"]),
    ],
)
def test_explained_failures(response, notes):
    """The notes tell where the word and the reason stand."""
    told = acedata().explain(Reply(200, json.dumps(record(response)).encode(), SEEN_AT)).notes

    assert all(any(each.startswith(note) for each in told) for note in notes)


def test_unknown_word_is_kept():
    """A word that is not in the table is kept for the log, without what it echoes of the key."""
    assert seen(record({"state": "dreaming"})).word == "dreaming"
    assert seen(record({"state": "word 0123456789abcdef"})).word == "word ***"


# -- siblings: media and words of several results ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"video_url": VIDEO}, [(VIDEO, "video")]),
        ({"audio_url": AUDIO}, [(AUDIO, "audio")]),
        ({"image_url": IMAGE}, [(IMAGE, "image")]),
        ({"image_urls": [IMAGE, VIDEO]}, [(IMAGE, "image"), (VIDEO, "image")]),
        ({"video_url": "HTTPS://h.example/o.mp4"}, [("HTTPS://h.example/o.mp4", "video")]),
        ({"data": [{"video_url": VIDEO}, {"video_url": IMAGE}]}, [(VIDEO, "video"), (IMAGE, "video")]),
        ({"data": [{"image_url": IMAGE, "audio_url": AUDIO}]}, [(AUDIO, "audio"), (IMAGE, "image")]),
        ({"video_url": VIDEO, "data": [{"video_url": VIDEO}]}, [(VIDEO, "video")]),
        ({"video_url": VIDEO, "image_url": None, "image_urls": [None, 5, ""]}, [(VIDEO, "video")]),
    ],
)
def test_media(response, expected):
    """Links stand where the siblings write them, each is told once, with its kind."""
    assert expected == links(seen(record({"state": "completed", **response})))


@pytest.mark.parametrize(
    "response",
    [
        {"url": VIDEO},
        {"thumbnail_url": VIDEO},
        {"data": VIDEO},
        {"data": [VIDEO]},
        {"output": {"video_url": VIDEO}},
        {"request": {"video_url": VIDEO}},
        {"data": [{"raw": {"video_url": VIDEO}}]},
        {"image_url": [VIDEO]},
        {"image_urls": VIDEO},
        {"video_url": "ftp://h.example/v"},
        {"video_url": "https://"},
        {"video_urls": [VIDEO]},
        {"audio_urls": [VIDEO]},
        {"data": {"video_url": VIDEO, "audio_url": VIDEO, "image_url": VIDEO}},
    ],
)
def test_links_elsewhere(response):
    """A link at any other place is none: the task has not ended."""
    assert Status.RUNNING is seen(finished({"success": True, "state": "completed", **response})).status


PARTS = [
    (["complete", "complete"], Status.SUCCEEDED),
    (["complete", "failed"], Status.SUCCEEDED),
    (["complete", "running"], Status.RUNNING),
    (["failed", "queued"], Status.RUNNING),
    (["failed", "failed"], Status.FAILED),
    (["failed", "canceled"], Status.FAILED),
    (["canceled"], Status.CANCELED),
    (["complete", "streaming"], None),
    (["streaming"], None),
]


@pytest.mark.parametrize(("states", "expected"), PARTS)
def test_words_of_parts(states, expected):
    """Without a word of its own, a record has that of its results: all must have ended, one good one is enough."""
    assert expected is seen(record({"success": True, "data": parts(*states)})).status


@pytest.mark.parametrize(
    ("own", "states", "expected"),
    [
        ("complete", ["complete", "running"], Status.SUCCEEDED),
        ("complete", ["pending"], Status.SUCCEEDED),
        ("complete", ["failed"], Status.SUCCEEDED),
        ("complete", ["complete", "failed"], Status.SUCCEEDED),
        ("complete", ["streaming"], Status.SUCCEEDED),
        ("processing", ["complete"], Status.RUNNING),
        ("failed", ["complete"], Status.FAILED),
        ("dreaming", ["complete"], None),
    ],
)
def test_words_of_whole_and_parts(own, states, expected):
    """A record's own word counts, whatever its results say: theirs only stand in for it."""
    assert expected is seen(record({"state": own, "data": parts(*states)})).status


@pytest.mark.parametrize("silent", [{}, {"state": None}, {"state": ""}, {"state": 5}])
@pytest.mark.parametrize("word", ["complete", "failed", "canceled"])
def test_a_part_without_a_word(word, silent):
    """A result without a word may still go on, whatever its siblings came to, until the record is finished."""
    data = [*parts(word), {"audio_url": AUDIO, **silent}]
    ends = {"complete": Status.SUCCEEDED, "failed": Status.FAILED, "canceled": Status.CANCELED}

    assert Status.RUNNING is seen(record({"success": True, "data": data})).status
    assert ends[word] is seen(finished({"success": True, "data": data})).status
    assert Status.SUCCEEDED is seen(record({"state": "complete", "data": data[1:]})).status
    assert None is seen(record({"data": [*data, *parts("streaming")]})).status


def test_early_audio():
    """A link that streams while the song is still made is not the end."""
    assert Status.RUNNING is seen(finished({"success": True, "data": parts("running")})).status


def test_failed_part():
    """A result that failed beside good ones tells why."""
    data = [*parts("complete"), {"state": "failed", "code": "moderated", "message": "no"}]
    media = seen(record({"data": data})).media

    assert [each.failure for each in media] == [None, Failure("moderated", "no")]


# -- failures of tasks -------------------------------------------------------------------------------------------------

NO_REASON = "the provider gave no reason"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"success": False, "error": CODED}, Failure("bad_request", "no channel available")),
        ({"success": False, "error": {"code": 1013}}, Failure("1013", NO_REASON)),
        ({"success": False, "error": "content policy"}, Failure("FAILED", "content policy")),
        ({"success": False, "error": "moderated"}, Failure("moderated", NO_REASON)),
        ({"success": False, "error": "moderated", "message": "m"}, Failure("moderated", "m")),
        ({"success": False, "error": [CODED]}, Failure("bad_request", "no channel available")),
        ({"success": False, "error": []}, Failure("FAILED", NO_REASON)),
        ({"success": False}, Failure("FAILED", NO_REASON)),
        ({"success": False, "message": "why"}, Failure("FAILED", "why")),
        ({"success": True, "error": {"message": "why"}}, Failure("FAILED", "why")),
        ({"status": 422, "message": "bad prompt"}, Failure("422", "bad prompt")),
        ({"state": "rejected"}, Failure("rejected", NO_REASON)),
        ({"state": "expired", "message": "too late"}, Failure("expired", "too late")),
        ({"state": "failed", "error": {"code": ["x"], "message": {"y": 1}}}, Failure("failed", NO_REASON)),
        ({"state": "canceled"}, None),
        ({"state": "canceled", "message": "by the user"}, Failure("canceled", "by the user")),
        ({"state": "canceled", "error": CODED}, Failure("bad_request", "no channel available")),
    ],
)
def test_failures(response, expected):
    """The reason stands in the error, beside it, or is the word itself; a cancellation needs none."""
    observation = seen(finished(response))

    assert expected == observation.failure
    assert observation.media == ()


def test_reasons_are_clean():
    """A reason that echoes the key or a signed link is redacted."""
    echo = "Bearer 0123456789abcdef for https://h.example/a?Signature=canary"
    failure = seen(finished({"success": False, "error": {"code": "c", "message": echo}})).failure

    assert failure == Failure("c", "Bearer *** for https://h.example/a?***")


# -- single answers ----------------------------------------------------------------------------------------------------


def test_no_such_task():
    """HTTP 200 with an empty object is no such task; with another status it is an error."""
    assert Answer((NoSuchTask(TASK.id),)) == read({})
    assert Answer((NoSuchTask(TASK.id),)) == read(b" { } ")
    assert isinstance(read({}, 502), Missed)


@pytest.mark.parametrize("task_id", ["another", "", TASK.id.upper(), 5, True, [TASK.id]])
def test_answer_about_another_task(task_id):
    """A record with another id is a missed poll, however final it is."""
    assert is_unreadable(read({**RECORD, "id": task_id}))


def test_answer_without_an_id():
    """A record without an id is about the task that was asked for."""
    assert Status.SUCCEEDED is seen({**RECORD, "id": None}).status
    assert Status.RUNNING is seen({"response": {"state": "running"}}).status


@pytest.mark.parametrize(
    "document",
    [[], [RECORD], None, 5, "x", {"a": 1}, {"id": None}, {"items": None}, {"state": "completed"}, {"success": True}],
)
def test_neither_task_nor_error(document):
    """HTTP 200 without a record and without an error is unreadable: asked again."""
    assert is_unreadable(read(document))


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"response": {"state": "comp', b"\x00", b"[" * 9999])
def test_bodies_that_cannot_be_read(body):
    """HTTP 200 with a body that is no JSON is unreadable: asked again."""
    assert is_unreadable(read(body))
    assert is_unreadable(read(body, tasks=[TASK, Task("b")]))


def test_plain_answers_are_shared():
    """The common answers are read into the two shared values, so that none is made for each of them."""
    assert read(record(None)) is NOT_YET[Status.PENDING]
    assert read(record({"state": "processing"})) is NOT_YET[Status.RUNNING]
    assert read(record({"success": True, "task_id": TASK.id})) is NOT_YET[Status.RUNNING]
    assert read(finished({"success": True, "data": parts("complete", "running")})) is NOT_YET[Status.RUNNING]


def test_equal_keys():
    """Of two equal keys the last one counts, as for every JSON reader."""
    assert Status.RUNNING is seen(encoded_twice(record({"state": "running"}), RECORD)).status


# -- batches -----------------------------------------------------------------------------------------------------------


def batch(items: Any, tasks: Sequence[Task] = TASKS, **fields: Any) -> dict[str, Status | None]:
    """What each task came to in an answer with `items`."""
    reading = read({"items": items, "count": len(items), **fields}, tasks=tasks)
    assert isinstance(reading, Answer)
    assert all(isinstance(each, Observation) for each in reading.observations)
    return {each.task_id: each.status for each in reading.observations if isinstance(each, Observation)}


@pytest.mark.parametrize("seed", range(5))
def test_batch_in_any_order(seed):
    """Items belong to tasks by their ids, in whatever order they come."""
    items = random.Random(seed).sample(MIXED, len(MIXED))

    assert batch(items) == EXPECTED


def test_batch_carries_results():
    """Each item of a batch is read as the record that it is."""
    reading = read({"items": MIXED}, tasks=TASKS)
    assert isinstance(reading, Answer)
    by_id = {each.task_id: each for each in reading.observations if isinstance(each, Observation)}

    assert links(by_id["task-2"]) == [(VIDEO, "video")]
    assert by_id["task-2"].raw == MIXED[2]
    assert by_id["task-3"].failure == Failure("bad_request", "no channel available")
    assert by_id["task-4"].word == "dreaming"


@pytest.mark.parametrize("count", [0, 2, 600, None, "6", [6]])
def test_batch_count_is_not_read(count):
    """`count` tells how many tasks there are, not how many items."""
    assert batch(MIXED, count=count) == EXPECTED


def test_batch_with_doubles():
    """A doubled id is one task; of two records that differ, the one that has ended counts."""
    running, done = item(TASKS[2], {"state": "running"}), MIXED[2]

    assert batch([*MIXED, *MIXED]) == EXPECTED
    assert batch([running, done]) == {"task-2": Status.SUCCEEDED} == batch([done, running])


def test_batch_with_absent_tasks():
    """A task that is not among the items is left out: it is asked about singly before it counts as unknown."""
    assert batch(MIXED[:2]) == {"task-0": Status.PENDING, "task-1": Status.RUNNING}
    assert batch([]) == {}
    assert Answer() == read({}, tasks=TASKS)


@pytest.mark.parametrize(
    "poison",
    [None, 5, "task-0", [], [MIXED[0]], {}, {"id": None}, {"id": 0}, {"id": ["task-0"]}, {"id": "stranger"}, RECORD],
)
def test_batch_with_poisoned_items(poison):
    """An item that cannot be read, or is about nobody who was asked for, holds nobody back."""
    assert batch([poison, *MIXED, poison]) == EXPECTED


@pytest.mark.parametrize("spoilt", [{"response": 5}, {"response": {"state": ["x"], "data": 5}}, {"created_at": {}}])
def test_batch_with_a_spoilt_record(spoilt):
    """An item with a spoilt record has not ended, and harms no other."""
    others = {name: status for name, status in EXPECTED.items() if name != "task-0"}
    statuses = batch([{**MIXED[0], **spoilt}, *MIXED[1:]])

    assert not (statuses.pop("task-0") or Status.RUNNING).is_final
    assert others == statuses


@pytest.mark.parametrize("document", [[], MIXED, None, 5, {"items": None}, {"items": {"0": MIXED[0]}}, RECORD])
def test_batch_without_items(document):
    """An answer to a batch that has no list of items is unreadable: asked again."""
    assert is_unreadable(read(document, tasks=TASKS))


def test_explained_batch():
    """A recorded answer of a batch is explained without being told its tasks, the documented one included."""
    explanation = acedata().explain(Reply(200, json.dumps(SEVERAL).encode(), SEEN_AT))

    assert isinstance(explanation.reading, Answer)
    assert [each.task_id for each in explanation.reading.observations] == [TASK.id]
    assert f"{TASK.id} is among the items:" in explanation.notes
    assert "1 of 1 tasks are among 2 items" in explanation.notes


def test_huge_batch():
    """Ten thousand items about one task are one observation."""
    assert batch([MIXED[1]] * 10_000) == {"task-1": Status.RUNNING}


# -- errors of the question --------------------------------------------------------------------------------------------

RETRY, SLOW, REFUSED, REJECTED = "retry", "slow down", "refused", "rejected"

ERROR_ROWS = [
    (400, "token_mismatched", REFUSED),
    (400, "no_token", REFUSED),
    (401, "no_token", REFUSED),
    (400, "disabled", REFUSED),
    (401, "invalid_token", REFUSED),
    (401, "token_expired", REFUSED),
    (403, "used_up", REFUSED),
    (402, "used_up", REFUSED),
    (402, "", REFUSED),
    (401, "", REFUSED),
    (403, "something_new", REFUSED),
    (400, "bad_request", REJECTED),
    (400, "api_not_implemented", REFUSED),
    (404, "no_api", REFUSED),
    (200, "bad_request", REJECTED),
    (429, "too_many_requests", SLOW),
    (429, "", SLOW),
    (429, "api_error", RETRY),
    (400, "too_many_requests", SLOW),
    (500, "api_error", RETRY),
    (504, "timeout", RETRY),
    (400, "api_error", RETRY),
    (403, "timeout", RETRY),
    (400, "something_new", RETRY),
    (404, "", RETRY),
    (500, "bad_request", RETRY),
    (502, "", RETRY),
    (503, "no_api", RETRY),
    (408, "", RETRY),
    (425, "", RETRY),
    (599, "", RETRY),
    (200, "api_error", RETRY),
    (200, "invalid_token", REFUSED),
    (200, "no_api", REFUSED),
]


def kind_of(reading: Any) -> str:
    if isinstance(reading, Refused):
        return REFUSED
    if isinstance(reading, Rejected):
        return REJECTED
    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, TransportError)
    return SLOW if reading.throttled else RETRY


@pytest.mark.parametrize("tasks", [(TASK,), TASKS], ids=["one", "several"])
@pytest.mark.parametrize(("status", "code", "expected"), ERROR_ROWS)
def test_errors(status, code, expected, tasks):
    """Each error has its one verdict, by its code first, then by its status, for one task as for several."""
    document = {"success": False, "error": {"code": code, "message": "why"}, "trace_id": "t"}

    assert expected == kind_of(read(document, status, tasks))


def test_errors_carry_their_words():
    """The provider's code and message are told."""
    document = {"success": False, "error": {"code": "used_up", "message": "top up"}}

    assert Refused("used_up", "top up") == read(document, 403)
    assert Rejected(Failure("bad_request", "no id")) == read(
        {"error": {"code": "bad_request", "message": "no id"}}, 400
    )


@pytest.mark.parametrize(("status", "code"), [(404, "no_api"), (400, "api_not_implemented")])
@pytest.mark.parametrize("tasks", [(TASK,), TASKS], ids=["one", "several"])
def test_a_misspelt_service(status, code, tasks):
    """A service that does not exist is the account's fault: it is refused, in the provider's words; no task is lost."""
    document = {"success": False, "error": {"code": code, "message": "no such API"}}

    assert Refused(code, "no such API") == read(document, status, tasks)


async def test_no_such_api_is_told_at_once():
    """Whoever waits where there is no such API is told at once, in the words of Ace Data Cloud."""
    async with Simulator() as simulator:
        base_url = simulator.provider(dialect="acedata").base_url
        (task_id,) = simulator.submit(dialect="acedata")
        async with Poller(AceData("sk-simulated", base_url=f"{base_url}/no-such")) as poller:
            with pytest.raises(ProviderRefused, match="no_api"):
                await poller.wait_for(task_id, timeout=10)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "invalid_token"}, Refused("invalid_token")),
        ({"error": "please log in"}, Refused("HTTP 401", "please log in")),
        ({"error": [{"code": "token_expired", "message": "m"}]}, Refused("token_expired", "m")),
        ({"error": ["token_expired"]}, Refused("token_expired")),
        ({"error": []}, Refused("HTTP 401")),
        ({"error": None}, Refused("HTTP 401")),
        ({"error": None, "detail": "who?"}, Refused("HTTP 401", "who?")),
        ({"error": {"code": 401, "message": None}, "message": "m"}, Refused("401", "m")),
        ({"error": {"code": ["x"], "message": ["y"]}}, Refused("HTTP 401")),
        ({"error": 5}, Refused("HTTP 401")),
        ({}, Refused("HTTP 401")),
        ([], Refused("HTTP 401")),
        (None, Refused("HTTP 401")),
        (b"<html>401</html>", Refused("HTTP 401")),
        (b"", Refused("HTTP 401")),
    ],
)
def test_shapes_of_errors(body, expected):
    """`error` may be an object, a text, a list or null, and the body no JSON at all: the status decides then."""
    assert expected == read(body, 401)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 429, 500, 502])
def test_final_record_with_another_status(status):
    """A record in an answer that is not 200 ends nothing."""
    assert not isinstance(read(RECORD, status), Answer)
    assert not isinstance(read(SEVERAL, status, [TASK, Task("b")]), Answer)


def test_errors_are_clean():
    """An error that echoes the key shows none of it."""
    reading = read({"error": {"code": "invalid_token", "message": "0123456789abcdef is wrong"}}, 401)

    assert Refused("invalid_token", "*** is wrong") == reading


# -- properties --------------------------------------------------------------------------------------------------------

_SPOILT = junk(VIDEO, TASK.id, "completed", "processing", "failed", INPUT)
_SHAPES = (
    RECORD,
    SEVERAL,
    MESSAGE,
    record(None),
    finished({"success": True, "video_url": VIDEO}),
    finished({"state": "processing", "success": True, "video_url": VIDEO}),
    record({"success": False, "error": CODED}),
    record({"success": True, "data": parts("complete", "failed", "running")}),
    record({"status": 400, "message": "m"}),
    {"items": [record({"state": "canceled"}), RECORD, MIXED[0]], "count": 3},
)
_DONE = {word for word, status in WORDS.items() if status is Status.SUCCEEDED}


def says_success(document: Mapping[str, Any]) -> bool:
    """Whether a record has a word for success, or else the flag and the time."""
    response = document.get("response")
    assert isinstance(response, dict)
    data = response.get("data")
    texts = [response.get("state"), response.get("status")]
    texts += [part.get("state") for part in (data if isinstance(data, list) else []) if isinstance(part, dict)]
    words = {text.strip().lower() for text in texts if isinstance(text, str)} - {""}
    flagged = response.get("success") is True and bool(document.get("finished_at") or response.get("finished_at"))
    return bool(words & _DONE) or (not words and flagged)


def check(document: Any, reading: Reading, status: int) -> None:
    """What holds for every reading of every document."""
    assert isinstance(reading, NotYet | Answer | Missed | Refused | Rejected)
    for each in reading.observations if isinstance(reading, Answer) else ():
        assert status == 200
        if isinstance(each, NoSuchTask):
            assert document == {}
        elif each.status is Status.SUCCEEDED:
            assert says_success(each.raw)
            assert each.raw["response"].get("success") is not False
            assert any(media.url for media in each.media)
            listed = [link for path in MEDIA for link in values_at(path.path, each.raw)]
            assert all(media.url in listed for media in each.media if media.url)


@given(mutated(_SHAPES, _SPOILT), st.sampled_from([200, 200, 200, 400, 401, 404, 429, 500]))
def test_mutated_answers(document, status):
    """Whatever becomes of a recorded answer, it has a reading, and no success is invented."""
    for tasks in ((TASK,), (TASK, TASKS[0])):
        check(document, read(document, status, tasks), status)


@given(mutated(_SHAPES, _SPOILT), mutated(_SHAPES, _SPOILT))
def test_doubled_keys(document, other):
    """Objects whose keys stand twice have a reading, too."""
    if isinstance(document, dict) and isinstance(other, dict):
        body = encoded_twice(document, other)
        check(json.loads(body), read(body), 200)


@given(_SPOILT, st.integers(100, 599))
def test_any_json(document, status):
    """Any JSON with any status has a reading, alone and as a record, in answers to one and to several."""
    for answer in (document, record(document), {"items": document}, {"items": [record(document), document]}):
        for tasks in ((TASK,), (TASK, TASKS[0])):
            check(answer, read(answer, status, tasks), status)


@given(mutated(_SHAPES, _SPOILT))
def test_short_way(document):
    """The short way of plain answers never says anything else than the whole table."""
    body = json.dumps(document).encode()
    short = acedata().read([TASK], Reply(200, body, SEEN_AT))
    whole = acedata().explain(Reply(200, body, SEEN_AT), [TASK]).reading
    if isinstance(short, NotYet):
        assert isinstance(whole, Answer)
        assert [short.status] == [each.status for each in whole.observations if isinstance(each, Observation)]
    elif isinstance(short, Answer) and isinstance(whole, Answer):
        assert [getattr(each, "status", None) for each in short.observations] == [
            getattr(each, "status", None) for each in whole.observations
        ]
    else:
        assert type(short) is type(whole)
