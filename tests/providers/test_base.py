"""What every provider shares: keys, base URLs, ids, and values that make no sense."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.helpers import TASK, dashscope
from wanpoll import InvalidTaskId, NotSupported, Poller, Rate, Task, UsageError
from wanpoll._core.readings import Answer, Missed, NoSuchTask, Observation, Reading, Rejected
from wanpoll.exceptions import DecodeError
from wanpoll.providers import AceData, AnyFast, Ark, DashScope, MiniMax, Provider, Replicate, Reply, Request, VApi
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict

KEY = "sk-0123456789abcdef"
ENVIRON = {"DASHSCOPE_API_KEY": "sk-environ", "DASHSCOPE_HTTP_BASE_URL": "https://environ.example/api/v1"}


class Plain(Provider):
    """The least that a provider can be; `answer` is what it makes of any reply."""

    NAME = "plain"
    BASE_URL = "https://plain.example"
    KEY_VARIABLE = "PLAIN_KEY"
    QUOTA = Rate(5)
    INTERVAL = 3.0
    ERRORS = (ErrorRule(Verdict.REJECTED, http=(400,)),)

    answer: Reading | Exception = Answer()

    def ask(self, tasks: Sequence[Task]) -> Request:
        return Request("GET", f"{self.base_url}/{tasks[0].id}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", " ", "\n", "sk-a\nb", "sk-a\r\nX: y", "sk-\x00", "sk-é", "sk-\u200b", "\x7f", 5, b"k"]
)
def test_odd_keys(key):
    """A key that cannot stand in a header is refused, and not shown."""
    with pytest.raises(UsageError, match="api_key") as caught:
        DashScope(key)

    assert "sk-" not in str(caught.value)


def test_spaces_around_a_key():
    """Spaces that came along with a copied key are dropped."""
    assert DashScope("  sk-a ").headers()["Authorization"] == "Bearer sk-a"


def test_key_from_an_argument_first():
    """The key comes from the argument, then from the environment."""
    assert DashScope("sk-given").bind(ENVIRON).api_key == "sk-given"
    assert DashScope().bind(ENVIRON).api_key == "sk-environ"


@pytest.mark.parametrize("environ", [{}, {"DASHSCOPE_API_KEY": ""}, {"OPENAI_API_KEY": "sk-other"}])
def test_no_key(environ):
    """Without a key, the error names the argument and the variable."""
    with pytest.raises(UsageError, match=r"api_key=.*DASHSCOPE_API_KEY"):
        DashScope().bind(environ)


def test_odd_key_in_the_environment():
    """A key of the environment is checked as any other."""
    with pytest.raises(UsageError, match="line break"):
        DashScope().bind({"DASHSCOPE_API_KEY": "sk-a\nsk-b"})


def test_bind_leaves_the_original_alone():
    """Binding makes a copy: a provider can be bound in two environments."""
    provider = DashScope()
    provider.bind(ENVIRON)

    assert (provider.api_key, provider.base_url) == (None, None)


def test_key_stays_out_of_reprs():
    """No repr of a provider, of its attributes or of a poller shows the key."""
    provider = DashScope(KEY).bind({})
    shown = f"{provider!r} {vars(provider)!r} {Poller(provider)!r} {provider.ask([TASK])!r}"

    assert KEY not in shown
    assert "DashScope(name='dashscope', base_url='https://dashscope-intl.aliyuncs.com/api/v1'" in shown


# -- base URLs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        "https://dashscope.example/api/v1",
        "https://ws-1.eu-central-1.maas.example/api/v1",
        "https://h.example:8443/api/v1",
        "https://h.example",
        "https://[2001:db8::1]/api/v1",
        "http://127.0.0.1:8080/api/v1",
        "http://127.1.2.3/api/v1",
        "http://localhost/api/v1",
        "http://[::1]:80/api/v1",
    ],
)
def test_base_urls(base):
    """https anywhere and http on loopback are taken, without the slash at the end."""
    assert base == DashScope(KEY, base_url=base).base_url
    assert base == DashScope(KEY, base_url=f"{base}/").base_url


@pytest.mark.parametrize(
    "base",
    [
        "http://dashscope.example/api/v1",
        "http://10.0.0.1/api/v1",
        "http://0.0.0.0/api/v1",
        "http://localhost.example.com/api/v1",
        "http://127.0.0.1.example.com/api/v1",
        "http://127.0.0.1@h.example/api/v1",
        "http://h.example#127.0.0.1",
        "http://[::ffff:10.0.0.1]/",
        "HTTP://h.example/",
        "https://user:pass@h.example/api/v1",
        "https://user@h.example/api/v1",
        "https://h.example/api/v1?x=1",
        "https://h.example/api/v1#x",
        "ftp://h.example/",
        "h.example/api/v1",
        "//h.example/api/v1",
        "https://",
        "https:///api/v1",
        "https://h.example:0/",
        "https://h.example:99999/",
        "https://h.example:x/",
        "https://[::1/",
        "",
        5,
        b"https://h.example",
        None,
    ],
)
def test_odd_base_urls(base):
    """Everything else is refused: above all, what would send the key in the clear."""
    if base is None:
        base = "None"
    with pytest.raises(UsageError, match="base_url"):
        DashScope(KEY, base_url=base)


@pytest.mark.parametrize(
    "base",
    [
        "https://h.example/a b",
        "https://h.example/a\r\nX: y",
        "https://h .example/",
        "https://h.example/\x00",
        "https://h.example/\n",
        "\thttps://h.example/",
        "https://h.example/é",
        "https://hé.example/\u2028",
        "https://h.example\\@evil.example/",
    ],
)
def test_base_urls_with_odd_characters(base):
    """Spaces, control characters and backslashes, which readers of URLs take differently, are refused."""
    with pytest.raises(UsageError, match="base_url"):
        DashScope(KEY, base_url=base)


def test_base_url_errors_hold_no_secret():
    """A password or token that was put into the base URL is not shown."""
    for base in (
        "https://u:canary@h.example/",
        "https://h.example/?token=canary",
        "ftp://u:canary@h.example/?a=canary",
    ):
        with pytest.raises(UsageError) as caught:
            DashScope(KEY, base_url=base)
        assert "canary" not in str(caught.value)


def test_base_url_from_an_argument_first():
    """The prefix comes from the argument, then the environment, then Singapore."""
    given_ = DashScope(KEY, base_url="https://given.example").bind(ENVIRON)

    assert given_.base_url == "https://given.example"
    assert DashScope(KEY).bind(ENVIRON).base_url == "https://environ.example/api/v1"
    assert DashScope(KEY).bind({}).base_url == "https://dashscope-intl.aliyuncs.com/api/v1"


def test_base_url_of_the_environment_is_checked():
    """The environment cannot send the key in the clear either."""
    with pytest.raises(UsageError, match="in the clear"):
        DashScope(KEY).bind({"DASHSCOPE_HTTP_BASE_URL": "http://h.example/api/v1"})


def test_provider_without_a_variable_for_its_base():
    """A provider that names no variable reads none, not even an empty name."""
    assert Plain("k").bind({"": "https://evil.example"}).base_url == "https://plain.example"


@given(st.text())
def test_any_base_url(base):
    """Whatever text is given, the key goes to https or loopback only, and the only error is `UsageError`."""
    try:
        checked = DashScope(KEY, base_url=base).base_url
    except UsageError:
        return
    parts = urlsplit(str(checked))

    assert parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


# -- names, quotas, intervals ------------------------------------------------------------------------------------------


def test_names():
    """A provider has its own name unless one is given; two accounts need two names."""
    assert (DashScope(KEY).name, DashScope(KEY, name="other").name) == ("dashscope", "other")
    with pytest.raises(UsageError, match="name="):
        Poller(DashScope(KEY), DashScope(KEY))
    assert (
        repr(Poller(DashScope(KEY), DashScope(KEY, name="other")))
        == "<Poller of dashscope, other: new, 0 tasks followed>"
    )


@pytest.mark.parametrize("name", ["", " ", "a\nb", 5, True, b"a"])
def test_odd_names(name):
    """A name is a printable text: it stands in logs and labels."""
    with pytest.raises(UsageError, match="name"):
        DashScope(KEY, name=name)


@pytest.mark.parametrize("quota", [20, "20", (20, 1.0), True])
def test_odd_quotas(quota):
    """A quota is a `Rate`."""
    with pytest.raises(UsageError, match="Rate"):
        DashScope(KEY, quota=quota)


@pytest.mark.parametrize("interval", [0, -1, math.nan, math.inf, True, "15"])
def test_odd_intervals(interval):
    """An interval is a finite number of seconds above zero."""
    with pytest.raises(UsageError, match="interval"):
        DashScope(KEY, interval=interval)


def test_given_values():
    """What is given counts instead of what is documented."""
    provider = DashScope(KEY, quota=Rate(5, per=2.0), interval=0.5)

    assert (Rate(5, per=2.0), 0.5) == (provider.quota, provider.interval)


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task_id", ["a", "0385dc79-5ff8-4d82-bcb6-xxxxxx", "a:b", "...", "a.b_c", "x" * 256])
def test_ids(task_id):
    """Ids of letters, digits and . _ : - are taken as they are."""
    assert task_id == dashscope().check_id(task_id)


@pytest.mark.parametrize(
    "task_id", ["", ".", "..", "a/b", "../x", "a b", "a\n", "a%2Fb", "a?b", "a#b", "é", "x" * 257, None, 5, b"a", ["a"]]
)
def test_odd_ids(task_id):
    """What could leave its segment of the path, or is no text, is no id."""
    with pytest.raises(InvalidTaskId) as caught:
        dashscope().check_id(task_id)

    assert len(str(caught.value)) < 250


def test_a_link_given_as_an_id():
    """A result's link, given by mistake for an id, is not shown with its signature."""
    with pytest.raises(InvalidTaskId) as caught:
        dashscope().check_id("https://h.example/a.mp4?Signature=canary")

    assert "canary" not in str(caught.value)


@given(st.text())
def test_any_id(task_id):
    """Whatever is taken for an id stays one segment below the base URL."""
    provider = dashscope()
    try:
        provider.check_id(task_id)
    except InvalidTaskId:
        return
    path = urlsplit(provider.ask([Task(task_id)]).url).path

    assert path.startswith("/api/v1/tasks/")
    assert path.count("/") == 4


# -- readings ----------------------------------------------------------------------------------------------------------


def test_decode_errors_become_missed_polls():
    """A `DecodeError` becomes a fresh value without traceback, cause or context."""
    provider = Plain("k")
    try:
        raise ValueError("the whole body")
    except ValueError:
        error = DecodeError("plain", "output", "x")
        error.__context__ = ValueError("the whole body")
    provider.answer = error

    reading = provider.read([TASK], Reply(200, b"", 0.0))

    assert isinstance(reading, Missed)
    assert isinstance(reading.problem, DecodeError)
    assert (reading.problem.provider, reading.problem.path, reading.problem.excerpt) == ("plain", "output", "x")
    assert (
        reading.problem.__cause__,
        reading.problem.__context__,
        reading.problem.__traceback__,
    ) == (None, None, None)


def test_missing_tasks_pass_through():
    """What a decoder says is handed on."""
    provider = Plain("k")
    provider.answer = Answer((NoSuchTask("a"),))

    assert Answer((NoSuchTask("a"),)) == provider.read([TASK], Reply(200, b"", 0.0))


def test_read_error_with_words_of_its_own():
    """A provider that knows where its words stand can give them."""
    reading = Plain("k").read_error(Reply(400, b"", 0.0), "C", "m")

    assert isinstance(reading, Rejected)
    assert (reading.failure.code, reading.failure.message) == ("C", "m")


def test_without_cancel():
    """A provider without cancel says so."""
    with pytest.raises(NotSupported, match="plain"):
        Plain("k").ask_cancel(TASK)
    assert Answer() == Plain("k").decode_cancel(TASK, Reply(204, b"", 0.0))


def test_bodies_stay_out_of_reprs():
    """The repr of a reply does not show its body, that of a request neither its headers nor its body."""
    request = Request("POST", "https://h.example/x", {"Authorization": "canary"}, b"canary")

    assert "canary" not in f"{Reply(200, b'canary', 0.0)!r} {request!r}"


def test_public_names():
    """Public names say where they are imported from."""
    assert [each.__module__ for each in (DashScope, Provider, Reply, Request)] == ["wanpoll.providers"] * 4
    assert DashScope is pickle.loads(pickle.dumps(DashScope))


@pytest.mark.parametrize("provider", [AceData("token"), Ark("key")], ids=["AceData", "Ark"])
def test_a_batch_larger_than_allowed_is_refused(provider):
    """The core never makes one; whoever asks by hand is told how many may go together."""
    tasks = [Task(f"t{number}") for number in range(51)]
    bound = provider.bind({})

    assert bound.ask(tasks[:50]).url.startswith(bound.base_url)
    with pytest.raises(UsageError, match="51 tasks in one question; give 1 to 50"):
        bound.ask(tasks)


SINGLE = (DashScope("key"), AnyFast("key"), VApi("key"), MiniMax("key"), Replicate("key"))


@pytest.mark.parametrize("provider", SINGLE, ids=lambda provider: provider.name)
@pytest.mark.parametrize("count", [0, 2])
def test_providers_that_are_asked_about_one_task(provider, count):
    """Where a question is about one task, none and two are refused: no task is left out silently."""
    with pytest.raises(UsageError, match=f"{provider.name}: {count} tasks in one question; give exactly one"):
        provider.bind({}).ask([Task(f"t{number}") for number in range(count)])


@pytest.mark.parametrize("provider", [AceData("token"), Ark("key")], ids=["AceData", "Ark"])
def test_an_empty_batch_is_refused(provider):
    """A question about nothing is none."""
    with pytest.raises(UsageError, match="0 tasks in one question; give 1 to 50"):
        provider.bind({}).ask([])


# -- what people read --------------------------------------------------------------------------------------------------

CANARY = "averysecretkey0123456789"
ECHO = {"url": f"https://h.example/o?Signature={CANARY}", "key": CANARY}

ECHOING = [
    (DashScope(CANARY), {"output": {"task_id": "t", "task_status": "SUCCEEDED"}, "usage": ECHO}),
    (Ark(CANARY), {"id": "t", "status": "succeeded", "usage": ECHO}),
    (Replicate(CANARY), {"id": "t", "status": "succeeded", "metrics": ECHO}),
]


@pytest.mark.parametrize(("provider", "document"), ECHOING, ids=["DashScope", "Ark", "Replicate"])
def test_usage_stays_out_of_reprs(provider, document):
    """The provider's own mapping of what a task cost is kept whole, and is no part of what people read."""
    reply = Reply(200, json.dumps(document).encode(), 0.0)
    reading = provider.read([Task("t")], reply)

    assert isinstance(reading, Answer)
    assert [part.usage for part in reading.observations if isinstance(part, Observation)] == [ECHO]
    assert CANARY not in f"{reading!r} {provider.explain(reply)!r}"


@pytest.mark.parametrize("file_id", [f"v1 {CANARY}", f"v1?Signature={CANARY}"])
def test_the_id_of_a_file_shows_no_secret(file_id):
    """An id that echoes a secret is kept as it is, to ask by it, and is hidden from people; any other is shown."""
    media = (MediaPath("files[].url", "file", file_id="id"),)
    files = [{"url": "https://h.example/1", "id": file_id}, {"url": "https://h.example/2", "id": "v2"}]
    document = {"id": "t", "status": "succeeded", "files": files}
    reading = Replicate(CANARY, media=media).read([Task("t")], Reply(200, json.dumps(document).encode(), 0.0))

    assert isinstance(reading, Answer)
    (part,) = reading.observations
    assert isinstance(part, Observation)
    assert [each.file_id for each in part.media] == [file_id, "v2"]
    assert CANARY not in repr(reading)
    assert "file_id='v2'" in repr(reading)
