"""Replicate: the worked example of a provider from data alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.providers.documents import (
    LINK,
    REFUSED,
    RETRY,
    SLOW,
    bent,
    ends,
    is_unreadable,
    junk,
    kind_of,
    links,
    one,
    reply,
    statuses,
)
from tests.providers.helpers import SEEN_AT
from tests.providers.recorded.replicate import PLAIN, PREDICTION, TASK
from wanpoll import Failure, NotSupported, Outcome, Rate, Status
from wanpoll._core.readings import NOT_YET, Answer, NoSuchTask, Refused
from wanpoll.providers import MediaPath, Replicate


def replicate(**changes: Any) -> Replicate:
    return Replicate("r8_0123456789", **changes).bind({})


def read(answer: Any, status: int = 200, **changes: Any) -> Any:
    return replicate(**changes).read([TASK], reply(answer, status))


def test_questions():
    """Asking is a GET, canceling a POST, both with the token."""
    provider = replicate()
    ask, cancel = provider.ask([TASK]), provider.ask_cancel(TASK)

    assert (ask.method, ask.url) == ("GET", PREDICTION["urls"]["get"])
    assert (cancel.method, cancel.url) == ("POST", PREDICTION["urls"]["cancel"])
    assert provider.headers()["Authorization"] == "Bearer r8_0123456789"
    assert Replicate().bind({"REPLICATE_API_TOKEN": "r8_environ"}).api_key == "r8_environ"


def test_account():
    """3000 requests a minute are 50 a second; predictions can be canceled, one by one."""
    assert (Replicate().quota, Replicate.max_batch) == (Rate(50, per=1.0), 1)
    assert (Replicate.can_cancel, Replicate().can_cancel) == (True, True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("starting", Status.PENDING),
        ("processing", Status.RUNNING),
        ("succeeded", Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("canceled", Status.CANCELED),
        ("aborted", Status.CANCELED),
        ("cancelled", None),
        ("Succeeded", None),
    ],
)
def test_words(word, expected):
    """Each documented word has its one meaning; links belong to success alone."""
    observation = one(read(PREDICTION | {"status": word}))

    assert expected is observation.status
    assert bool(observation.media) == (expected is Status.SUCCEEDED)


def test_not_yet():
    """A plain "not yet" is read the short way."""
    assert NOT_YET[Status.RUNNING] is read(PREDICTION | {"status": "processing", "output": None})


def test_prediction():
    """The documented prediction reads as it is meant; its files are removed after an hour."""
    observation = one(read(PREDICTION))

    assert (links(observation), observation.failure) == ([(PLAIN, "file")], None)
    assert datetime.fromtimestamp(SEEN_AT + 3600, UTC) == observation.media[0].expires_at
    assert (observation.usage, observation.raw) == (PREDICTION["metrics"], PREDICTION)
    assert datetime(2023, 9, 8, 16, 19, 34, 765994, tzinfo=UTC) == observation.submitted_at
    assert datetime(2023, 9, 8, 16, 19, 34, 779176, tzinfo=UTC) == observation.started_at
    assert datetime(2023, 9, 8, 16, 19, 34, 791859, tzinfo=UTC) == observation.finished_at


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (LINK, [LINK]),
        ([LINK, PLAIN], [LINK, PLAIN]),
        ([PLAIN, "text", PLAIN, 5], [PLAIN]),
        ("hello Alice", []),
        (["hello", " Alice"], []),
        ({"video": LINK}, []),
        (None, []),
        ([], []),
    ],
)
def test_outputs(output, expected):
    """The output is a link, a list of links, or something else that is kept in the document."""
    observation = one(read(PREDICTION | {"output": output}))

    assert (observation.status, links(observation)) == (Status.SUCCEEDED, [(each, "file") for each in expected])
    assert observation.raw["output"] == output


def test_other_media():
    """For a model that answers with an object, its paths can be told."""
    observation = one(read(PREDICTION | {"output": {"video": LINK}}, media=(MediaPath("output.video", "video"),)))

    assert links(observation) == [(LINK, "video")]


def test_failure():
    """The error is a text; a prediction that was canceled needs none."""
    failed = one(read(PREDICTION | {"status": "failed", "error": "CUDA out of memory", "output": None}))

    assert failed.failure == Failure("FAILED", "CUDA out of memory")
    assert one(read(PREDICTION | {"status": "canceled"})).failure is None


@pytest.mark.parametrize(
    ("status", "expected"), [(401, REFUSED), (402, REFUSED), (403, REFUSED), (429, SLOW), (500, RETRY), (503, RETRY)]
)
def test_errors(status, expected):
    """Errors have the verdict of their status."""
    assert expected == kind_of(read({"title": "t", "detail": "d", "status": status}, status))


def test_errors_carry_their_words():
    """Title and detail are told."""
    document = {"title": "Unauthenticated", "detail": "You did not pass a valid token", "status": 401}
    throttled = read({"detail": "Request was throttled. Your rate limit resets in ~30s."}, 429)

    assert Refused("Unauthenticated", "You did not pass a valid token") == read(document, 401)
    assert "resets in ~30s" in throttled.problem.detail


def test_no_such_prediction():
    """HTTP 404 with a document is "no such task"; a gateway's page is not."""
    document = {"title": "Not found", "detail": "The requested resource could not be found.", "status": 404}

    assert Answer((NoSuchTask(TASK.id, Failure("Not found", document["detail"])),)) == read(document, 404)
    assert kind_of(read(b"<html>", 404)) == RETRY


def test_another_prediction():
    """A prediction with another id is about another task."""
    assert is_unreadable(read(PREDICTION | {"id": "another"}))


WORDS = ("succeeded", "failed", TASK.id, LINK)
SHAPES = (PREDICTION, PREDICTION | {"output": [LINK, PLAIN]}, PREDICTION | {"status": "failed", "error": "x"})


@given(bent(SHAPES, *WORDS) | junk(*WORDS), statuses)
def test_no_answer_ends_without_its_word(answer, status):
    """Whatever becomes of a prediction: no success without its word, no link but that of the output."""
    for end in ends(read(answer, status)):
        output = answer.get("output")
        assert (status, end.status) in ((200, Status.SUCCEEDED), (200, Status.FAILED))
        assert answer["status"] == end.status.value.lower()
        assert {media.url for media in end.media} <= {
            each for each in (output if isinstance(output, list) else [output]) if isinstance(each, str)
        }


def test_no_fresh_links():
    """Predictions outlive their files, which nobody can ask for again: the refusal says so, and what to do."""
    with pytest.raises(NotSupported, match="removed an hour after the prediction ended; download them before"):
        replicate().ask_refresh(Outcome(TASK, Status.SUCCEEDED))
