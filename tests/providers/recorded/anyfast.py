"""AnyFast: its document, and what it means in each state."""

from __future__ import annotations

from typing import Any

from wanpoll import Status, Task
from wanpoll.providers import Missed, NoSuchTask, Refused
from wanpoll.testing import Sample

TASK = Task("asyntask_0abc", "anyfast")

VIDEO = "https://h.example/o.mp4?Expires=1769349278&Signature=a%2Fb%2Bc%3D"

UPSTREAM = "https://h.example/upstream.mp4?Signature=x"

SUCCESS: dict[str, Any] = {
    "code": "success",
    "message": "",
    "data": {
        "task_id": TASK.id,
        "action": "firstTailGenerate",
        "status": "SUCCESS",
        "progress": "100%",
        "result_url": VIDEO,
        "fail_reason": VIDEO,
        "submit_time": 1769000000,
        "start_time": 1769000010,
        "finish_time": 1769000100,
        "request_id": "q",
        "data": {
            "output": {
                "task_id": "upstream-id",
                "task_status": "SUCCEEDED",
                "video_url": UPSTREAM,
                "orig_prompt": "a horse",
                "submit_time": "2026-01-21 12:53:20.000",
            },
            "usage": {"SR": 720, "duration": 5, "video_count": 1, "ratio": "16:9"},
        },
    },
}
"""The fields of "HappyHorse Task Query", filled in."""


def answer(word: Any, **fields: Any) -> dict[str, Any]:
    """A document about `TASK` as it is while nothing has come of it yet."""
    unset = {"progress": "", "result_url": "", "fail_reason": "", "submit_time": 1769000000, "start_time": 0}
    data = {"task_id": TASK.id, "status": word, **unset, "finish_time": 0, "data": None, **fields}
    return {"code": "success", "message": "", "data": data}


SAMPLES = [
    Sample(SUCCESS, Status.SUCCEEDED, task=TASK, media=(VIDEO,)),
    Sample(answer("SUCCESS", fail_reason=VIDEO), Status.SUCCEEDED, task=TASK, media=(VIDEO,)),
    Sample(answer("success", result_url=VIDEO) | {"code": 0}, Status.SUCCEEDED, task=TASK, media=(VIDEO,)),
    Sample(answer("NOT_START"), Status.PENDING, task=TASK),
    Sample(answer("UNKNOWN"), Status.PENDING, task=TASK),
    Sample(answer(""), Status.PENDING, task=TASK),
    Sample(answer("IN_PROGRESS", progress="50%", data=SUCCESS["data"]["data"]), Status.RUNNING, task=TASK),
    Sample(answer("IN_PROGRESS"), Status.RUNNING, task=TASK),
    Sample(answer("FAILURE", fail_reason="content moderation"), Status.FAILED, task=TASK, failure="FAILURE"),
    Sample(answer("FAILURE", fail_reason=VIDEO), Status.FAILED, task=TASK, failure="FAILURE"),
    Sample(answer("DREAMING"), None, task=TASK),
    Sample({"code": "task_not_exist", "message": "task_not_exist", "data": None}, NoSuchTask, http=400, task=TASK),
    Sample({"code": "success", "message": "", "data": None}, NoSuchTask, task=TASK),
    Sample({"error": {"message": "Invalid token", "type": "new_api_error"}}, Refused, http=401, task=TASK),
    Sample({"error": {"message": "no quota", "type": "new_api_error"}}, Missed, http=429, task=TASK),
    Sample({"code": "get_task_failed", "message": "m", "data": None}, Missed, http=500, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]
