"""A provider from data alone: what it is told, what it makes of answers, and data that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.providers.documents import (
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
from tests.providers.helpers import SEEN_AT
from tests.providers.recorded.json_provider import LEAST, TASK, acme, job
from wanpoll import Failure, NotSupported, Poller, Rate, Status, Task, UsageError
from wanpoll._core.readings import NOT_YET, Answer, Missed, NoSuchTask, Observation
from wanpoll.providers import ErrorRule, JsonProvider, JsonRules, MediaPath, Verdict
from wanpoll.simulator import Simulator


def read(document: Any, status: int = 200, **changes: Any) -> Any:
    return acme(**changes).read([TASK], reply(document, status))


# -- an account --------------------------------------------------------------------------------------------------------


def test_the_least():
    """Name, address, key, path and words are enough."""
    provider = JsonProvider(**LEAST).bind({"ACME_API_KEY": "sk-environ"})
    observation = one(provider.read([TASK], reply({"status": "done"})))

    assert provider.ask([Task("a:b")]).url == "https://api.acme.example/v1/jobs/a%3Ab"
    assert provider.ask([TASK]).method == "GET"
    assert provider.headers()["Authorization"] == "Bearer sk-environ"
    assert (provider.quota, provider.interval, provider.max_batch) == (Rate(5, per=1.0), 15.0, 1)
    assert (observation.status, observation.media) == (Status.SUCCEEDED, ())
    assert repr(provider).startswith("JsonProvider(name='acme', base_url='https://api.acme.example/v1'")


def test_quota_and_interval():
    """What is given replaces the defaults."""
    assert (acme().quota, acme().interval) == (Rate(7, per=2.0), 3.0)


def test_no_key():
    """Without a key, the error names the variable."""
    with pytest.raises(UsageError, match="ACME_API_KEY"):
        JsonProvider(**LEAST).bind({})


def test_configured():
    """Another account is a copy with another key and name: the data stay, the first account too."""
    first = acme()
    second = first.configured("sk-second", name="second", base_url="https://second.example")

    assert (first.name, second.name, second.api_key) == ("acme", "second", "sk-second")
    assert second.ask([TASK]).url == "https://second.example/jobs/t-1"
    assert first.read([TASK], reply(job())) == second.read([TASK], reply(job()))
    assert "acme" in repr(Poller(first, second))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"scheme": "Token"}, {"Authorization": "Token sk-0123456789"}),
        ({"scheme": "", "header": "X-Api-Key"}, {"X-Api-Key": "sk-0123456789"}),
        ({"header": "api-key"}, {"api-key": "Bearer sk-0123456789"}),
    ],
)
def test_headers(rules, expected):
    """The key goes into the header and behind the scheme that the data name."""
    assert expected | {"Accept": "application/json"} == acme(**rules).headers()


def test_fixed_headers():
    """Headers that each question needs are sent beside the key, and are in no repr."""
    provider = acme(headers={"X-Acme-Version": "2024-11-06", "accept-language": "en", "X-Team": "canary 1"})

    assert provider.headers() == {
        "Authorization": "Bearer sk-0123456789",
        "Accept": "application/json",
        "X-Acme-Version": "2024-11-06",
        "accept-language": "en",
        "X-Team": "canary 1",
    }
    assert provider.configured("sk-second").headers()["X-Acme-Version"] == "2024-11-06"
    assert "canary" not in f"{provider!r} {vars(provider)!r} {provider.RULES!r} {provider.ask([TASK])!r}"


@pytest.mark.parametrize(
    "headers",
    [
        "X: canary",
        None,
        [("X", "canary")],
        {"X Y": "canary"},
        {"": "canary"},
        {5: "canary"},
        {"X": 5},
        {"X": ""},
        {"X": " canary"},
        {"X": "canary\r\nY: z"},
        {"X": "canary\u00e9"},
        {"Authorization": "Bearer canary"},
        {"authorization": "Bearer canary"},
        {"x-api-key": "canary"},
        {"Host": "canary.example"},
        {"Content-Length": "5"},
    ],
)
def test_fixed_headers_that_make_no_sense(headers):
    """Names and texts that no header has, and the key's own place, are refused, and no value is shown."""
    with pytest.raises(UsageError, match="^headers: ") as caught:
        acme(headers=headers, header="X-Api-Key")

    assert "canary" not in str(caught.value)


def test_keys_stay_out_of_reprs():
    """A header of its own makes no key visible."""
    provider = acme(header="X-Api-Key", scheme="")

    assert "0123456789" not in f"{provider!r} {vars(provider)!r} {provider.RULES!r}"


def test_post_and_query():
    """The question may be a POST, and the id may stand in the query."""
    request = acme(method="POST", path="/query?task={id}&full=1").ask([Task("a:b")])

    assert (request.method, request.url) == ("POST", "https://api.acme.example/v1/query?task=a%3Ab&full=1")


def test_cancel():
    """Canceling is a POST to a path of its own; without one it is not supported."""
    provider = acme(cancel="jobs/{id}/stop")

    assert (provider.can_cancel, acme().can_cancel) == (True, False)
    assert provider.ask_cancel(TASK).method == "POST"
    assert provider.ask_cancel(TASK).url == "https://api.acme.example/v1/jobs/t-1/stop"
    assert Answer() == provider.read_cancel(TASK, reply({}, 202))
    assert isinstance(provider.read_cancel(TASK, reply(b"", 500)), Missed)
    with pytest.raises(NotSupported, match="cancel="):
        acme().ask_cancel(TASK)


class Own(JsonProvider):
    """The same as class attributes."""

    NAME = "own"
    BASE_URL = "https://own.example"
    KEY_VARIABLE = "OWN_KEY"
    INTERVAL = 2.0
    RULES = JsonRules(path="t/{id}", words={"ok": Status.SUCCEEDED})


def test_subclass():
    """A subclass keeps the data, and arguments replace them for one account only."""
    plain = Own().bind({"OWN_KEY": "k"})
    other = Own(media=(MediaPath("url", "video"),), name="other", key_variable="OTHER_KEY").bind({"OTHER_KEY": "k"})
    answer = reply({"status": "ok", "url": LINK})

    assert (plain.name, other.name, plain.interval) == ("own", "other", 2.0)
    assert (links(one(plain.read([TASK], answer))), links(one(other.read([TASK], answer)))) == ([], [(LINK, "video")])
    assert Own.RULES.media == ()


# -- data that make no sense -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "base_url", "key_variable", "path", "words"])
def test_what_is_missing_is_named(name):
    """Each of the least data that is missing is named."""
    with pytest.raises(UsageError, match=name):
        JsonProvider(**{key: value for key, value in LEAST.items() if key != name})


def test_what_nobody_knows_is_named():
    """An argument with a typing error is named."""
    with pytest.raises(UsageError, match="stauts"):
        acme(stauts="a")
    with pytest.raises(UsageError, match="stauts"):
        Own(stauts="a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("base_url", "http://api.acme.example"),
        ("base_url", 5),
        ("key_variable", "ACME KEY"),
        ("key_variable", 5),
        ("key_variable", ""),
        ("interval", 0),
        ("quota", 5),
        ("path", "jobs"),
        ("path", "jobs/{task}"),
        ("path", "jobs/{id}/{id}"),
        ("path", "jobs/{id} "),
        ("path", "jobs/{id}\n"),
        ("path", None),
        ("path", "jobs#{id}"),
        ("path", "../{id}"),
        ("path", "jobs/./{id}"),
        ("path", "jobs/%2e%2e/{id}"),
        ("path", "jobs\\{id}"),
        ("status", None),
        ("status", ""),
        ("status", "items[].state"),
        ("status", "a..b"),
        ("status", ["a"]),
        ("words", {}),
        ("words", {"done": "SUCCEEDED"}),
        ("words", {"done": Status.FAILED}),
        ("words", {2: Status.SUCCEEDED}),
        ("words", [("done", Status.SUCCEEDED)]),
        ("words", None),
        ("id", "a b"),
        ("id", 5),
        ("media", MediaPath("a", "video")),
        ("media", ("a",)),
        ("media", "result.url"),
        ("failure", "error"),
        ("failure", ("a",)),
        ("failure", ("a", "b[]")),
        ("error", (1, 2)),
        ("times", ("a", "b")),
        ("times", None),
        ("progress", "a."),
        ("usage", 5),
        ("scale", 0),
        ("scale", "100"),
        ("scale", True),
        ("scale", float("inf")),
        ("link_life", -1),
        ("link_life", float("nan")),
        ("no_such_task", "gone"),
        ("no_such_task", 404),
        ("no_such_task", (None,)),
        ("no_such_task", (True,)),
        ("no_such_task", (403,)),
        ("no_such_task", ("done",)),
        ("no_such_task", (404, "failed")),
        ("no_such_task", (404, 429)),
        ("no_such_task", ("gone", 500)),
        ("errors", Verdict.RETRY),
        ("errors", ("BAD",)),
        ("method", "DELETE"),
        ("method", None),
        ("cancel", "stop"),
        ("cancel", "../{id}/stop"),
        ("header", "X: y"),
        ("header", ""),
        ("header", "X\r\nY"),
        ("scheme", "Bearer "),
        ("scheme", None),
    ],
)
def test_bad_data(name, value):
    """Data that make no sense are refused when the provider is made, by the name of the argument."""
    with pytest.raises(UsageError, match=name):
        acme(**{name: value})


# -- the state ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("queued", Status.PENDING),
        ("running", Status.RUNNING),
        ("done", Status.SUCCEEDED),
        (2, Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("stopped", Status.CANCELED),
        ("late", Status.EXPIRED),
        ("Done", None),
        ("", None),
        (3, None),
    ],
)
def test_words(word, expected):
    """Words mean what the data say, whole numbers among them; one that is not listed is no end."""
    observation = one(read(job(word)))

    assert expected is observation.status
    assert expected is not None or observation.word == str(word)


@pytest.mark.parametrize(("word", "expected"), [("queued", Status.PENDING), ("running", Status.RUNNING)])
def test_not_yet(word, expected):
    """A plain "not yet" is read the short way, whatever HTTP status of success it comes with."""
    assert NOT_YET[expected] is read(job(word))
    assert NOT_YET[expected] is read(job(word, percent=None), 202)


@pytest.mark.parametrize("word", [None, True, 1.0, ["done"], {"a": "done"}])
def test_a_word_that_is_none(word):
    """A state that is neither text nor a whole number is unreadable."""
    assert is_unreadable(read(job(word)))


@pytest.mark.parametrize("answer", [{}, [], None, 5, {"job": None}, {"job": []}, {"job": "done"}, b"", b"<html>"])
def test_neither_task_nor_error(answer):
    """An answer without a state and without an error is unreadable."""
    assert is_unreadable(read(answer))


@pytest.mark.parametrize("word", ["done", "running"])
def test_ids(word):
    """An answer that names another id is about another task; without a path for it, nothing is checked."""
    for echoed in ("t-2", 5, ["t-1"]):
        assert is_unreadable(read(job(word) | {"job": {"id": echoed, "state": word}}))
        assert isinstance(one(read(job(word) | {"job": {"id": echoed, "state": word}}, id=None)), Observation)
    assert isinstance(one(read({"job": {"state": word}})), Observation)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (45, 0.45),
        (0, 0.0),
        (100.0, 1.0),
        (250, 1.0),
        (-5, 0.0),
        ("45", 0.45),
        ("45%", 0.45),
        ("45 %", 0.45),
        ("half", None),
        ("", None),
        ("nan", None),
        (True, None),
        ([45], None),
        (1e308, 1.0),
        ("9" * 400, None),
    ],
)
def test_progress(percent, expected):
    """Progress is a part of the scale, between 0 and 1, or None where it makes no sense."""
    assert expected == one(read(job("running", percent=percent))).progress


def test_no_such_task():
    """A word, a code or an HTTP status may mean that there is no such task; a gateway's page never does."""
    assert Answer((NoSuchTask(TASK.id),)) == read(job("gone"))
    assert Answer((NoSuchTask(TASK.id),)) == read(job("queued"), no_such_task=("queued",))
    known = Failure("NO_TASK", "m")
    assert Answer((NoSuchTask(TASK.id, known),)) == read({"problem": {"code": "NO_TASK", "text": "m"}})
    assert Answer((NoSuchTask(TASK.id, known),)) == read({"problem": {"code": "NO_TASK", "text": "m"}}, 400)
    assert Answer((NoSuchTask(TASK.id, Failure("HTTP 404")),)) == read({"a": 1}, 404)
    assert kind_of(read(b"<html>not found</html>", 404)) == RETRY


@pytest.mark.parametrize(("status", "expected"), [(401, REFUSED), (403, REFUSED), (429, SLOW), (500, RETRY)])
def test_no_such_task_is_about_the_task(status, expected):
    """The code of an unknown task counts for nothing where the status tells of the account or the server."""
    assert expected == kind_of(read({"problem": {"code": "NO_TASK", "text": "m"}}, status))


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("BAD_ID", 400, REJECTED),
        ("BAD_ID", 200, REJECTED),
        ("BAD_ID", 401, REFUSED),
        ("BAD_ID", 429, SLOW),
        ("BAD_ID", 500, RETRY),
        ("x", 429, SLOW),
        ("x", 500, RETRY),
        ("x", 401, REFUSED),
    ],
)
def test_errors(code, status, expected):
    """The rules that are given hold, at the paths that are given; behind them, the account's own statuses."""
    assert expected == kind_of(read({"problem": {"code": code, "text": "why"}}, status))


def test_errors_that_are_given_come_first():
    """What is known of a provider outranks what holds for most."""
    errors = (ErrorRule(Verdict.SLOW_DOWN, http=(403,)),)

    assert kind_of(read({}, 403, errors=errors)) == SLOW
    assert kind_of(read({}, 401, errors=errors)) == REFUSED
    assert kind_of(read({}, 401, errors=())) == REFUSED


@pytest.mark.parametrize(
    ("status", "expected"), [(401, REFUSED), (402, REFUSED), (403, REFUSED), (429, SLOW), (500, RETRY), (404, RETRY)]
)
@pytest.mark.parametrize("answer", [b"", b"<html>", {"code": 5, "message": "why"}, {"status": "done"}])
def test_errors_by_default(status, expected, answer):
    """Where no rules are given, the HTTP status decides; the word of an end in an error ends nothing."""
    provider = JsonProvider("sk-0123456789", **LEAST).bind({})

    assert expected == kind_of(provider.read([TASK], reply(answer, status)))


def test_errors_carry_their_words():
    """Code and message of the error are told, numbers as text."""
    reading = read({"problem": {"code": 17, "text": "why"}}, 500)

    assert reading.problem.detail == "17: why"


# -- the end -----------------------------------------------------------------------------------------------------------


def test_success():
    """Media, times, usage and document of a success stand at the paths that the data name."""
    answer = job(
        result={"url": LINK},
        images=[{"url": "https://h.example/1.png"}],
        made="2026-04-02T22:53:19Z",
        ended=1_769_000_100,
        cost={"seconds": 5},
        error={"code": "x"},
    )
    observation = one(read(answer))

    assert links(observation) == [(LINK, "video"), ("https://h.example/1.png", "image")]
    assert (observation.failure, observation.usage, observation.raw) == (None, {"seconds": 5}, answer)
    assert datetime(2026, 4, 2, 22, 53, 19, tzinfo=UTC) == observation.submitted_at
    assert observation.started_at is None
    assert datetime.fromtimestamp(1_769_000_100, UTC) == observation.finished_at


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_769_000_100_000, 1_769_000_100),
        (1_769_000_100.5, 1_769_000_100.5),
        (0, None),
        (-5, None),
        (10**19, None),
        ("soon", None),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_times(value, expected):
    """Times are seconds or milliseconds; what cannot be read never makes a result fail."""
    observation = one(read(job(ended=value)))

    assert (expected and datetime.fromtimestamp(expected, UTC)) == observation.finished_at


@pytest.mark.parametrize(("life", "expected"), [(3600.0, 3600), (172_800, 172_800)])
def test_link_life(life, expected):
    """A link that does not tell when it dies lives as long as the data say; one that tells is believed."""
    plain = one(read(job(result={"url": "https://h.example/o.mp4"}), link_life=life)).media[0]
    signed = one(read(job(result={"url": LINK}), link_life=life)).media[0]

    assert datetime.fromtimestamp(SEEN_AT + expected, UTC) == plain.expires_at
    assert datetime.fromtimestamp(1_751_000_000, UTC) == signed.expires_at


@pytest.mark.parametrize(
    ("word", "error", "expected"),
    [
        ("failed", {"code": "c", "text": "m"}, Failure("c", "m")),
        ("failed", {"code": 5}, Failure("5")),
        ("failed", {"text": "m"}, Failure("FAILED", "m")),
        ("failed", {"code": ["c"], "text": {"a": 1}}, Failure("FAILED", "the provider gave no reason")),
        ("failed", None, Failure("FAILED", "the provider gave no reason")),
        ("stopped", None, None),
        ("stopped", {"code": "c"}, Failure("c")),
        ("late", None, None),
    ],
)
def test_failures(word, error, expected):
    """Code and message of a failure stand at their paths; links beside it are no results."""
    observation = one(read(job(word, error=error, result={"url": LINK})))

    assert (observation.failure, observation.media) == (expected, ())


@pytest.mark.parametrize("cost", [None, [], 5, "5"])
def test_usage(cost):
    """Usage that is no mapping is empty."""
    assert one(read(job(cost=cost))).usage == {}


# -- saying why --------------------------------------------------------------------------------------------------------


def test_explain():
    """The paths and words of the data are told, and the task is that which the answer names."""
    explanation = acme().explain(reply(job(result={"url": LINK})))

    assert one(explanation.reading).task_id == TASK.id
    assert explanation.notes == (
        "HTTP 200",
        "job.state is 'done': SUCCEEDED",
        "job.result.url: video link",
        "1 media at 2 listed paths",
    )
    assert one(acme().explain(reply(job("running"))).reading).status is Status.RUNNING


# -- the whole way -----------------------------------------------------------------------------------------------------


async def test_data_are_enough_for_a_poller():
    """DashScope told by data alone is waited for like any other: the end, its media."""
    async with Simulator(speed=1000.0) as simulator:
        provider = JsonProvider(
            "sk-0123456789",
            name="told",
            base_url=simulator.provider().base_url,
            key_variable="TOLD_KEY",
            path="tasks/{id}",
            status="output.task_status",
            words={"PENDING": Status.PENDING, "RUNNING": Status.RUNNING, "SUCCEEDED": Status.SUCCEEDED},
            id="output.task_id",
            media=(MediaPath("output.video_url", "video"),),
            no_such_task=("UNKNOWN",),
            quota=Rate(100),
            interval=0.02,
        )
        (task_id,) = simulator.submit(shape="video", duration=20)
        async with Poller(provider) as poller:
            outcome = await poller.wait_for(task_id, timeout=10)

    assert (outcome.status, [media.kind for media in outcome.media]) == (Status.SUCCEEDED, ["video"])
    assert outcome.polls >= 1


# -- properties --------------------------------------------------------------------------------------------------------

WORDS = ("done", "failed", "running", TASK.id, LINK)
SHAPES = (
    job(result={"url": LINK}, images=[{"url": LINK}], made=1, ended=2, cost={}),
    job("running", percent=5),
    job("failed", error={"code": "c", "text": "m"}),
    {"problem": {"code": "BAD", "text": "m"}},
)


@given(bent(SHAPES, *WORDS) | junk(*WORDS), statuses)
def test_no_answer_ends_without_its_word(answer, status):
    """Whatever becomes of an answer: no end without its word at its path, no link but that at a listed path."""
    for end in ends(read(answer, status)):
        assert status == 200
        assert {"done": Status.SUCCEEDED, "failed": Status.FAILED, 2: Status.SUCCEEDED}[
            answer["job"]["state"]
        ] is end.status
        for media in end.media:
            result, images = answer["job"].get("result"), answer["job"].get("images")
            listed = [result.get("url")] if isinstance(result, dict) else []
            listed += [each.get("url") for each in images if isinstance(each, dict)] if isinstance(images, list) else []
            assert media.url in [None, *listed]
