"""What the tests of the providers share: an account with a key, and answers about one task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wanpoll import Task
from wanpoll._core.readings import Answer, NotYet, Observation, Reading
from wanpoll.providers import DashScope, Reply

TASK = Task("0385dc79-5ff8-4d82-bcb6-000000000000", "dashscope")
SEEN_AT = 1_750_000_000.0
"""When answers come: 2025-06-15 15:06:40 UTC."""


def dashscope(key: str = "sk-0123456789abcdef") -> DashScope:
    return DashScope(key, base_url="https://dashscope.example/api/v1")


def read(document: Any, status: int = 200, *, retry_after: float | None = None, key: str = "sk-0123456789") -> Reading:
    """What DashScope's decoder makes of `document`; bytes are the body itself."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return dashscope(key).read([TASK], Reply(status, body, SEEN_AT, retry_after))


def output(status: str, **fields: Any) -> dict[str, Any]:
    """A document about `TASK`."""
    return {"request_id": "r", "output": {"task_id": TASK.id, "task_status": status, **fields}}


def seen(document: Any) -> Observation:
    """The observation in the answer, which must be there."""
    reading = read(document)
    if isinstance(reading, NotYet):
        return Observation(TASK.id, reading.status)
    assert isinstance(reading, Answer)
    (observation,) = reading.observations
    assert isinstance(observation, Observation)
    return observation


def links(observation: Observation) -> list[tuple[str | None, str]]:
    """Each link with its kind."""
    return [(media.url, media.kind) for media in observation.media]


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """`document` with fields of its output left out."""
    fields = {name: value for name, value in document["output"].items() if name not in names}
    return {**document, "output": fields}
