"""The contract of a provider that is asked about several tasks at once."""

from __future__ import annotations

from itertools import islice, permutations
from typing import Any

from wanpoll.providers.rules import values_at
from wanpoll.providers.wire import id_text
from wanpoll.testing.mutations import JUNK, MISSING, Path, at, mutations, paths, replaced
from wanpoll.testing.questions import check_place
from wanpoll.testing.samples import BatchSample, Subject, holds
from wanpoll.testing.telling import check_form, meaning, named

ABSENT = "nothing about the task"


def names_each_once(subject: Subject) -> None:
    """A batch names each of its ids once, under base_url, up to max_batch of them"""
    most = subject.provider.max_batch
    for context in subject.contexts:
        for count in sorted({1, 2, most}):
            tasks = [subject.task(f"task-{number}", context) for number in range(count)]
            request = subject.provider.ask(tasks)
            check_place(request, str(subject.provider.base_url))
            values = named(request)
            counts = {task.id: values.count(task.id) for task in tasks}
            holds(set(counts.values()) == {1}, f"a question about {count} tasks names them {counts} times")
            holds(request == subject.provider.ask(tasks), "the same batch is asked differently the second time")


def batches_read_as_they_say(subject: Subject) -> None:
    """Each sample of a batch reads as it says"""
    holds(subject.batches, f"give a BatchSample: the provider takes {subject.provider.max_batch} ids at once")
    for batch in subject.batches:
        check_batch(subject, batch, batch.document, batch.tasks, {})


def matched_by_id(subject: Subject) -> None:
    """The items of a batch are matched by id, whatever their order and that of the question"""
    for batch in subject.batches:
        path, items = the_items(subject, batch)
        for order in islice(permutations(items), 24):
            document = replaced(batch.document, path, list(order))
            check_batch(subject, batch, document, batch.tasks, {})
        for tasks in islice(permutations(batch.tasks), 24):
            check_batch(subject, batch, batch.document, tasks, {})


def absent_are_left_out(subject: Subject) -> None:
    """An id that the answer does not have is left out, and one that nobody asked about is ignored"""
    for batch in subject.batches:
        path, items = the_items(subject, batch)
        for item in items:
            mine = {task.id for task in batch.tasks if task.id in _ids(subject, path, [item])}
            others = [each for each in items if mine.isdisjoint(_ids(subject, path, [each]))]
            document = replaced(batch.document, path, others)
            check_batch(subject, batch, document, batch.tasks, dict.fromkeys(mine, ABSENT))
        for task in batch.tasks:
            check_batch(
                subject, batch, batch.document, [task, subject.task("not-there", batch.context)], {"not-there": ABSENT}
            )


def bad_items_cost_only_themselves(subject: Subject) -> None:
    """An item that cannot be read costs only itself"""
    for batch in subject.batches:
        path, items = the_items(subject, batch)
        for number, item in enumerate(items):
            mine = _ids(subject, path, [item])
            for bad in (*JUNK, MISSING):
                rest = [*items[:number], *([] if bad is MISSING else [bad]), *items[number + 1 :]]
                twice = [each for each in mine if each in _ids(subject, path, rest)]
                expected = {each: ABSENT for each in mine if each not in twice}
                check_batch(subject, batch, replaced(batch.document, path, rest), batch.tasks, expected)


def mutated_batches_have_a_reading(subject: Subject) -> None:
    """A batch whose fields are dropped, nulled, retyped, doubled or of hostile size has a reading"""
    for batch in subject.batches:
        for mutated in mutations(batch.document, 200, 3):
            for http in (batch.http, 500):
                check_form(subject.read(batch.tasks, mutated, http), batch.tasks, mutated)


def check_batch(subject: Subject, batch: BatchSample, document: Any, tasks: Any, but: dict[str, Any]) -> None:
    """Raise `AssertionError` where `document` means something else for `tasks` than `batch` says, `but` for these."""
    reading = subject.read(tasks, document, batch.http)
    check_form(reading, tasks, document)
    expected = {**batch.means, **but}
    for task in tasks:
        meant = meaning(reading, task)
        holds(
            meant == expected[task.id],
            f"{task.id} reads as {meant!r}, not {expected[task.id]!r}, in {_excerpt(document)}",
        )


def the_items(subject: Subject, batch: BatchSample) -> tuple[Path, list[Any]]:
    """Where the items of a batch stand, by ID_PATHS."""
    for path in paths(batch.document):
        items = at(batch.document, path)
        if isinstance(items, list) and set(batch.means) & set(_ids(subject, path, items)):
            return path, items
    raise AssertionError("ID_PATHS does not say where a batch names its ids, as in 'items[].id'")


def _ids(subject: Subject, path: Path, items: list[Any]) -> list[str]:
    """The ids of `items`, which stand at `path`."""
    before = ".".join(str(each) for each in path) + "[]."
    below = (each.removeprefix(before) for each in subject.provider.ID_PATHS if each.startswith(before))
    found = (id_text(each) for name in below for item in items for each in values_at(name, item))
    return [each for each in found if each is not None]


def _excerpt(document: Any) -> str:
    return str(document)[:300]


CHECKS = (
    names_each_once,
    batches_read_as_they_say,
    matched_by_id,
    absent_are_left_out,
    bad_items_cost_only_themselves,
    mutated_batches_have_a_reading,
)
