"""A made-up provider with everything that one can have: batches, context, a second request, fresh links, canceling."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from wanpoll import Failure, Media, Outcome, Rate, Status, Task, UsageError
from wanpoll.exceptions import DecodeError
from wanpoll.providers import (
    Answer,
    ErrorRule,
    MediaPath,
    NoSuchTask,
    Observation,
    Provider,
    Reading,
    Reply,
    Request,
    Verdict,
)
from wanpoll.providers.wire import decode
from wanpoll.testing import BatchSample, Sample

WORDS = {"waiting": Status.PENDING, "moving": Status.RUNNING, "there": Status.SUCCEEDED, "lost": Status.FAILED}
LINK = "https://h.example/1.mp4?Expires=1751000000&Signature=a%2Fb"
FRESH = "https://h.example/2.mp4?Expires=1752000000&Signature=c%2Fd"
CONTEXT = {"depot": "north"}


class Parcels(Provider):
    """`POST {base}/{depot}/query` with {"ids": [...]}; a parcel that is there is opened by a second request."""

    NAME = "parcels"
    BASE_URL = "https://parcels.example/v1"
    KEY_VARIABLE = "PARCELS_KEY"
    QUOTA = Rate(5, per=1.0)
    INTERVAL = 15.0
    ERRORS = (ErrorRule(Verdict.SLOW_DOWN, http=(429,)), ErrorRule(Verdict.REFUSED, http=(401, 403)))
    ID_PATHS = ("items[].id",)
    max_batch = 20
    can_cancel = True
    can_refresh = True

    def check_context(self, context: Mapping[str, Any]) -> None:
        if context.get("depot") not in (None, "north", "south"):
            raise UsageError("parcels: give depot north or south")

    def ask(self, tasks: Sequence[Task]) -> Request:
        body = json.dumps({"ids": [task.id for task in tasks]}).encode()
        return Request("POST", f"{self.base_url}/{tasks[0].context.get('depot', 'north')}/query", body=body)

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        if reply.status != 200:
            return self.read_error(reply)
        document = self.document(reply)
        items = document.get("items")
        if not isinstance(items, list):
            raise DecodeError(self.name, "items", "no list")
        read = {item["id"]: self.item(item) for item in items if isinstance(item, dict) and type(item.get("id")) is str}
        parts = [part for task in tasks if (part := read.get(task.id)) is not None]
        if not parts and len(tasks) == 1:
            self.note("items[] does not have the id: no such task")
            return Answer((NoSuchTask(tasks[0].id),))
        return Answer(tuple(parts))

    def document(self, reply: Reply) -> dict[str, Any]:
        document = decode(self.name, reply.body)
        if not isinstance(document, dict):
            raise DecodeError(self.name, "the body", "no object")
        return document

    def item(self, item: Mapping[str, Any]) -> Observation | None:
        word, file = item.get("state"), item.get("file")
        if not isinstance(word, str):
            return None
        status = self.state(WORDS, word, "items[].state")
        why = item.get("why")
        failure = Failure("lost", why if isinstance(why, str) else "") if status is Status.FAILED else None
        if status is Status.SUCCEEDED and not isinstance(file, str):
            return None
        follow_up = file if status is Status.SUCCEEDED else None
        return Observation(item["id"], status, word, failure=failure, raw=dict(item), follow_up=follow_up)

    def ask_rest(self, task: Task, seen: Observation) -> Request:
        body = json.dumps({"file": seen.follow_up}).encode()
        return Request("POST", f"{self.base_url}/file", body=body)

    def decode_rest(self, task: Task, seen: Observation, reply: Reply) -> Reading:
        return Answer((attrs.evolve(seen, media=self.opened(reply, seen.follow_up), follow_up=None),))

    def opened(self, reply: Reply, file_id: str | None) -> tuple[Media, ...]:
        """The links of a file. Raises `DecodeError` where there are none."""
        if reply.status != 200:
            raise DecodeError(self.name, "the file", f"HTTP {reply.status}")
        media = self.media((MediaPath("file.url", "video"),), self.document(reply), reply)
        if not media:
            raise DecodeError(self.name, "file.url", "no link")
        return tuple(attrs.evolve(each, file_id=file_id) for each in media)

    def ask_cancel(self, task: Task) -> Request:
        return Request("POST", f"{self.base_url}/cancel", body=json.dumps({"id": task.id}).encode())

    def ask_refresh(self, outcome: Outcome) -> Request:
        body = json.dumps({"file": [media.file_id for media in outcome.media]}).encode()
        return Request("POST", f"{self.base_url}/file", body=body)

    def decode_refresh(self, outcome: Outcome, reply: Reply) -> Reading:
        media = self.opened(reply, None)
        return Answer((Observation(outcome.task.id, Status.SUCCEEDED, media=media),))


def items(*states: str) -> dict[str, Any]:
    """An answer about parcels a, b, c, in these states."""
    details = {"there": {"file": "f-1"}, "lost": {"why": "fell off"}}
    return {
        "items": [{"id": n, "state": state, **details.get(state, {})} for n, state in zip("abc", states, strict=False)]
    }


A = Task("a", context=CONTEXT)
SAMPLES = [
    Sample(
        items("there"),
        Status.SUCCEEDED,
        task=A,
        rest={"file": {"url": LINK, "preview": "https://h.example/no.png"}},
        fresh={"file": {"url": FRESH}},
    ),
    Sample(items("moving"), Status.RUNNING, task=A),
    Sample(items("lost"), Status.FAILED, task=A, failure="lost"),
    Sample({"items": []}, NoSuchTask, task=A),
    BatchSample(
        items("moving", "there", "lost"),
        {"a": Status.RUNNING, "b": Status.SUCCEEDED, "c": Status.FAILED},
        context=CONTEXT,
    ),
]
