"""Volcengine Ark: the worked example of the class interface, with many ids in one question."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.providers.documents import (
    ELSEWHERE,
    LINK,
    REFUSED,
    REJECTED,
    RETRY,
    SLOW,
    SPENT,
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
from tests.providers.recorded.ark import DONE, FRESH, TASK, TASKS, item, problem
from wanpoll import Failure, NotSupported, Outcome, Poller, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, NoSuchTask, Observation, Rejected
from wanpoll.providers import Ark
from wanpoll.testing import ScriptedTransport, run_virtually
from wanpoll.testing import reply as answered

PROVIDER = Ark("ark-0123456789").bind({})


def read(answer: Any, status: int = 200) -> Any:
    return PROVIDER.read([TASK], reply(answer, status))


def read_list(answer: Any, status: int = 200) -> Any:
    return PROVIDER.read(TASKS, reply(answer, status))


# -- the questions -----------------------------------------------------------------------------------------------------


def test_ask_one():
    """One task is asked about by its address."""
    request = PROVIDER.ask([Task("a:b")])

    assert (request.method, request.url) == (
        "GET",
        "https://ark.cn-beijing.volces.com/api/v3/contents/generations/tasks/a%3Ab",
    )


def test_ask_several():
    """Several tasks are asked about by a filter that repeats, on one page that holds them all."""
    request = PROVIDER.ask([Task("a:1"), Task("b"), Task("c")])

    assert (request.method, request.body) == ("GET", None)
    assert request.url == (
        "https://ark.cn-beijing.volces.com/api/v3/contents/generations/tasks"
        "?filter.task_ids=a%3A1&filter.task_ids=b&filter.task_ids=c&page_num=1&page_size=3"
    )


def test_the_longest_question():
    """A full batch of ids as Ark gives them fits into an address that everybody takes."""
    batch = [Task(f"cgt-20260331175019-{number:05}") for number in range(Ark.max_batch)]

    assert len(PROVIDER.ask(batch).url) < 4000


def test_account():
    """One question a second; nothing is canceled, because the same request deletes what has ended."""
    assert (PROVIDER.quota, PROVIDER.interval, PROVIDER.max_batch) == (Rate(1, per=1.0), 15.0, 50)
    assert Ark().bind({"ARK_API_KEY": "k"}).api_key == "k"
    with pytest.raises(NotSupported):
        PROVIDER.ask_cancel(TASK)


# -- one task ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("queued", Status.PENDING),
        ("running", Status.RUNNING),
        ("succeeded", Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("cancelled", Status.CANCELED),
        ("expired", Status.EXPIRED),
        ("canceled", None),
        ("Succeeded", None),
        ("", None),
    ],
)
def test_words(word, expected):
    """Each documented word has its one meaning, singly and in a list; links belong to success alone."""
    document = DONE | {"status": word}

    for observation in (one(read(document)), one(read_list({"items": [document], "total": 1}))):
        assert expected is observation.status
        assert bool(observation.media) == (expected is Status.SUCCEEDED)


@pytest.mark.parametrize(("word", "expected"), [("queued", Status.PENDING), ("running", Status.RUNNING)])
def test_not_yet(word, expected):
    """A plain "not yet" is read the short way."""
    assert NOT_YET[expected] is read(item(word))


def test_success():
    """The documented answer reads as it is meant."""
    observation = one(read(DONE))

    assert links(observation) == [(LINK, "video"), ("https://h.example/last.png", "image")]
    assert (observation.failure, observation.usage, observation.raw) == (None, DONE["usage"], DONE)
    assert datetime.fromtimestamp(1_743_414_619, UTC) == observation.submitted_at
    assert datetime.fromtimestamp(1_743_414_673, UTC) == observation.finished_at


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "OutputVideoSensitiveContentDetected", "message": "m"}, ("OutputVideoSensitiveContentDetected", "m")),
        ({"message": "m"}, ("FAILED", "m")),
        (None, ("FAILED", "the provider gave no reason")),
        ({}, ("FAILED", "the provider gave no reason")),
        ([], ("FAILED", "the provider gave no reason")),
    ],
)
def test_failures(error, expected):
    """Code and message of a failure stand in its error."""
    assert Failure(*expected) == one(read(item("failed", error=error))).failure


@pytest.mark.parametrize("word", ["cancelled", "expired"])
def test_ends_without_a_reason(word):
    """A task that was canceled or ran out of time needs no reason."""
    assert one(read(item(word, error=None))).failure is None


@pytest.mark.parametrize("echoed", ["another", 5, [TASK.id]])
@pytest.mark.parametrize("word", ["succeeded", "running"])
def test_answer_about_another_task(echoed, word):
    """An answer that names another id is about another task."""
    assert is_unreadable(read(item(word) | {"id": echoed}))


@pytest.mark.parametrize("answer", [{}, [], None, b"", b"<html>", item(None), item(5), item(["succeeded"])])
def test_answers_that_cannot_be_read(answer):
    """An answer without a word is asked again."""
    assert is_unreadable(read(answer))


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "AuthenticationError", REFUSED),
        (403, "AccountOverdueError", REFUSED),
        (403, "AccessDenied", REFUSED),
        (429, "AccountOverdueError", REFUSED),
        (403, "SomethingNew", REFUSED),
        (429, "QuotaExceeded", SPENT),
        (429, "RateLimitExceeded.EndpointRPMExceeded", SLOW),
        (429, "RequestBurstTooFast", SLOW),
        (429, "SomethingNew", SLOW),
        (400, "InvalidParameter", REJECTED),
        (400, "InvalidParameter.task_ids", REJECTED),
        (400, "MissingParameter", REJECTED),
        (400, "SomethingNew", RETRY),
        (500, "InternalServiceError", RETRY),
        (200, "InternalServiceError", RETRY),
        (200, "AuthenticationError", REFUSED),
        (500, "InvalidParameter", RETRY),
    ],
)
def test_errors(status, code, expected):
    """Each documented error has its one verdict: by its code first, then by its status."""
    document = {"error": {"code": code, "message": "why", "type": "t", "param": ""}}

    assert expected == kind_of(read(document, status))
    assert expected == kind_of(read_list(document, status))


@pytest.mark.parametrize(("status", "expected"), [(401, REFUSED), (429, SLOW), (502, RETRY), (404, RETRY)])
@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]", DONE])
def test_http_errors(status, expected, answer):
    """An HTTP error without a code has the verdict of its status: no end."""
    assert expected == kind_of(read(answer, status))


def test_no_such_task():
    """HTTP 404 with a code is "no such task" for one; a list that is not found says nothing of its tasks."""
    document = {"error": {"code": "ResourceNotFound", "message": "m", "type": "NotFound"}}

    assert Answer((NoSuchTask(TASK.id, Failure("ResourceNotFound", "m")),)) == read(document, 404)
    assert kind_of(read_list(document, 404)) == RETRY


# -- several tasks -----------------------------------------------------------------------------------------------------


def parts(answer: Any) -> dict[str, Status | None]:
    reading = read_list(answer)
    assert isinstance(reading, Answer)
    return {part.task_id: part.status for part in reading.observations if isinstance(part, Observation)}


def test_list():
    """Items are matched by id, whatever their order; what is not there is left out."""
    a, b, c = (task.id for task in TASKS)
    items = [item("failed", task=TASKS[2]), item("running", task=TASKS[0])]

    assert parts({"items": items, "total": 2}) == {c: Status.FAILED, a: Status.RUNNING}
    assert parts({"items": [*items, item("queued", task=TASKS[1])], "total": 3})[b] is Status.PENDING


def test_list_with_odd_items():
    """An item that cannot be read, twice the same, or of nobody's takes nothing from the others."""
    stranger = item(task=Task("stranger"))
    items = [None, 5, [], {}, stranger, item(None, task=TASKS[1]), item("running"), item("failed"), {"id": 7}]

    assert parts({"items": items, "total": 9}) == {TASK.id: Status.RUNNING}


@pytest.mark.parametrize("answer", [{"items": [], "total": 0}, {"total": 0}, {"items": None, "total": 0}])
def test_empty_lists(answer):
    """A list without any of the tasks leaves all out: they are asked about singly."""
    assert Answer(()) == read_list(answer)


@pytest.mark.parametrize("answer", [{}, {"items": {}}, {"items": "x", "total": 1}, [], DONE, b"", b"<html>"])
def test_lists_that_cannot_be_read(answer):
    """What is no list is a missed poll for all."""
    assert is_unreadable(read_list(answer))


def test_list_about_one_task():
    """A list can answer for one task, too: a recorded one is explained as it is."""
    explanation = PROVIDER.explain(reply({"items": [DONE], "total": 1}))

    assert one(explanation.reading).task_id == TASK.id
    assert explanation.notes[1:3] == (f"{TASK.id}: status is 'succeeded': SUCCEEDED", "content.video_url: video link")
    assert one(PROVIDER.explain(reply(item("running"))).reading).status is Status.RUNNING


# -- properties --------------------------------------------------------------------------------------------------------

WORDS = ("succeeded", "failed", "running", TASK.id, LINK)
ERROR = {"error": {"code": "InvalidParameter", "message": ELSEWHERE}}
SHAPES = (DONE, item("running"), item("failed", error={"code": "c", "message": "m"}), ERROR)
LISTS = ({"items": [DONE, item("running", task=TASKS[1]), item("failed", task=TASKS[2])], "total": 3}, ERROR)


def check_end(end: Observation, document: dict[str, Any]) -> None:
    content = document.get("content")
    paths = ("video_url", "last_frame_url") if isinstance(content, dict) else ()
    listed = [content.get(path) for path in paths]

    assert Status[document["status"].upper()] is end.status
    assert document.get("id") in (end.task_id, None, "")
    assert all(media.url in listed for media in end.media)


@given(bent(SHAPES, *WORDS) | junk(*WORDS), statuses)
def test_no_answer_ends_without_its_word(answer, status):
    """Whatever becomes of an answer: no end without its word, no link but that at a listed path."""
    for end in ends(read(answer, status)):
        assert status == 200
        check_end(end, answer)


@given(bent(LISTS, *WORDS) | junk(*WORDS), statuses)
def test_no_list_ends_without_its_words(answer, status):
    """Whatever becomes of a list: each end has its own item's word, and each task is named once at most."""
    reading = read_list(answer, status)
    for end in ends(reading):
        assert status == 200
        items = [each for each in answer["items"] if isinstance(each, dict) and each.get("id") == end.task_id]
        check_end(end, items[0])
    if isinstance(reading, Answer):
        named = [part.task_id for part in reading.observations]
        assert len(set(named)) == len(named)


# -- fresh links -------------------------------------------------------------------------------------------------------

ENDED = Outcome(TASK, Status.SUCCEEDED, one(read(DONE)).media)


def test_fresh_links():
    """Tasks outlive their links: the task is asked about once more, and its links of now are taken."""
    observation = one(PROVIDER.read_refresh(ENDED, reply(FRESH)))

    assert PROVIDER.can_refresh
    assert PROVIDER.ask_refresh(ENDED) == PROVIDER.ask([TASK])
    assert (observation.status, links(observation)) == (Status.SUCCEEDED, [(FRESH["content"]["video_url"], "video")])
    with pytest.raises(NotSupported, match="is FAILED"):
        PROVIDER.ask_refresh(Outcome(TASK, Status.FAILED))


def test_no_fresh_links():
    """An answer without links is asked for again; a task that is kept no longer has none."""
    for answer in (item("running"), item("succeeded", content={}), item("failed"), item(task=TASKS[1]), b"<html>"):
        assert is_unreadable(PROVIDER.read_refresh(ENDED, reply(answer)))
    assert isinstance(PROVIDER.read_refresh(ENDED, reply(problem("ResourceNotFound"), 404)), Rejected)
    assert kind_of(PROVIDER.read_refresh(ENDED, reply(problem("x"), 401))) == REFUSED
    assert kind_of(PROVIDER.read_refresh(ENDED, reply(problem("x"), 500))) == RETRY


def test_refresh_through_a_poller():
    """`Poller.refresh` gives the outcome with the links of now."""
    documents = [DONE, FRESH]

    async def main() -> Outcome:
        transport = ScriptedTransport(lambda request: answered(documents.pop(0)))
        async with Poller(PROVIDER, transport=transport) as poller:
            return await poller.refresh(await poller.wait_for(TASK.id))

    assert [media.url for media in run_virtually(main()).media] == [FRESH["content"]["video_url"]]
