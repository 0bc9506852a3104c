"""Providers that are wrong on purpose: for each check of the contract one that breaks it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from tests.providers.parcels import Parcels
from wanpoll import Media, Status
from wanpoll.exceptions import DecodeError
from wanpoll.providers import (
    NOT_YET,
    Answer,
    DashScope,
    Missed,
    NoSuchTask,
    Observation,
    Provider,
    Refused,
    Request,
)
from wanpoll.providers.dashscope import MEDIA
from wanpoll.providers.wire import decode
from wanpoll.testing import answers, batches, hostile, questions, rest

COUNTER = itertools.count()
KEPT: dict[str, Any] = {}
ELSEWHERE = Request("GET", "https://elsewhere.example/x")


def dashscope(**changes: Any) -> Provider:
    return type("Wrong", (DashScope,), changes)()


def parcels(**changes: Any) -> Provider:
    return type("Wrong", (Parcels,), changes)()


def asking(url: Callable[[Any, str], str]) -> Provider:
    return dashscope(ask=lambda self, tasks: Request("GET", url(self.base_url, tasks[0].id)))


def seeing(change: Callable[[Observation, Any], Observation]) -> Provider:
    """A provider whose every end goes through `change(observation, document)`."""

    def read(self: Any, tasks: Any, reply: Any) -> Any:
        reading = DashScope.decode(self, tasks, reply)
        for part in getattr(reading, "observations", ()):
            if isinstance(part, Observation) and part.status and part.status.is_final:
                return Answer((change(part, document(reply)),))
        return reading

    return dashscope(decode=read)


def document(reply: Any) -> Any:
    try:
        return decode("wrong", reply.body)
    except DecodeError:
        return None


def output(reply: Any) -> Any:
    said = document(reply)
    return said.get("output") if isinstance(said, dict) else None


def canceled_instead(part: Observation, _: Any) -> Observation:
    return attrs.evolve(part, status=Status.CANCELED) if part.status is Status.FAILED else part


def counted(part: Observation, _: Any) -> Observation:
    return attrs.evolve(part, usage={"reading": next(COUNTER)})


def first_key(part: Observation, said: Any) -> Observation:
    return attrs.evolve(part, usage={"first": next(iter(said))})


def any_link(part: Observation, said: Any) -> Observation:
    """Takes everything that looks like a link for a result."""
    found = tuple(Media(text, "video") for text in _texts(said) if text.startswith("http"))
    return attrs.evolve(part, media=found) if part.status is Status.SUCCEEDED else part


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def link_for_want_of_one(part: Observation, said: Any) -> Observation:
    """Takes any link where there is none at the places that it knows."""
    return part if any(each.url for each in part.media) else any_link(part, said)


def encoded_again(part: Observation, _: Any) -> Observation:
    return attrs.evolve(
        part, media=tuple(attrs.evolve(each, url=each.url and each.url.replace("%2F", "/")) for each in part.media)
    )


def whatever_id(self: Any, tasks: Any, reply: Any) -> Any:
    """Does not look at the id that is echoed."""
    if isinstance(output(reply), dict):
        said = {**document(reply), "output": {**output(reply), "task_id": tasks[0].id}}
        reply = attrs.evolve(reply, body=json.dumps(said).encode())
    return DashScope.decode(self, tasks, reply)


def other_when_explained(self: Any, tasks: Any, reply: Any) -> Any:
    return NOT_YET[Status.RUNNING] if self.explaining else DashScope.decode(self, tasks, reply)


def in_the_servers_words(self: Any, tasks: Any, reply: Any) -> Any:
    said = document(reply)
    if reply.status == 401 and isinstance(said, dict):
        return Refused("no", str(said.get("message")))
    return DashScope.decode(self, tasks, reply)


def trusting(self: Any, tasks: Any, reply: Any) -> Any:
    """Believes that `output` is what the documentation shows."""
    if output(reply) is not None:
        output(reply)["task_status"].upper()
    return DashScope.decode(self, tasks, reply)


def by_text(self: Any, tasks: Any, reply: Any) -> Any:
    """Looks for the word in the bytes."""
    if reply.status == 200 and b'"SUCCEEDED"' in reply.body:
        return Answer((Observation(tasks[0].id, Status.SUCCEEDED),))
    return DashScope.decode(self, tasks, reply)


def by_link(self: Any, tasks: Any, reply: Any) -> Any:
    """Believes that a link is a success."""
    media = self.media(MEDIA, document(reply), reply)
    if reply.status == 200 and any(each.url for each in media):
        return Answer((Observation(tasks[0].id, Status.SUCCEEDED, media=media),))
    return DashScope.decode(self, tasks, reply)


def by_part_of_the_word(self: Any, tasks: Any, reply: Any) -> Any:
    word = output(reply).get("task_status") if isinstance(output(reply), dict) else None
    if reply.status == 200 and isinstance(word, str) and "FAILED" in word:
        return Answer((Observation(tasks[0].id, Status.FAILED),))
    return DashScope.decode(self, tasks, reply)


def whatever_status(self: Any, tasks: Any, reply: Any) -> Any:
    return DashScope.decode(self, tasks, attrs.evolve(reply, status=200) if output(reply) else reply)


def page_as_not_yet(self: Any, tasks: Any, reply: Any) -> Any:
    return NOT_YET[Status.PENDING] if reply.body.startswith(b"<") else DashScope.decode(self, tasks, reply)


def any_404(self: Any, tasks: Any, reply: Any) -> Any:
    """Believes that whoever says 404 knows the tasks."""
    return Answer((NoSuchTask(tasks[0].id),)) if reply.status == 404 else DashScope.decode(self, tasks, reply)


def redirects_too(self: Any, tasks: Any, reply: Any) -> Any:
    return DashScope.read(self, tasks, attrs.evolve(reply, status=200) if 300 <= reply.status < 400 else reply)


def kept_headers(self: Any) -> Mapping[str, str]:
    return KEPT.setdefault("headers", {"Authorization": f"Bearer {self.api_key}"})


def names_twice(self: Any, tasks: Any) -> Request:
    ids = [task.id for task in (*tasks, tasks[0])]
    return Request("POST", f"{self.base_url}/query", body=json.dumps({"ids": ids}).encode())


def first_item_only(self: Any, tasks: Any, reply: Any) -> Any:
    reading = Parcels.decode(self, tasks, reply)
    return Answer(reading.observations[:1]) if isinstance(reading, Answer) else reading


def by_position(self: Any, tasks: Any, reply: Any) -> Any:
    items = (document(reply) or {}).get("items") or []
    parts = [self.item({**item, "id": task.id}) for item, task in zip(items, tasks, strict=False)]
    return Answer(tuple(part for part in parts if part is not None))


def absent_as_unknown(self: Any, tasks: Any, reply: Any) -> Any:
    reading = Parcels.decode(self, tasks, reply)
    if not isinstance(reading, Answer):
        return reading
    named = {part.task_id for part in reading.observations}
    return Answer((*reading.observations, *(NoSuchTask(task.id) for task in tasks if task.id not in named)))


def all_or_none(self: Any, tasks: Any, reply: Any) -> Any:
    items = (document(reply) or {}).get("items") or []
    if not all(isinstance(item, dict) and "id" in item for item in items):
        return Missed(DecodeError(self.name, "items", "odd"))
    return Parcels.decode(self, tasks, reply)


def trusting_item(self: Any, item: Any) -> Observation:
    return Parcels.item(self, {**item, "state": item["state"].lower()}) or Observation(item["id"], None)


def forgetful_rest(self: Any, task: Any, seen: Any, reply: Any) -> Any:
    return Answer((Observation(task.id, Status.SUCCEEDED, media=self.opened(reply, seen.follow_up)),))


def any_link_of_the_rest(self: Any, task: Any, seen: Any, reply: Any) -> Any:
    """Takes any link of a second answer where there is none at its place."""
    try:
        return Parcels.decode_rest(self, task, seen, reply)
    except DecodeError:
        found = [text for text in _texts(document(reply)) if text.startswith("http") and reply.status == 200]
        if not found:
            raise
        return Answer((attrs.evolve(seen, media=(Media(found[0], "video"),), follow_up=None),))


def whatever_comes(self: Any, task: Any, seen: Any, reply: Any) -> Any:
    """Ends the task, whatever its second request came to."""
    return Answer((attrs.evolve(seen, follow_up=None),))


WRONG: Mapping[Callable[..., None], Provider] = {
    questions.makes_sense: dashscope(max_batch=0),
    questions.stays_under_base: asking(lambda base, id_: f"https://dashscope.example/tasks/{quote(id_, safe='')}"),
    questions.names_its_task: asking(lambda base, id_: f"{base}/tasks/{quote(quote(id_, safe=''), safe='')}"),
    questions.asks_alike: asking(lambda base, id_: f"{base}/tasks/{id_}?n={next(COUNTER)}"),
    questions.refuses_odd_ids: dashscope(check_id=lambda self, task_id: task_id),
    questions.hides_its_key: dashscope(__repr__=lambda self: f"Wrong({self.api_key!s})"),
    questions.copies_keep: dashscope(
        configured=lambda self, key=None, **given: type(self)(key or self.api_key, **given)
    ),
    questions.copies_have_their_own_key: dashscope(headers=kept_headers),
    questions.cancels_in_place: dashscope(ask_cancel=lambda self, task: ELSEWHERE),
    questions.refreshes_in_place: dashscope(ask_refresh=lambda self, outcome: ELSEWHERE),
    answers.read_as_they_say: seeing(canceled_instead),
    answers.read_alike_twice: seeing(counted),
    answers.ignore_order: seeing(first_key),
    answers.ignore_more_keys: seeing(any_link),
    answers.take_no_other_links: seeing(link_for_want_of_one),
    answers.keep_links: seeing(encoded_again),
    answers.never_mistake_ids: dashscope(decode=whatever_id),
    answers.explain_what_they_read: dashscope(decode=other_when_explained),
    answers.find_their_ids: dashscope(ID_PATHS=("request_id", "output.task_id")),
    answers.show_no_secrets: dashscope(decode=in_the_servers_words),
    hostile.any_json_has_a_reading: dashscope(decode=trusting),
    hostile.mutated_answers_have_a_reading: dashscope(decode=trusting),
    hostile.cut_answers_end_nothing: dashscope(decode=by_text),
    hostile.links_alone_are_no_end: dashscope(decode=by_link),
    hostile.nearly_the_word_is_no_end: dashscope(decode=by_part_of_the_word),
    hostile.errors_end_nothing: dashscope(decode=whatever_status),
    hostile.broken_servers_are_asked_again: dashscope(decode=page_as_not_yet),
    hostile.gateways_know_no_tasks: dashscope(decode=any_404),
    hostile.errors_concern_the_account: dashscope(ERRORS=()),
    hostile.redirects_end_nothing: dashscope(read=redirects_too),
    hostile.failed_cancels_are_none: dashscope(decode_cancel=lambda self, task, reply: Answer()),
    batches.names_each_once: parcels(ask=names_twice),
    batches.batches_read_as_they_say: parcels(decode=first_item_only),
    batches.matched_by_id: parcels(decode=by_position),
    batches.absent_are_left_out: parcels(decode=absent_as_unknown),
    batches.bad_items_cost_only_themselves: parcels(decode=all_or_none),
    batches.mutated_batches_have_a_reading: parcels(item=trusting_item),
    rest.asked_in_place: parcels(ask_rest=lambda self, task, seen: ELSEWHERE),
    rest.completes_the_result: parcels(decode_rest=forgetful_rest),
    rest.takes_no_other_links: parcels(decode_rest=any_link_of_the_rest),
    rest.failures_end_nothing: parcels(decode_rest=whatever_comes),
    rest.fresh_links_are_the_answers_own: parcels(decode_refresh=lambda self, outcome, reply: Answer()),
}
"""What each check is there for: a provider that breaks it."""
