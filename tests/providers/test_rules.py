"""Decoders as data: the first rule that matches, and links at listed paths only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanpoll import Failure, UsageError
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict, classify, is_link, read_media

RULES = (
    ErrorRule(Verdict.REFUSED, codes=("Bill*", "*.Denied")),
    ErrorRule(Verdict.REJECTED, http=(400, 422), codes=("Bad",)),
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.MAYBE_SPENT, http=range(430, 440)),
)


@pytest.mark.parametrize(
    ("http", "code", "expected"),
    [
        (429, "BillOverdue", Verdict.REFUSED),
        (200, "Bill", Verdict.REFUSED),
        (500, "Workspace.Denied", Verdict.REFUSED),
        (400, "Bad", Verdict.REJECTED),
        (422, "Bad", Verdict.REJECTED),
        (500, "Bad", Verdict.RETRY),
        (400, "bad", Verdict.RETRY),
        (400, "Badly", Verdict.RETRY),
        (429, "Bad", Verdict.SLOW_DOWN),
        (429, "", Verdict.SLOW_DOWN),
        (435, "", Verdict.MAYBE_SPENT),
        (440, "", Verdict.RETRY),
        (401, "New", Verdict.RETRY),
    ],
)
def test_classify(http, code, expected):
    """The first rule that matches decides; codes are case-sensitive patterns; what no rule knows is asked again."""
    assert expected is classify(RULES, http, code).verdict


@pytest.mark.parametrize("http", [401, 402, 403, 408, 425, 429, 500, 502, 503, 504, 529])
def test_rejections_are_about_the_question(http):
    """No rule, however wide, rejects a question for what tells of the account or the server; other verdicts hold."""
    rejecting = (ErrorRule(Verdict.REJECTED), ErrorRule(Verdict.REJECTED, codes=("x",), http=(http,)))

    assert Verdict.RETRY is classify(rejecting, http, "x").verdict
    assert Verdict.REFUSED is classify((*rejecting, ErrorRule(Verdict.REFUSED)), http, "x").verdict
    assert Verdict.REJECTED is classify(rejecting, 400, "x").verdict


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("verdict", {"verdict": "REFUSED"}),
        ("verdict", {"verdict": None}),
        ("codes", {"codes": "Arrear*"}),
        ("codes", {"codes": (401,)}),
        ("codes", {"codes": None}),
        ("http", {"http": 401}),
        ("http", {"http": "401"}),
        ("http", {"http": ("401",)}),
        ("http", {"http": (True,)}),
        ("http", {"http": (40,)}),
        ("http", {"http": range(400, 700)}),
        ("http", {"http": {401: "x"}}),
        ("http", {"http": None}),
    ],
)
def test_rules_that_make_no_sense(name, arguments):
    """A rule with a forgotten comma, say, is refused where it is written, by the name of the argument."""
    with pytest.raises(UsageError, match=f"^{name}=.*: give a "):
        ErrorRule(**{"verdict": Verdict.REFUSED, **arguments})


@pytest.mark.parametrize("http", [(), (401,), [401], {401, 403}, frozenset({401}), range(400, 500), range(0)])
def test_statuses(http):
    """HTTP statuses come in whatever holds them."""
    assert ErrorRule(Verdict.REFUSED, http=http).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("path", {"path": path}) for path in ("", "a..b", ".a", "a.", "a[0].b", "a[][].b", "[]", "a b", "a[")),
        *(("path", {"path": path}) for path in (None, 5)),
        *(("kind", {"kind": kind}) for kind in ("movie", "", None, 5, ["video"])),
        ("backup", {"backup": ""}),
        ("backup", {"backup": 5}),
        ("file_id", {"file_id": ("id",)}),
    ],
)
def test_paths_that_make_no_sense(name, arguments):
    """A path that could never find a link is refused where it is written: else each paid result would lack it."""
    with pytest.raises(UsageError, match=f"^{name}=.*: give "):
        MediaPath(**{"path": "result.url", "kind": "video", **arguments})


@given(st.integers(), st.text())
def test_without_rules(http, code):
    """Without rules, nothing is ever a verdict on a task or an account."""
    assert Verdict.RETRY is classify((), http, code).verdict


def urls(paths: list[str], document: object) -> list[str | None]:
    return [media.url for media in read_media([MediaPath(path, "image") for path in paths], document, 0.0)]


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("url", {"url": "http://a"}, ["http://a"]),
        ("a.b.url", {"a": {"b": {"url": "http://a"}}}, ["http://a"]),
        ("a[].url", {"a": [{"url": "http://a"}, {"url": "http://b"}]}, ["http://a", "http://b"]),
        ("a[].b[].url", {"a": [{"b": [{"url": "http://a"}]}, {"b": []}, {}]}, ["http://a"]),
        ("a[].url", {"a": {"url": "http://a"}}, []),
        ("a.url", {"a": [{"url": "http://a"}]}, []),
        ("a.url", {"a": None}, []),
        ("a.url", {}, []),
        ("url", [], []),
        ("url", None, []),
        ("a[].url", {"a": "http://a"}, []),
        ("url", {"url": ["http://a"]}, []),
    ],
)
def test_paths(path, document, expected):
    """A path reads what it names; what has another shape is passed over."""
    assert expected == urls([path], document)


def test_order():
    """Media come in the order of the paths, then of the document; each link once."""
    document = {"b": [{"url": "http://2"}, {"url": "http://1"}, {"url": "http://2"}], "a": "http://1"}

    assert urls(["a", "b[].url"], document) == ["http://1", "http://2"]


def test_failures_of_lists_only():
    """A code tells why one result of a list failed; beside a single link it is the task's own."""
    document = {"code": "C", "a": {"code": "C"}, "b": [{"code": "C", "message": "m"}]}

    media = read_media([MediaPath(path, "image") for path in ("url", "a.url", "b[].url")], document, 0.0)

    assert [Failure("C", "m")] == [each.failure for each in media]


def test_failure_beside_a_link():
    """What has a link did not fail, whichever path found the link."""
    document = {"a": [{"url": "http://1", "code": "Success"}]}

    assert urls(["a[].url", "a[].other"], document) == ["http://1"]
    assert urls(["a[].other", "a[].url"], document) == ["http://1"]


def test_failures_at_two_lists():
    """Results of two lists that failed for the same reason are two."""
    document = {"a": [{"code": "C"}], "b": [{"code": "C"}, {"url": "http://1"}]}

    assert {url: urls(["a[].url", "b[].url"], document).count(url) for url in (None, "http://1")} == {
        None: 2,
        "http://1": 1,
    }


def test_kinds():
    """A failed result is of the kind of its siblings."""
    document = {"a": [{"code": "C"}, {"text": "http://1"}]}
    paths = [MediaPath("a[].url", "image"), MediaPath("a[].text", "text")]

    assert [(media.url, media.kind) for media in read_media(paths, document, 0.0)] == [
        (None, "text"),
        ("http://1", "text"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://a", True),
        ("https://a", True),
        ("HTTPS://a", True),
        ("Http://a?b", True),
        ("https://", False),
        ("https:///a", False),
        ("https://?a", False),
        ("https://#a", False),
        ("https://:80/", False),
        ("https:// a", False),
        ("http\u017f://a", False),
        ("ftp://a", False),
        ("//a", False),
        (" https://a", False),
        (b"http://a", False),
        (None, False),
    ],
)
def test_is_link(value, expected):
    """Only the text of a web link is a link: its scheme in whatever letters, and a host."""
    assert expected is is_link(value)


_documents = st.recursive(
    st.none() | st.text() | st.just("http://a") | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@given(_documents)
def test_any_document(document):
    """Any document is read without an error, and only what stands there is found."""
    found = urls(["a", "a.b", "a[].b", "b[].a[].b"], document)

    assert set(found) <= {"http://a"}
