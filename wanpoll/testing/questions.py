"""The contract of a provider: what it says of itself, and what it asks."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from wanpoll._core.model import Outcome, Rate, Status
from wanpoll._core.readings import Answer, Observation
from wanpoll.exceptions import NotSupported, UsageError
from wanpoll.providers.exchange import Request
from wanpoll.providers.rules import ErrorRule
from wanpoll.testing.samples import SEEN_AT, Subject, as_reply, followed, holds
from wanpoll.testing.telling import named

IDS = ("a-task", "0385dc79-5ff8-4d82-bcb6-000000000000", "12345678901234567890", "a:b.c_d-1", "...", "cgt-2025:x")
"""Ids that a provider may give. (One that it cannot give may be refused.)"""

ODD_IDS = (
    "",
    " ",
    ".",
    "..",
    "../a",
    "a/../b",
    "/a",
    "a?b=c",
    "a#b",
    "a&b=c",
    "a b",
    "a\nb",
    "a\r\nX: y",
    "a\x00b",
    "a\\b",
    "a%2Fb",
    "a,b",
    '"a"',
    "é",
    "a" * 10_000,
    "https://h.example/a.mp4?Signature=canary",
)

OTHER_KEY = "another-0123456789abcdef0123456789"
OTHER_BASE = "https://other.example:8443/prefix/v9"


def makes_sense(subject: Subject) -> None:
    """What the provider says of itself makes sense"""
    provider = subject.provider
    holds(isinstance(provider.quota, Rate), f"quota is {provider.quota!r}, no Rate")
    holds(0 < provider.interval < math.inf, f"interval is {provider.interval!r}, no seconds")
    for name in ("max_batch", "max_body"):
        value = getattr(provider, name)
        holds(type(value) is int and value >= 1, f"{name} is {value!r}, no number from 1")
    holds(all(isinstance(each, ErrorRule) for each in provider.ERRORS), "ERRORS has something else than ErrorRules")
    holds(provider.KEY_VARIABLE.isidentifier(), f"KEY_VARIABLE {provider.KEY_VARIABLE!r} names no variable")


def stays_under_base(subject: Subject) -> None:
    """Questions stay under base_url, whatever the id"""
    for base in (subject.provider.base_url, OTHER_BASE):
        moved = subject.provider.configured(base_url=base)
        for request in _questions(Subject(moved, subject.samples, subject.batches)):
            check_place(request, str(base))


def check_place(request: Request, base: str) -> None:
    """Raise `AssertionError` where `request` takes the key to another place than `base`."""
    url = request.url
    holds(request.method in ("GET", "POST"), f"{request.method} is not GET or POST")
    holds(url == base or url.startswith((f"{base}/", f"{base}?")), f"a question is asked at {url}, not under {base}")
    holds(url.isascii() and url.isprintable() and " " not in url, f"{url!r} has characters that no URL has")
    holds("#" not in url, f"{url} has a fragment, which no server sees")
    segments = unquote(urlsplit(url).path).split("/")
    holds("." not in segments and ".." not in segments, f"{url} leaves its place by dots")


def names_its_task(subject: Subject) -> None:
    """A question names its task once, quoted so that it comes out as it is"""
    for context in subject.contexts:
        for task_id in _possible(subject):
            request = subject.provider.ask([subject.task(task_id, context)])
            count = named(request).count(task_id)
            holds(count == 1, f"{request.method} {request.url} names {task_id!r} {count} times, not once")


def asks_alike(subject: Subject) -> None:
    """The same question is asked in the same way each time"""
    first, second = (list(_questions(subject)) for _ in range(2))
    holds(first == second, "the same question is asked differently the second time")


def refuses_odd_ids(subject: Subject) -> None:
    """Ids with odd characters are refused"""
    for task_id in ODD_IDS:
        try:
            subject.provider.check_id(task_id)
        except UsageError:
            continue
        raise AssertionError(f"{task_id[:80]!r} passes as an id")


def hides_its_key(subject: Subject) -> None:
    """No repr and no URL shows the key, nor does that of a copy"""
    values: list[Any] = [subject.provider, copy.copy(subject.provider), copy.deepcopy(subject.provider)]
    values += filter(None, (_pickled(each) for each in (subject.provider, dict(vars(subject.provider)))))
    for value in values:
        holds(subject.key not in repr(value), f"the repr of {type(value).__name__} shows the key")
        inner = value if isinstance(value, dict) else vars(value)
        holds(subject.key not in repr(inner), f"the repr of an attribute of {type(value).__name__} shows the key")
    for request in _questions(subject):
        holds(subject.key not in repr(request), "the repr of a request shows the key")
        holds(subject.key not in unquote(request.url), "the URL of a request holds the key; send it in a header")


def _pickled(value: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
    except Exception:  # a class in a test cannot be pickled, and need not be
        return None


def copies_keep(subject: Subject) -> None:
    """A configured copy keeps what it is not told to change, and leaves the original alone"""
    provider = subject.provider
    before = dict(vars(provider))
    changes: tuple[Mapping[str, Any], ...] = (
        {},
        {"name": "another"},
        {"interval": 7.5},
        {"quota": Rate(3, per=2.0)},
        {"base_url": OTHER_BASE},
    )
    for change in changes:
        other = provider.configured(**change)
        holds(type(other) is type(provider), f"configured() makes a {type(other).__name__} of it")
        holds(vars(other) == {**before, **change}, f"configured({', '.join(change)}) changes something else, too")
    holds(vars(provider) == before, "configured() changes the original")
    holds(vars(provider.bind({})) == before, "bind() changes what was bound already")


def copies_have_their_own_key(subject: Subject) -> None:
    """A copy for another account asks with that account's key"""
    try:
        other = subject.provider.configured(OTHER_KEY)
    except UsageError:
        return  # keys have a form here that is not ours
    holds(other.api_key == OTHER_KEY, "configured(api_key) does not take the key")
    task = subject.task("a-task", subject.contexts[0])
    subject.provider.headers()  # what is kept from one account must not be sent for another
    request = other.sign(other.ask([task]), SEEN_AT)
    sent = f"{dict(other.headers())} {dict(request.headers)}"
    holds(subject.key not in sent, "the copy sends the key of the original")


def cancels_in_place(subject: Subject) -> None:
    """Canceling is asked for under base_url, or is not supported"""
    task = subject.task("a-task", subject.contexts[0])
    _check_call(subject, partial(subject.provider.ask_cancel, task), expected=subject.provider.can_cancel)


def refreshes_in_place(subject: Subject) -> None:
    """Fresh links are asked for under base_url, or are not supported"""
    for outcome in outcomes(subject):
        # what ended may hold nothing to ask by, so NotSupported is always an answer
        expected = None if subject.provider.can_refresh else False
        _check_call(subject, partial(subject.provider.ask_refresh, outcome), expected=expected)


def _check_call(subject: Subject, ask: Callable[[], Request], *, expected: bool | None) -> None:
    try:
        request = ask()
    except NotSupported:
        holds(expected is not True, "the provider says that it can, and raises NotSupported")
        return
    holds(expected is not False, "the provider says that it cannot, and asks all the same")
    check_place(request, str(subject.provider.base_url))
    holds(subject.key not in unquote(request.url), "the URL of a call holds the key; send it in a header")


def outcomes(subject: Subject) -> Iterator[Outcome]:
    """How the tasks of the samples ended, after their second requests."""
    for sample in subject.samples:
        reading = subject.read_sample(sample)
        if (seen := followed(reading)) is not None:
            reading = subject.provider.read_rest(sample.task, seen, as_reply(sample.rest))
        for part in reading.observations if isinstance(reading, Answer) else ():
            if isinstance(part, Observation) and part.status is Status.SUCCEEDED:
                yield Outcome(sample.task, part.status, part.media, raw=part.raw)


def _possible(subject: Subject) -> Iterator[str]:
    for task_id in (*IDS, *(sample.task.id for sample in subject.samples)):
        try:
            yield subject.provider.check_id(task_id)
        except UsageError:
            continue


def _questions(subject: Subject) -> Iterator[Request]:
    """Questions about one task each, as they are sent."""
    for context in subject.contexts:
        for task_id in _possible(subject):
            request = subject.provider.ask([subject.task(task_id, context)])
            yield subject.provider.sign(request, SEEN_AT)


CHECKS = (
    makes_sense,
    stays_under_base,
    names_its_task,
    asks_alike,
    refuses_odd_ids,
    hides_its_key,
    copies_keep,
    copies_have_their_own_key,
    cancels_in_place,
    refreshes_in_place,
)
