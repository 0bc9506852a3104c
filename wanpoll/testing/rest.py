"""The contract of a provider that needs a second request, or has fresh links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from wanpoll._core.model import Outcome, Status
from wanpoll._core.readings import Answer, Missed, Observation, Reading, Refused
from wanpoll.exceptions import NotSupported
from wanpoll.testing.answers import check_no_other
from wanpoll.testing.hostile import PAGES, SERVER_ERRORS, read_call
from wanpoll.testing.mutations import BYTES, junk, mutations, with_other_links
from wanpoll.testing.questions import check_place, outcomes
from wanpoll.testing.samples import SEEN_AT, Sample, Subject, followed, holds
from wanpoll.testing.telling import check_media, shown


def asked_in_place(subject: Subject) -> None:
    """A second request stays under base_url, is the same twice, and shows no key"""
    for sample, seen in _open(subject):
        first, second = (subject.provider.sign(subject.provider.ask_rest(sample.task, seen), SEEN_AT) for _ in range(2))
        check_place(first, str(subject.provider.base_url))
        holds(first == second, "the same second request is asked differently the second time")
        holds(subject.key not in f"{first!r} {unquote(first.url)}", "a second request shows the key")


def completes_the_result(subject: Subject) -> None:
    """A second request completes the result that was seen"""
    for sample, seen in _open(subject):
        holds(sample.rest is not None, f"{sample} needs a second request: give its answer as rest=")
        reading = _rest(subject, sample, seen, sample.rest)
        whole = _whole(reading)
        holds(whole is not None, f"the answer to the second request is {reading!r}, not the whole result")
        if whole is not None:
            _check_whole(whole, seen, sample.rest)
            same = (whole.usage, whole.submitted_at) == (seen.usage, seen.submitted_at)
            kept = {key: whole.raw[key] for key in seen.raw if key in whole.raw}
            holds(
                same and kept == seen.raw, "the second request loses what the first answer said: keep raw, or add to it"
            )


def takes_no_other_links(subject: Subject) -> None:
    """Where the answer to a second request lacks its links, no other link of it stands in for them"""
    for sample, seen in _open(subject):
        for document in with_other_links(sample.rest) if sample.rest else ():
            check_no_other(_rest(subject, sample, seen, document), sample)


def failures_end_nothing(subject: Subject) -> None:
    """A second request that fails is asked again: no failed task, and no success without media"""
    for sample, seen in _open(subject):
        for http in (200, 404, 401, 403, 429, *SERVER_ERRORS, 302):
            for body in PAGES:
                reading = _rest(subject, sample, seen, body, http)
                refused = http in (401, 403) and isinstance(reading, Refused)
                holds(refused or isinstance(reading, Missed), f"HTTP {http} with {body!r} is {reading!r}")
        for body in (*BYTES, *junk(200, 4), *_mutated(sample)):
            for http in (200, 500):
                _check_second(_rest(subject, sample, seen, body, http), seen, body)


def _mutated(sample: Sample) -> Iterator[Any]:
    return iter(()) if sample.rest is None else mutations(sample.rest, 300, 5)


def _check_second(reading: Reading, seen: Observation, body: Any) -> None:
    if isinstance(reading, Answer):
        whole = _whole(reading)
        holds(whole is not None, f"{str(body)[:200]} makes {shown(reading)}")
        if whole is not None:
            _check_whole(whole, seen, body)


def _whole(reading: Reading) -> Observation | None:
    """The one result in `reading`."""
    parts = reading.observations if isinstance(reading, Answer) else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Observation) else None


def _check_whole(whole: Observation, seen: Observation, document: Any) -> None:
    holds(whole.task_id == seen.task_id, f"the second request is about {whole.task_id!r}")
    holds(whole.status is Status.SUCCEEDED, f"a second request makes the task {whole.status}")
    if whole.follow_up is None:
        holds(any(each.url for each in whole.media), "a success without media: its second request answered nothing")
    for each in whole.media:
        if each not in seen.media:
            check_media(each, document)


def fresh_links_are_the_answers_own(subject: Subject) -> None:
    """Fresh links are the answer's own, and a failed request for them gives none"""
    for sample, outcome in _refreshable(subject):
        for http in (200, 401, 404, 429, *SERVER_ERRORS):
            for body in PAGES:
                reading = read_call(subject, "read_refresh", outcome, body, http)
                holds(not isinstance(reading, Answer), f"HTTP {http} with {body!r} counts as fresh links")
        if sample.fresh is not None:
            reading = read_call(subject, "read_refresh", outcome, sample.fresh, 200)
            whole = _whole(reading)
            holds(whole is not None and any(each.url for each in whole.media), f"no fresh links, but {shown(reading)}")
            for each in whole.media if whole else ():
                check_media(each, sample.fresh)


def _refreshable(subject: Subject) -> Iterator[tuple[Sample, Outcome]]:
    if subject.provider.can_refresh:
        for sample in subject.samples:
            for outcome in outcomes(subject.about(sample)):
                if _can_ask(subject, outcome):
                    yield sample, outcome


def _can_ask(subject: Subject, outcome: Outcome) -> bool:
    """Whether there is a question for fresh links: what ended may hold nothing to ask by."""
    try:
        subject.provider.ask_refresh(outcome)
    except NotSupported:
        return False
    return True


def _open(subject: Subject) -> Iterator[tuple[Sample, Observation]]:
    """The samples that need a second request, with what was seen so far."""
    for sample in subject.samples:
        seen = followed(subject.read_sample(sample))
        if seen is not None:
            yield sample, seen


def _rest(subject: Subject, sample: Sample, seen: Observation, body: Any, http: int = 200) -> Reading:
    return read_call(subject, "read_rest", sample.task, seen, body, http)


CHECKS: tuple[Callable[[Subject], None], ...] = (
    asked_in_place,
    completes_the_result,
    takes_no_other_links,
    failures_end_nothing,
)
REFRESH_CHECKS: tuple[Callable[[Subject], None], ...] = (fresh_links_are_the_answers_own,)
