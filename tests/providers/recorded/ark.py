"""Volcengine Ark: tasks, lists of them, errors, and what they mean."""

from __future__ import annotations

from typing import Any

from tests.providers.documents import LINK
from wanpoll import Status, Task
from wanpoll.providers import Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import BatchSample, Sample

TASKS = [Task(f"cgt-20260331175019-{name}", "ark") for name in ("a", "b", "c")]

TASK = TASKS[0]


def item(status: Any = "succeeded", *, task: Task = TASK, **fields: Any) -> dict[str, Any]:
    """A task as Ark tells of it, singly and in lists."""
    return {
        "id": task.id,
        "model": "doubao-seedance-1-0-pro-250528",
        "status": status,
        "created_at": 1_743_414_619,
        "updated_at": 1_743_414_673,
        "service_tier": "default",
        **fields,
    }


DONE = item(
    content={"video_url": LINK, "last_frame_url": "https://h.example/last.png"},
    usage={"completion_tokens": 108_900, "total_tokens": 108_900},
    seed=10,
    resolution="720p",
)
"""The answer of "Query a video generation task"."""

FRESH = DONE | {"content": {"video_url": "https://h.example/o.mp4?Signature=later"}}
"""The same, a day later."""


def problem(code: str) -> dict[str, Any]:
    """An error of the question."""
    return {"error": {"code": code, "message": "why", "type": "t", "param": ""}}


SAMPLES = [
    Sample(DONE, Status.SUCCEEDED, task=TASK, media=(LINK, "https://h.example/last.png"), fresh=FRESH),
    Sample(item("queued"), Status.PENDING, task=TASK),
    Sample(item("running", content={}), Status.RUNNING, task=TASK),
    Sample(item("failed", error={"code": "c", "message": "m"}), Status.FAILED, task=TASK, failure="c"),
    Sample(item("failed", error=None), Status.FAILED, task=TASK, failure="FAILED"),
    Sample(item("cancelled"), Status.CANCELED, task=TASK),
    Sample(item("expired"), Status.EXPIRED, task=TASK),
    Sample(item("dreaming"), None, task=TASK),
    Sample(problem("ResourceNotFound"), NoSuchTask, http=404, task=TASK, failure="ResourceNotFound"),
    Sample(problem("AuthenticationError"), Refused, http=401, task=TASK, failure="AuthenticationError"),
    Sample(problem("AccountOverdueError"), Refused, http=403, task=TASK, failure="AccountOverdueError"),
    Sample(problem("InvalidParameter"), Rejected, http=400, task=TASK, failure="InvalidParameter"),
    Sample(problem("QuotaExceeded"), Missed, http=429, task=TASK),
    Sample(problem("InternalServiceError"), Missed, http=500, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
    BatchSample(
        {"items": [item("running", task=TASKS[1]), DONE, item("failed", task=TASKS[2])], "total": 3},
        {TASKS[0].id: Status.SUCCEEDED, TASKS[1].id: Status.RUNNING, TASKS[2].id: Status.FAILED},
    ),
]
