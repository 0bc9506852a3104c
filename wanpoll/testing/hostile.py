"""The contract of a provider: what strangers' answers do not do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wanpoll._core.model import Status, Task
from wanpoll._core.readings import Answer, Missed, Reading, Refused
from wanpoll.providers.rules import is_link
from wanpoll.providers.wire import id_text
from wanpoll.testing.mutations import BYTES, MISSING, Path, at, junk, mutations, paths, replaced, unfinished
from wanpoll.testing.samples import BatchSample, Sample, Subject, as_reply, holds, reading_of
from wanpoll.testing.telling import check_form, is_end, leads_to_an_end, meaning, shown

MUTATIONS = 200
"""Mutated documents of each sample."""

ABSENT: tuple[Any, ...] = (MISSING, None, "", [], {})
"""What stands where no word does."""

PAGES_WITHOUT_JSON = (b"", b" ", b"<html><h1>no</h1></html>", b"not found", b"\xff", b"{")

PAGES = (*PAGES_WITHOUT_JSON, b"null", b"[]", b"{}", b"0", b'"x"')
"""What gateways say instead of an answer."""

SERVER_ERRORS = (500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)


# -- any bytes ---------------------------------------------------------------------------------------------------------


def any_json_has_a_reading(subject: Subject) -> None:
    """Any JSON, and what is hardly JSON, has a reading, and is no success"""
    keys = sorted({str(key) for sample in subject.samples for path in paths(sample.document) for key in path})
    for tasks in questions(subject):
        for document in (*BYTES, *junk(MUTATIONS, 1, keys)):
            for http in (200, 400, 404, 500):
                reading = subject.read(tasks, document, http)
                check_form(reading, tasks, document)
                won = Status.SUCCEEDED in [meaning(reading, task) for task in tasks]
                holds(not won, f"{_excerpt(document)} counts as a success")


def mutated_answers_have_a_reading(subject: Subject) -> None:
    """An answer whose fields are dropped, nulled, retyped, doubled or of hostile size has a reading"""
    for sample in _json(subject):
        for mutated in mutations(sample.document, MUTATIONS, 2):
            for http in (sample.http, 200, 500):
                reading = subject.read([sample.task], mutated, http)
                check_form(reading, [sample.task], mutated)


def cut_answers_end_nothing(subject: Subject) -> None:
    """An answer that was cut off is a missed poll"""
    for sample in _finals(subject):
        body = json.dumps(sample.document).encode()
        for length in {len(body) - 1, len(body) - 2, len(body) // 2, 1, 0}:
            reading = subject.read([sample.task], body[:length])
            holds(isinstance(reading, Missed), f"{length} of {len(body)} bytes of {sample} are read as {reading!r}")


# -- the provider's word -----------------------------------------------------------------------------------------------


def links_alone_are_no_end(subject: Subject) -> None:
    """Without the provider's word there is no end, whatever links the answer has"""
    for done, not_done in _pairs(subject):
        document = unfinished(done.document, not_done.document, done.task.id)
        reading = subject.read([done.task], document)
        holds(
            not is_end(reading), f"{_excerpt(document)} ends the task: it tells no more than {not_done} does but links"
        )


def nearly_the_word_is_no_end(subject: Subject) -> None:
    """What is nearly the provider's word is no end"""
    for done, not_done in _pairs(subject):
        bare = unfinished(done.document, not_done.document, done.task.id)
        for path in _words(subject, done, not_done):
            word = at(done.document, path)
            for other in _nearly(subject, done, path):
                if at(bare, path[:-1]) is MISSING or (other is MISSING and at(bare, path) is MISSING):
                    continue
                document = replaced(bare, path, other)
                meant = meaning(subject.read([done.task], document), done.task)
                holds(meant != done.means, f"{other!r} in place of {word!r} still reads as {done.means}")


def _words(subject: Subject, done: Sample, not_done: Sample) -> Iterator[Path]:
    """Where those values stand without which `done` is not what it says."""
    for path in paths(done.document):
        value, other = at(done.document, path), at(not_done.document, path)
        if isinstance(value, dict | list) or is_link(value) or value in (other, None) or id_text(value) == done.task.id:
            continue
        if isinstance(path[-1], int):
            continue  # an item of a list is no word
        document = replaced(done.document, path, other)
        if meaning(subject.read([done.task], document), done.task) != done.means:
            yield path


def _goes_without(subject: Subject, done: Sample, path: Path) -> bool:
    """Whether another sample that means the same has nothing at `path`: then no word is needed there."""
    alike = (each for each in _finals(subject) if (each.means, each.task.context) == (done.means, done.task.context))
    return any(at(each.document, path) in ABSENT for each in alike)


def _is_any_text(subject: Subject, done: Sample, path: Path) -> bool:
    """Whether whatever text stands at `path` says the same, as the code of a failure does."""
    reading = subject.read([done.task], replaced(done.document, path, "quite-another"))
    return meaning(reading, done.task) == done.means


def _nearly(subject: Subject, done: Sample, path: Path) -> Iterator[Any]:
    word = at(done.document, path)
    if not _goes_without(subject, done, path):
        yield from ABSENT
    yield from ([word], {"word": word})
    if isinstance(word, str) and not _is_any_text(subject, done, path):
        yield from (f"{word}-not", f"not-{word}", f"un{word}", f"{word} {word}")


def _pairs(subject: Subject) -> Iterator[tuple[Sample, Sample]]:
    """Each sample of an end, beside each of a task that goes on."""
    running = [each for each in _json(subject) if each.means in (Status.PENDING, Status.RUNNING)]
    for done in _finals(subject):
        yield from ((done, each) for each in running if each.task.context == done.task.context)


# -- errors ------------------------------------------------------------------------------------------------------------


def errors_end_nothing(subject: Subject) -> None:
    """401, 403, 429 and 5xx end no task, whatever their bodies say"""
    for tasks in questions(subject):
        for http in (401, 403, 429, *SERVER_ERRORS):
            for body in (*PAGES, *_documents(subject)):
                reading = subject.read(tasks, body, http)
                holds(not leads_to_an_end(reading), f"HTTP {http} with {_excerpt(body)} is {shown(reading)}")


def broken_servers_are_asked_again(subject: Subject) -> None:
    """A gateway's page with 5xx, and a body with 200 that is none, is a missed poll"""
    for tasks in questions(subject):
        for http in SERVER_ERRORS:
            for body in PAGES:
                reading = subject.read(tasks, body, http)
                holds(isinstance(reading, Missed), f"HTTP {http} with {body!r} is {reading!r}")
        for body in PAGES[:3]:
            holds(isinstance(subject.read(tasks, body), Missed), f"HTTP 200 with {body!r} counts as an answer")


def gateways_know_no_tasks(subject: Subject) -> None:
    """A gateway's page with 400, 404 or 410 is no word about a task"""
    for tasks in questions(subject):
        for http in (400, 404, 410):
            for body in PAGES_WITHOUT_JSON:
                reading = subject.read(tasks, body, http)
                holds(not leads_to_an_end(reading), f"HTTP {http} with {body!r} is {shown(reading)}: who said that?")


def errors_concern_the_account(subject: Subject) -> None:
    """401 refuses the account, and 429 slows it down"""
    for tasks in questions(subject):
        for body in PAGES[:3]:
            refused, slow = subject.read(tasks, body, 401), subject.read(tasks, body, 429)
            holds(isinstance(refused, Refused), f"HTTP 401 with {body!r} is {refused!r}, not Refused")
            throttled = isinstance(slow, Missed) and slow.throttled
            holds(throttled, f"HTTP 429 with {body!r} is {slow!r}, and does not slow the account down")


def redirects_end_nothing(subject: Subject) -> None:
    """A redirect is a missed poll, whatever its body says"""
    for tasks in questions(subject):
        for http in REDIRECTS:
            for body in (b"", *_documents(subject)):
                reading = subject.read(tasks, body, http)
                holds(isinstance(reading, Missed), f"HTTP {http} is {reading!r}")


def failed_cancels_are_none(subject: Subject) -> None:
    """An error is no cancellation, and a refused key refuses"""
    if not subject.provider.can_cancel:
        return
    task = subject.task("a-task", subject.contexts[0])
    for http in (301, 401, 403, 429, *SERVER_ERRORS):
        for body in PAGES:
            reading = read_call(subject, "read_cancel", task, body, http)
            holds(not isinstance(reading, Answer), f"HTTP {http} with {body!r} counts as canceled")


def read_call(subject: Subject, name: str, *given: Any) -> Reading:
    """What `provider.read_...` makes of a body and an HTTP status, the last two of `given`."""
    *about, body, http = given
    return reading_of(lambda: getattr(subject.provider, name)(*about, as_reply(body, http)), body)


# -- what they share ---------------------------------------------------------------------------------------------------


def questions(subject: Subject) -> Iterator[Sequence[Task]]:
    """One task for each context, and where several can be asked about, several."""
    for context in subject.contexts:
        yield [subject.task("a-task", context)]
        if subject.provider.max_batch > 1:
            yield [subject.task("a-task", context), subject.task("b-task", context)]
    for sample in subject.samples[:1]:
        yield [sample.task]
    for batch in subject.batches[:1]:
        yield batch.tasks


def _documents(subject: Subject) -> Iterable[Any]:
    given: tuple[Sample | BatchSample, ...] = (*subject.samples, *subject.batches)
    return [each.document for each in given if each.http == 200]


def _finals(subject: Subject) -> Iterator[Sample]:
    return (each for each in _json(subject) if isinstance(each.means, Status) and each.means.is_final)


def _json(subject: Subject) -> Iterator[Sample]:
    return (sample for sample in subject.samples if sample.is_json)


def _excerpt(document: Any) -> str:
    return str(document)[:200]


CHECKS = (
    any_json_has_a_reading,
    mutated_answers_have_a_reading,
    cut_answers_end_nothing,
    links_alone_are_no_end,
    nearly_the_word_is_no_end,
    errors_end_nothing,
    broken_servers_are_asked_again,
    gateways_know_no_tasks,
    errors_concern_the_account,
    redirects_end_nothing,
    failed_cancels_are_none,
)
