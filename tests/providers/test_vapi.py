"""V-API: three upstreams behind one address, Jimeng's answers among them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from tests.providers.documents import (
    ELSEWHERE,
    LINK,
    REFUSED,
    REJECTED,
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
from tests.providers.recorded.vapi import DASHSCOPE, FILE, JIMENG, MINIMAX, TASK, jimeng, risk
from wanpoll import Failure, Media, NotSupported, Outcome, Poller, Rate, Status, Task, UsageError
from wanpoll._core.readings import NOT_YET, Answer, NoSuchTask, Refused
from wanpoll.providers import VApi
from wanpoll.testing import ScriptedTransport

PROVIDER = VApi("sk-0123456789").bind({})

SEED = """
{
    "status": "Success",
    // Use file_id with the download API to obtain the final video URL.
    "file_id": "314053136425242",
    "task_id": "314052875571396",
    "base_resp": {
        "status_msg": "success",
        "status_code": 0
    },
    "video_width": 768,
    "video_height": 1152
}
"""
"""The success response of "Query: Task Results"; the comment in it is the documentation's, not the wire's."""


def read(answer: Any, status: int = 200, upstream: str | None = None, task: Task = TASK) -> Any:
    return PROVIDER.read([evolve(task, context={"upstream": upstream} if upstream else {})], reply(answer, status))


# -- the questions -----------------------------------------------------------------------------------------------------


def test_ask():
    """One address for all upstreams, another for files."""
    seen = one(read(MINIMAX))

    assert PROVIDER.ask([Task("a:b")]).url == "https://api.gpt.ge/task/a%3Ab"
    assert PROVIDER.ask_rest(TASK, seen).url == "https://api.gpt.ge/task/minimax/v1/files/retrieve?file_id=99"
    assert {PROVIDER.ask([TASK]).method, PROVIDER.ask_rest(TASK, seen).method} == {"GET"}


def test_account():
    """A modest quota, the advised interval, one id in each question, fresh links on demand."""
    assert (PROVIDER.quota, PROVIDER.interval, PROVIDER.max_batch) == (Rate(5, per=1.0), 15.0, 1)
    assert (PROVIDER.can_cancel, PROVIDER.can_refresh) == (False, True)
    assert VApi().bind({"VAPI_API_KEY": "sk-environ"}).api_key == "sk-environ"


@pytest.mark.parametrize("upstream", ["minimax", "jimeng", "dashscope", None])
def test_contexts(upstream):
    """The three upstreams may be named, or none."""
    PROVIDER.check_context({"upstream": upstream})
    PROVIDER.check_context({})


@pytest.mark.parametrize("upstream", ["", "MiniMax", "kling", 5, ["minimax"], {"minimax": 1}])
def test_unknown_upstreams(upstream):
    """An upstream that is none of the three is refused, with those that there are."""
    with pytest.raises(UsageError, match=r"upstream.*'minimax', 'jimeng', 'dashscope'"):
        PROVIDER.check_context({"upstream": upstream})


@pytest.mark.parametrize("context", [{"Upstream": "jimeng"}, {"upstream": "jimeng", "more": 1}, {5: 1}])
def test_unknown_keys(context):
    """A key with a typing error, say, is refused where it is given: nothing but the upstream is asked by."""
    with pytest.raises(UsageError, match="nothing else than 'upstream'"):
        PROVIDER.check_context(context)


async def test_a_bad_context_is_refused_at_once():
    """A wait with a context that nobody knows is refused before anything is asked."""
    async with Poller(PROVIDER, transport=ScriptedTransport(lambda request: reply({}))) as poller:
        for context in ({"Upstream": "jimeng"}, {"upstream": "kling"}):
            with pytest.raises(UsageError, match="context"):
                await poller.wait_for(TASK.id, context=context)


# -- whose answer it is ------------------------------------------------------------------------------------------------


def test_the_documented_answer():
    """The documented example is MiniMax's: a success whose file is to be asked for."""
    document = json.loads(re.sub(r"//.*", "", SEED))
    task = Task("314052875571396", "vapi")

    for upstream in (None, "minimax"):
        observation = one(read(document, upstream=upstream, task=task))
        assert (observation.status, observation.follow_up) == (Status.SUCCEEDED, "314053136425242")
        assert observation.raw == document
    assert is_unreadable(read(SEED.encode(), task=task))


@pytest.mark.parametrize("answer", [MINIMAX, JIMENG, DASHSCOPE])
def test_told_apart(answer):
    """Each upstream's answer is told apart by its keys, or read as the task says."""
    name = {id(MINIMAX): "minimax", id(JIMENG): "jimeng", id(DASHSCOPE): "dashscope"}[id(answer)]

    assert Status.SUCCEEDED is one(read(answer)).status
    assert read(answer) == read(answer, upstream=name)


@pytest.mark.parametrize(
    ("answer", "upstream"), [(MINIMAX, "jimeng"), (MINIMAX, "dashscope"), (JIMENG, "minimax"), (DASHSCOPE, "minimax")]
)
def test_answers_of_another_upstream(answer, upstream):
    """The task's word counts: the answer of another upstream ends nothing, and the problem says what to mend."""
    reading = read(answer, upstream=upstream)
    name = {id(MINIMAX): "minimax", id(JIMENG): "jimeng", id(DASHSCOPE): "dashscope"}[id(answer)]

    assert is_unreadable(reading)
    said = f"the answer is {name}'s, but the task's context says {upstream}: give context={{'upstream': '{name}'}}"
    assert said in str(reading.problem)


def test_keys_of_two_upstreams():
    """Keys of another upstream beside those of the one that the task names are no contradiction."""
    both = JIMENG | {"base_resp": {"status_code": 0}}

    assert Status.SUCCEEDED is one(read(both, upstream="jimeng")).status


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 10000, "data": {"status": "done"}},
        {"code": 0, "time_elapsed": "1ms"},
        {"status": "Success", "file_id": "99"},
        {"output": {"video_url": LINK}},
        {"output": "done"},
        {},
        {"request_id": "r"},
        [],
        None,
        b"",
        b"<html>",
    ],
)
def test_answers_of_no_upstream(answer):
    """An answer of none of the three shapes ends nothing, and the problem says what to give."""
    reading = read(answer)

    assert kind_of(reading) == RETRY
    assert answer not in ({}, {"request_id": "r"}) or "give the task's context={'upstream': ...}" in str(
        reading.problem
    )


@pytest.mark.parametrize(("upstream", "answer"), [("minimax", MINIMAX), ("jimeng", JIMENG)])
def test_shapes_that_the_task_tells(upstream, answer):
    """With the upstream named, an answer need not show whose it is."""
    bare = {name: value for name, value in answer.items() if name not in ("base_resp", "time_elapsed")}

    assert not isinstance(read(bare), Answer)
    assert Status.SUCCEEDED is one(read(bare, upstream=upstream)).status


def test_odd_contexts_do_not_matter_to_the_decoder():
    """What stands in a context that nobody checked never makes reading fail."""
    for upstream in ([], {}, 5, "kling"):
        observation = one(PROVIDER.read([Task(TASK.id, context={"upstream": upstream})], reply(JIMENG)))
        assert Status.SUCCEEDED is observation.status


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
def test_errors_of_the_relay(status):
    """V-API's own errors have the verdict of their status, and their words are told, whatever the upstream."""
    expected = {401: REFUSED, 403: REFUSED, 429: SLOW}.get(status, RETRY)
    answer = {"error": {"message": "why", "type": "new_api_error", "code": ""}}

    for upstream in (None, "minimax", "jimeng", "dashscope"):
        reading = read(answer, status, upstream)
        assert expected == kind_of(reading)
        told = str(reading) if isinstance(reading, Refused) else reading.problem.detail
        assert "new_api_error" in told


@pytest.mark.parametrize(("status", "expected"), [(401, REFUSED), (402, REFUSED), (429, SLOW), (502, RETRY)])
@pytest.mark.parametrize("upstream", [None, "minimax", "jimeng", "dashscope"])
@pytest.mark.parametrize("answer", [b"<html>", b"", b"5", JIMENG, MINIMAX, DASHSCOPE])
def test_http_errors(status, expected, upstream, answer):
    """An HTTP error has the verdict of its status, whatever its body says: no end either."""
    assert expected == kind_of(read(answer, status, upstream))


# -- MiniMax and DashScope behind it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1000, RETRY), (1002, SLOW), (1004, REFUSED), (1008, REFUSED), (2049, REFUSED), (1033, RETRY), (2013, REJECTED)],
)
def test_minimax_codes(code, expected):
    """MiniMax's codes mean here what they mean there, for the task and for its file."""
    answer = {"task_id": "", "status": "", "base_resp": {"status_code": code, "status_msg": "why"}}
    rest = PROVIDER.read_rest(TASK, one(read(MINIMAX)), reply(answer))

    assert expected == kind_of(read(answer))
    assert (RETRY if expected == REJECTED else expected) == kind_of(rest)


def test_minimax_pending():
    """A plain "not yet" is read the short way."""
    assert NOT_YET[Status.RUNNING] is read(MINIMAX | {"status": "Processing", "file_id": ""})


def test_minimax_rest():
    """The second request completes the success; where it fails, the task neither failed nor succeeded."""
    seen = one(read(MINIMAX))
    observation = one(PROVIDER.read_rest(TASK, seen, reply(FILE)))

    assert (observation.status, observation.follow_up, links(observation)) == (
        Status.SUCCEEDED,
        None,
        [(LINK, "video")],
    )
    for answer, status in ((b"", 502), (b"<html>", 200), ({"error": {"message": "m"}}, 200), ({"file": {}}, 200)):
        assert kind_of(PROVIDER.read_rest(TASK, seen, reply(answer, status))) == RETRY


def test_refresh():
    """MiniMax's files can be asked for again, the results of the others cannot."""
    outcome = Outcome(TASK, Status.SUCCEEDED, (Media("https://h.example/old", "video", file_id="99"),))

    assert PROVIDER.ask_refresh(outcome).url == "https://api.gpt.ge/task/minimax/v1/files/retrieve?file_id=99"
    assert links(one(PROVIDER.read_refresh(outcome, reply(FILE)))) == [(LINK, "video")]
    with pytest.raises(NotSupported, match="only MiniMax"):
        PROVIDER.ask_refresh(Outcome(TASK, Status.SUCCEEDED, one(read(JIMENG)).media))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("PENDING", Status.PENDING),
        ("RUNNING", Status.RUNNING),
        ("FAILED", Status.FAILED),
        ("CANCELED", Status.CANCELED),
    ],
)
def test_dashscope_words(word, expected):
    """DashScope's words mean here what they mean there."""
    assert expected is one(read({"output": {"task_id": TASK.id, "task_status": word}})).status


def test_dashscope_pending():
    """A plain "not yet" is read the short way."""
    assert NOT_YET[Status.RUNNING] is read({"output": {"task_id": TASK.id, "task_status": "RUNNING"}})


def test_dashscope():
    """DashScope's document is read by its own decoder: media, usage, "no such task", errors of the query."""
    observation = one(read(DASHSCOPE))

    assert (links(observation), observation.usage) == ([(LINK, "video")], {"SR": 720})
    assert Answer((NoSuchTask(TASK.id),)) == read({"output": {"task_status": "UNKNOWN"}})
    assert is_unreadable(read({"output": {"task_id": "another", "task_status": "SUCCEEDED"}}, upstream="dashscope"))
    assert kind_of(read({"code": "Throttling", "message": "m"}, upstream="dashscope")) == SLOW
    assert kind_of(read({"code": "InvalidApiKey", "message": "m"})) == REFUSED


# -- Jimeng ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [10000, 0, "10000", "0"])
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("in_queue", Status.PENDING),
        ("generating", Status.RUNNING),
        ("processing", Status.RUNNING),
        ("done", Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("expired", Status.EXPIRED),
        ("Processing", Status.RUNNING),
        ("Failed", Status.FAILED),
    ],
)
def test_jimeng_words(code, word, expected):
    """Each word has its one meaning beside a code of success, which is 10000 in practice and 0 in the documentation."""
    assert expected is one(read(jimeng(word, code=code))).status


@pytest.mark.parametrize(("word", "expected"), [("in_queue", Status.PENDING), ("generating", Status.RUNNING)])
def test_jimeng_pending(word, expected):
    """A plain "not yet" is read the short way."""
    assert NOT_YET[expected] is read(jimeng(word, resp_data="", video_url="", image_urls=None))


def test_jimeng_no_such_task():
    """not_found is "no such task"."""
    assert Answer((NoSuchTask(TASK.id),)) == read(jimeng("not_found"))


@pytest.mark.parametrize("code", [0, 10000])
def test_jimeng_success_in_the_words_of_the_relay(code):
    """V-API's own document says Success in this envelope: a success with its link or its data, and none without."""
    done = one(read(jimeng("Success", code=code, video_url=LINK, image_urls=None)))
    encoded = one(read(jimeng("Success", code=code, binary_data_base64=["aGVsbG8="])))

    assert (done.status, links(done)) == (Status.SUCCEEDED, [(LINK, "video")])
    assert (encoded.status, encoded.media) == (Status.SUCCEEDED, ())
    for nothing in ({}, {"video_url": "", "image_urls": []}, {"video_url": None, "binary_data_base64": []}):
        assert is_unreadable(read(jimeng("Success", code=code, **nothing)))


@pytest.mark.parametrize("word", ["Done", "DONE", "success", "Processed", "cancelled"])
def test_jimeng_unknown_words(word):
    """A word that is not in the table is no end; it is kept for the log."""
    assert (one(read(jimeng(word))).status, one(read(jimeng(word))).word) == (None, word)


@pytest.mark.parametrize("word", [5, True, ["done"], {"done": 1}])
def test_jimeng_words_that_are_no_text(word):
    """A status that is no text is unreadable."""
    assert is_unreadable(read(jimeng(word)))


@pytest.mark.parametrize("data", [None, {}, {"status": None}, {"status": ""}, {"status": "", "video_url": LINK}])
def test_jimeng_without_a_word(data):
    """`data`, and every field of it, may be null or empty: not done, and no trouble either."""
    answer = JIMENG | {"data": data}

    assert (one(read(answer)).status, one(read(answer)).media) == (Status.PENDING, ())
    assert one(PROVIDER.explain(reply(answer)).reading).status is Status.PENDING


@pytest.mark.parametrize("data", [[], "done", 5, True])
def test_jimeng_data_that_are_none(data):
    """What is no object under `data` is unreadable."""
    assert is_unreadable(read(JIMENG | {"data": data}))


@pytest.mark.parametrize("code", [False, True, [], {}, 0.5])
def test_jimeng_codes_that_are_none(code):
    """What is no code is no success, whatever it equals: asked again."""
    for word in ("done", "generating"):
        assert kind_of(read(jimeng(word, video_url=LINK) | {"code": code})) == RETRY


def test_jimeng_status_is_a_copy_of_the_code():
    """The top-level status is no state: it only stands in for a code that is missing."""
    assert Status.RUNNING is one(read(jimeng("generating") | {"status": 50411})).status
    assert Status.SUCCEEDED is one(read(JIMENG | {"code": None})).status
    assert is_unreadable(read(JIMENG | {"code": None, "status": None, "message": None}))


@pytest.mark.parametrize("code", [50411, 50412, 50413, 50511, 50512, 50518, 50519, 50520, "50411"])
@pytest.mark.parametrize("status", [200, 400])
def test_jimeng_content_risks(code, status):
    """A content risk belongs to the task, which failed with it."""
    for answer in (risk(code), jimeng("done", code=code, message="why", video_url=LINK)):
        observation = one(read(answer, status))
        assert (observation.status, observation.failure) == (Status.FAILED, Failure(str(code), "why"))
        assert (observation.media, observation.raw) == ((), answer)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502])
def test_jimeng_content_risks_with_another_http_status(status):
    """A content risk comes with HTTP 200 or 400; any other status is that of a question that failed."""
    assert not isinstance(read(risk(50411), status), Answer)


@pytest.mark.parametrize("code", [10001, 50215, 50500, 1, -1, "oops"])
@pytest.mark.parametrize("word", ["done", "failed", "Success", "Failed"])
def test_jimeng_done_with_another_code(code, word):
    """Done with a code that is none of success is a failure with that code."""
    observation = one(read(jimeng(word, code=code, message="why", video_url=LINK)))

    assert (observation.status, observation.failure, observation.media) == (
        Status.FAILED,
        Failure(str(code), "why"),
        (),
    )


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        (50429, 200, SLOW),
        (50430, 200, SLOW),
        (50429, 429, SLOW),
        (50430, 429, SLOW),
        (50500, 200, RETRY),
        (50501, 500, RETRY),
        (50215, 400, RETRY),
        (50400, 400, RETRY),
        (4711, 200, RETRY),
        ("task_not_exist", 400, RETRY),
    ],
)
def test_jimeng_errors(code, status, expected):
    """Limits slow the account down, the server's errors are asked again; neither ends the task."""
    reading = read(risk(code), status)

    assert expected == kind_of(reading)
    assert reading.problem.detail == f"{code}: why"


@pytest.mark.parametrize("code", [50429, 50430])
@pytest.mark.parametrize("word", ["done", "failed", "in_queue", None])
def test_jimeng_limits_are_never_the_tasks(code, word):
    """A limit says nothing of the task, whatever stands beside it."""
    assert kind_of(read(jimeng(word, code=code))) == SLOW


@pytest.mark.parametrize("word", ["in_queue", "generating", "not_found", "expired", "new"])
def test_jimeng_errors_beside_other_words(word):
    """A code that is no success makes the words that are no end of the work unreliable: asked again."""
    assert kind_of(read(jimeng(word, code=50500))) == RETRY


def test_jimeng_success_with_an_http_error():
    """The code of success is not told as the reason of an error."""
    assert read(JIMENG, 502).problem.detail == "Success"


def test_jimeng_media():
    """A video and images stand at their paths; the link comes out byte by byte, with its own end."""
    images = ["https://h.example/1.png", "https://h.example/2.png"]
    observation = one(read(jimeng(video_url=LINK, image_urls=images)))

    assert links(observation) == [(LINK, "video"), (images[0], "image"), (images[1], "image")]
    assert datetime.fromtimestamp(1_751_000_000, UTC) == observation.media[0].expires_at
    assert links(one(read(jimeng(image_urls=images)))) == [(images[0], "image"), (images[1], "image")]


@pytest.mark.parametrize("empty", [None, "", [], {}, 0])
def test_jimeng_fields_may_be_empty(empty):
    """Every field may be null or empty: the word counts, and the document is kept."""
    answer = jimeng(resp_data=empty, video_url=empty, image_urls=empty, binary_data_base64=empty)
    observation = one(read(answer))

    assert (observation.status, observation.media, observation.raw) == (Status.SUCCEEDED, (), answer)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '{"urls":["' + ELSEWHERE + '"]}', '{"urls":', ELSEWHERE, "\x00", "{}" * 99]
)
def test_jimeng_resp_data(text):
    """What stands in resp_data, malformed or not, is kept as it came and never read: no document tells its links."""
    observation = one(read(jimeng(resp_data=text, video_url=LINK)))

    assert links(observation) == [(LINK, "video")]
    assert observation.raw["data"]["resp_data"] == text


@pytest.mark.parametrize("word", ["in_queue", "failed", "expired", "new"])
def test_jimeng_media_belong_to_success(word):
    """Links in the answer of a task that did not succeed are no results."""
    assert one(read(jimeng(word, video_url=LINK))).media == ()


def test_jimeng_failed_without_a_reason():
    """Success as the message of a failure is no reason."""
    assert one(read(jimeng("failed"))).failure == Failure("failed", "the provider gave no reason")
    assert one(read(jimeng("expired"))).failure is None


def test_jimeng_ids():
    """Ids have 20 digits and stay text; an answer that names another one is about another task."""
    assert PROVIDER.ask([TASK]).url.endswith("/task/12345678901234567890")
    for word in ("done", "generating"):
        assert isinstance(read(jimeng(word, task_id=TASK.id)), Answer)
        assert is_unreadable(read(jimeng(word, task_id="12345678901234567891")))
        assert is_unreadable(read(jimeng(word) | {"task_id": "12345678901234567891"}))


# -- saying why --------------------------------------------------------------------------------------------------------


def test_explain():
    """Whose answer it is, and by what, is the first thing told."""
    by_keys = PROVIDER.explain(reply(MINIMAX))
    by_task = PROVIDER.explain(reply(JIMENG), [Task("a", context={"upstream": "jimeng"})])

    assert by_keys.notes[1:3] == ("upstream minimax, by the keys of the answer", "status is 'Success': SUCCEEDED")
    assert by_task.notes[1:] == (
        "upstream jimeng, by the task's context",
        "data.status is 'done': SUCCEEDED",
        "data.video_url: video link",
        "1 media at 2 listed paths",
    )
    assert "code is '50411', content risk: the task failed with it" in PROVIDER.explain(reply(risk(50411), 400)).notes
    own = PROVIDER.explain(reply({"error": {"message": "m", "type": "new_api_error"}}, 401))
    assert "error is an object: V-API's own" in own.notes
    assert "neither the task nor the keys tell the upstream" in PROVIDER.explain(reply({"a": 1})).notes
    assert one(PROVIDER.explain(reply(jimeng("generating"))).reading).status is Status.RUNNING


# -- properties --------------------------------------------------------------------------------------------------------

WORDS = ("done", "Success", "SUCCEEDED", "failed", 10000, 0, 50411, LINK)
SHAPES = (
    MINIMAX,
    JIMENG,
    DASHSCOPE,
    jimeng("generating"),
    jimeng("failed", image_urls=[LINK]),
    risk(50411),
    risk(50429),
    MINIMAX | {"status": "Fail"},
    DASHSCOPE | {"output": {"task_status": "UNKNOWN"}},
    {"error": {"message": "m", "type": "new_api_error"}},
)


def words_in(document: Any) -> set[Any]:
    """The provider's words for the state, wherever an upstream has them."""
    places = (document, document.get("data"), document.get("output"))
    found = [place.get(name) for place in places if isinstance(place, dict) for name in ("status", "task_status")]
    return {word for word in found if isinstance(word, str)}


@pytest.mark.parametrize("upstream", [None, "minimax", "jimeng", "dashscope"])
def test_no_answer_ends_without_its_word(upstream):
    """Whatever becomes of a recorded answer: no success without its word, no link of an unlisted path."""

    @given(bent(SHAPES, *WORDS) | junk(*WORDS), statuses)
    def check(answer: Any, status: int) -> None:
        for end in ends(read(answer, status, upstream)):
            assert end.task_id == TASK.id
            assert status in (200, 400)
            assert ELSEWHERE not in {media.url for media in end.media} or ELSEWHERE in listed(answer)
            if end.status is Status.SUCCEEDED:
                assert status == 200
                assert words_in(answer) & {"done", "SUCCEEDED"}

    check()


def listed(document: Any) -> set[Any]:
    """What stands at listed paths of a bent answer: junk may have put anything there."""
    data, output = (document.get(name) if isinstance(document.get(name), dict) else {} for name in ("data", "output"))
    images = data.get("image_urls")
    return {
        value
        for value in (data.get("video_url"), output.get("video_url"), *(images if isinstance(images, list) else ()))
        if isinstance(value, str)
    }


@given(bent((FILE,), *WORDS) | junk(*WORDS), statuses)
def test_no_success_without_media(answer, status):
    """Whatever becomes of the file's answer: it completes the success with the link at its path, or nothing."""
    for end in ends(PROVIDER.read_rest(TASK, one(read(MINIMAX)), reply(answer, status))):
        assert [media.url for media in end.media] == [answer["file"]["download_url"]]
