"""Ace Data Cloud: the documents of its documentation, records in each state, and what they mean."""

from __future__ import annotations

from typing import Any

from wanpoll import Status, Task
from wanpoll.providers import Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import BatchSample, Sample

TASK = Task("a4bca552-d964-46a1-8ff7-fd922f916582", "acedata")

VIDEO = (
    "https://dashscope-result-sh.oss.example/1d/db/20260124/da477ba2/0d2042f9.mp4"
    "?Expires=1769349278&OSSAccessKeyId=LTAI5tKP&Signature=SjBa4wRcDVx3SSYu%2Fx7BYCFQk0s%3D"
)

INPUT = "https://inputs.example/echoed.png"

RECORD: dict[str, Any] = {
    "_id": "6974ce81ff2676299c399252",
    "id": TASK.id,
    "api_id": "6a4ecdbf-b219-4505-8277-5ec4b1ac14f8",
    "application_id": "52933893-8e8b-4cd6-b9e5-2354eedea000",
    "created_at": 1769262721.763,
    "credential_id": "c7173d71-d234-413e-ab72-7bfa6715d12f",
    "request": {
        "action": "text2video",
        "model": "wan2.6-t2v",
        "prompt": "Astronauts shuttle from space to volcano",
        "duration": 5,
    },
    "trace_id": "b9cf9569-4010-46b1-80ec-efc881126eac",
    "type": "videos",
    "user_id": "ad7afe47-cea9-4cda-980f-2ad8810e51cf",
    "job_id": "0d2042f9-ba8d-496d-8ab5-182617e28f9e",
    "response": {"success": True, "video_url": VIDEO, "state": "completed", "task_id": TASK.id},
    "duration": 787.3310000896454,
    "finished_at": 1769263509.094,
}
"""The document of "Wan Tasks API", of one task."""

SEVERAL: dict[str, Any] = {"items": [RECORD, RECORD], "count": 2}
"""Its document of two tasks, which are one and the same."""

MESSAGE = {"success": False, "error": {"code": "api_error", "message": "fetch failed"}, "trace_id": "2cf86e86"}
"""Its document of an error."""


def record(response: Any, **fields: Any) -> dict[str, Any]:
    """An unfinished record of `TASK`, which echoes an input."""
    request = {"image_url": INPUT, "video_url": INPUT, "callback_url": INPUT, "state": "completed"}
    return {"id": TASK.id, "created_at": 1769262721.763, "request": request, "response": response, **fields}


def finished(response: Any) -> dict[str, Any]:
    return record(response, finished_at=1769263509.094)


CODED = {"code": "bad_request", "message": "no channel available"}

AUDIO, IMAGE = "https://cdn.example/a.mp3", "https://cdn.example/i.png"


def parts(*states: str) -> list[dict[str, Any]]:
    return [{"state": state, "audio_url": f"https://cdn.example/{at}.mp3"} for at, state in enumerate(states)]


def item(task: Task, response: Any, **fields: Any) -> dict[str, Any]:
    return {"id": task.id, "response": response, **fields}


TASKS = tuple(Task(f"task-{number}", "acedata") for number in range(6))

MIXED = [
    item(TASKS[0], None),
    item(TASKS[1], {"state": "processing"}),
    item(TASKS[2], {"state": "completed", "video_url": VIDEO}),
    item(TASKS[3], {"success": False, "error": CODED}),
    item(TASKS[4], {"state": "dreaming"}),
    item(TASKS[5], {"state": "canceled"}),
]
EXPECTED = {
    "task-0": Status.PENDING,
    "task-1": Status.RUNNING,
    "task-2": Status.SUCCEEDED,
    "task-3": Status.FAILED,
    "task-4": None,
    "task-5": Status.CANCELED,
}


def refusal(code: str) -> dict[str, Any]:
    """An error of the question."""
    return {"success": False, "error": {"code": code, "message": "why"}, "trace_id": "t"}


WAN = [
    Sample(RECORD, Status.SUCCEEDED, task=TASK, media=(VIDEO,)),
    Sample(finished({"success": True, "video_url": VIDEO}), Status.SUCCEEDED, task=TASK, media=(VIDEO,)),
    Sample(record(None), Status.PENDING, task=TASK),
    Sample(record({"success": True, "task_id": TASK.id}), Status.RUNNING, task=TASK),
    Sample(finished({"state": "processing", "success": True}), Status.RUNNING, task=TASK),
    Sample(record({"success": False, "error": "temporary"}), Status.RUNNING, task=TASK),
    Sample(record({"success": False, "error": CODED}), Status.FAILED, task=TASK, failure="bad_request"),
    Sample(finished({"success": False}), Status.FAILED, task=TASK, failure="FAILED"),
    Sample(record({"status": 503, "message": "upstream"}), Status.FAILED, task=TASK, failure="503"),
    Sample(record({"state": "rejected"}), Status.FAILED, task=TASK, failure="rejected"),
    Sample(record({"state": "canceled"}), Status.CANCELED, task=TASK),
    Sample(record({"state": "dreaming"}), None, task=TASK),
    Sample({}, NoSuchTask, task=TASK),
    Sample(MESSAGE, Missed, http=500, task=TASK),
    Sample(refusal("invalid_token"), Refused, http=401, task=TASK, failure="invalid_token"),
    Sample(refusal("used_up"), Refused, http=403, task=TASK, failure="used_up"),
    Sample(refusal("token_mismatched"), Refused, http=400, task=TASK, failure="token_mismatched"),
    Sample(refusal("no_api"), Refused, http=404, task=TASK, failure="no_api"),
    Sample(refusal("bad_request"), Rejected, http=400, task=TASK, failure="bad_request"),
    Sample(refusal("too_many_requests"), Missed, http=429, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
    BatchSample({"items": MIXED, "count": 6}, EXPECTED),
]
"""The service wan: one result at the top of `response`."""

SIBLINGS = [
    Sample(
        record({"success": True, "data": parts("complete", "failed")}),
        Status.SUCCEEDED,
        task=TASK,
        media=("https://cdn.example/0.mp3", "https://cdn.example/1.mp3"),
    ),
    Sample(
        record({"success": True, "state": "complete", "data": [{"video_url": VIDEO, "image_url": IMAGE}]}),
        Status.SUCCEEDED,
        task=TASK,
        media=(VIDEO, IMAGE),
    ),
    Sample(finished({"success": True, "image_urls": [IMAGE]}), Status.SUCCEEDED, task=TASK, media=(IMAGE,)),
    Sample(finished({"success": True, "audio_url": AUDIO}), Status.SUCCEEDED, task=TASK, media=(AUDIO,)),
    Sample(finished({"success": True, "data": parts("complete", "running")}), Status.RUNNING, task=TASK),
    Sample(record({"success": True, "task_id": TASK.id, "data": []}), Status.RUNNING, task=TASK),
    Sample(record({"success": True, "data": parts("failed", "failed")}), Status.FAILED, task=TASK, failure="failed"),
    Sample(record({"success": True, "error": CODED}), Status.FAILED, task=TASK, failure="bad_request"),
    Sample({}, NoSuchTask, task=TASK),
    BatchSample(
        {
            "items": [
                item(TASKS[0], {"success": True, "data": parts("complete")}),
                item(TASKS[1], {"success": True, "data": parts("running")}),
                item(TASKS[2], {"success": True, "data": None}),
                item(TASKS[3], {"success": True, "data": parts("failed")}),
            ],
            "count": 4,
        },
        {"task-0": Status.SUCCEEDED, "task-1": Status.RUNNING, "task-2": Status.RUNNING, "task-3": Status.FAILED},
    ),
]
"""Services whose results stand in a list, and those of other kinds than video."""
