"""The contract of a provider: what recorded answers mean, and why."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from random import Random
from typing import Any

from wanpoll._core.model import Status
from wanpoll._core.readings import Answer, Reading, Refused, Rejected
from wanpoll.providers.rules import is_link, values_at
from wanpoll.providers.wire import id_text
from wanpoll.testing.mutations import (
    ADDED_LINK,
    at,
    doubled,
    paths,
    reordered,
    replaced,
    with_links,
    with_more_keys,
    with_other_links,
)
from wanpoll.testing.samples import BatchSample, Sample, Subject, as_reply, holds
from wanpoll.testing.telling import check_form, gist, is_end, meaning, shown, strings

SIGNATURE = "CANARYSIGNATURE"
QUERY = f"Expires=1751000000&OSSAccessKeyId=k&Signature={SIGNATURE}%2Fb%2Bc%3D%20&x="


def show_enough(subject: Subject) -> None:
    """The samples show a success, and a task that has not ended"""
    meant = [each.means for each in subject.samples]
    meant += [each for batch in subject.batches for each in batch.means.values()]
    holds(Status.SUCCEEDED in meant, "give a Sample of a task that succeeded")
    holds(Status.RUNNING in meant or Status.PENDING in meant, "give a Sample of a task that runs")


def read_as_they_say(subject: Subject) -> None:
    """Each sample reads as it says"""
    for sample in subject.samples:
        subject.provider.check_context(sample.task.context)
        reading = subject.read_sample(sample)
        meant = meaning(reading, sample.task)
        holds(meant == sample.means, f"{sample} reads as {meant!r}: {shown(reading)}")
        check_form(reading, [sample.task], sample.document)
        if sample.media is not None:
            links = tuple(media.url for media in _media(reading) if media.url is not None)
            holds(links == sample.media, f"{sample} has the links {links}, not {sample.media}")
        if sample.failure is not None:
            holds(_code(reading) == sample.failure, f"{sample} has the failure {_code(reading)!r}")


def _media(reading: Reading) -> Iterator[Any]:
    for part in reading.observations if isinstance(reading, Answer) else ():
        yield from getattr(part, "media", ())


def _code(reading: Reading) -> str | None:
    if isinstance(reading, Answer):
        return next((part.failure.code for part in reading.observations if part.failure), None)
    if isinstance(reading, Rejected):
        return reading.failure.code
    return reading.code if isinstance(reading, Refused) else None


def read_alike_twice(subject: Subject) -> None:
    """An answer that is read twice means the same, and is left as it was"""
    for sample in subject.samples:
        first, second = (gist(subject.read_sample(sample), [sample.task]) for _ in range(2))
        holds(first == second, f"{sample} reads as {first}, then as {second}")


def ignore_order(subject: Subject) -> None:
    """The order of keys means nothing, and of equal keys the last one counts"""
    dice = Random(0)
    for sample in _json(subject):
        expected = gist(subject.read_sample(sample), [sample.task])
        others = [reordered(sample.document, dice) for _ in range(5)]
        if isinstance(sample.document, dict):
            others.append(doubled(sample.document))
        for other in others:
            found = gist(subject.read([sample.task], other, sample.http), [sample.task])
            holds(found == expected, f"{sample} in another order reads as {found}, not {expected}")


def ignore_more_keys(subject: Subject) -> None:
    """Keys that nobody documents mean nothing"""
    for sample in _json(subject):
        if sample.document == {}:
            continue  # that it has no key is what it says
        expected = gist(subject.read_sample(sample), [sample.task], documents=False)
        reading = subject.read([sample.task], with_more_keys(sample.document), sample.http)
        found = gist(reading, [sample.task], documents=False)
        holds(ADDED_LINK not in [media.url for media in _media(reading)], "a link under an unknown key became a result")
        holds(found == expected, f"{sample} with more keys reads as {found}, not {expected}")


def take_no_other_links(subject: Subject) -> None:
    """Where links are missing at their places, no other link of the answer stands in for them"""
    for sample in _json(subject):
        for document in with_other_links(sample.document) if sample.document else ():
            check_no_other(subject.read([sample.task], document, sample.http), sample)
    for batch in subject.batches:
        for document in with_other_links(batch.document):
            check_no_other(subject.read(batch.tasks, document, batch.http), batch)


def check_no_other(reading: Reading, sample: Sample | BatchSample) -> None:
    """Raise `AssertionError` where a link that stands at no documented place became a result."""
    links = [url for media in _media(reading) for url in (media.url, media.backup_url)]
    holds(ADDED_LINK not in links, f"{sample}: without its own links, a link under an unknown key became a result")


def keep_links(subject: Subject) -> None:
    """Links are the answer's own, to the letter of their signatures"""
    for sample in _json(subject):
        links = [each for each in strings(sample.document) if is_link(each)]
        signed = {url: f"{url.partition('?')[0]}?{QUERY}{links.index(url)}" for url in links}
        document = with_links(sample.document, signed.__getitem__)
        reading = subject.read([sample.task], document, sample.http)
        check_form(reading, [sample.task], document)
        given = set(strings(document))
        expected = [_signed(media.url, signed, given) for media in _media(subject.read_sample(sample))]
        found = [media.url for media in _media(reading)]
        holds(found == expected, f"{sample} has other links when their signatures change: {found}, not {expected}")


def _signed(url: str | None, signed: Mapping[str, str], given: Container[str]) -> str | None:
    """What became of a link. (One in JSON that is a text stays as it is.)"""
    return signed[url] if url is not None and signed[url] in given else url


def never_mistake_ids(subject: Subject) -> None:
    """An answer that names another task ends nothing"""
    for sample in _json(subject):
        document = sample.document
        for path in [each for each in paths(document) if id_text(at(document, each)) == sample.task.id]:
            here = at(document, path)
            document = replaced(document, path, here + 1 if isinstance(here, int) else f"not-{here}")
        if document != sample.document:
            reading = subject.read([sample.task], document, sample.http)
            holds(not is_end(reading), f"{sample} ends the task although it names another one")


def explain_what_they_read(subject: Subject) -> None:
    """An explanation means what reading means, and says why"""
    for sample in subject.samples:
        reply = as_reply(sample.document, sample.http)
        explanation = subject.provider.explain(reply, [sample.task])
        expected = gist(subject.read_sample(sample), [sample.task])
        found = gist(explanation.reading, [sample.task])
        holds(found == expected, f"{sample} is explained as {found}, and reads as {expected}")
        holds(
            len(explanation.notes) > 1, f"nothing is said of {sample} but {explanation.notes}: use state, media, note"
        )
        holds(subject.provider.explaining is False, "explaining changes the provider itself")


def find_their_ids(subject: Subject) -> None:
    """An answer that names its task at ID_PATHS is explained without being told the task"""
    for sample in subject.samples:
        reply = as_reply(sample.document, sample.http)
        if sample.task.context or sample.task.id not in subject_ids(subject, sample.document):
            continue
        found = gist(subject.provider.explain(reply).reading, [sample.task])
        expected = gist(subject.read_sample(sample), [sample.task])
        holds(found == expected, f"{sample} is explained as {found} where its task is not told")


def subject_ids(subject: Subject, document: Any) -> list[str]:
    """What stands at the provider's ID_PATHS."""
    found = (id_text(each) for path in subject.provider.ID_PATHS for each in values_at(path, document))
    return [each for each in found if each is not None]


def show_no_secrets(subject: Subject) -> None:
    """Nothing that people read shows the key or the signature of a link, though the answer echoes them"""
    echo = f"Bearer {subject.key} {subject.key} https://h.example/a?Signature={SIGNATURE}"
    for sample in _json(subject):
        signed = with_links(sample.document, lambda url: f"{url.partition('?')[0]}?{QUERY}")
        for document in _echoing(signed, echo, sample.task.id):
            for http in {sample.http, 200, 400, 401, 500}:
                _check_clean(subject, sample, document, http)


def _echoing(document: Any, echo: str, task_id: str) -> Iterator[Any]:
    """`document`, with the echo in each of its texts, one after the other, then in all but one of them."""
    places = [path for path in paths(document) if _can_echo(at(document, path), task_id)]
    yield document
    for path in places:
        yield replaced(document, path, f"{at(document, path)} {echo}")
        others = document
        for other in places:
            others = others if other == path else replaced(others, other, f"{at(others, other)} {echo}")
        yield others


def _can_echo(value: Any, task_id: str) -> bool:
    return isinstance(value, str) and value != task_id and not is_link(value)


def _check_clean(subject: Subject, sample: Sample, document: Any, http: int) -> None:
    reading = subject.read([sample.task], document, http)
    explanation = subject.provider.explain(as_reply(document, http), [sample.task])
    for text in (shown(reading), shown(explanation.reading), *explanation.notes):
        holds(subject.key not in text, f"the key is shown: {text.replace(subject.key, '<the key>')[:300]}")
        holds(SIGNATURE not in text, f"a signature is shown: {text[:300]}")


def _json(subject: Subject) -> Iterator[Sample]:
    return (sample for sample in subject.samples if sample.is_json)


CHECKS = (
    show_enough,
    read_as_they_say,
    read_alike_twice,
    ignore_order,
    ignore_more_keys,
    take_no_other_links,
    keep_links,
    never_mistake_ids,
    explain_what_they_read,
    find_their_ids,
    show_no_secrets,
)
