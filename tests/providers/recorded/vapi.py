"""V-API: the answers of its three upstreams, and what they mean."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from tests.providers.documents import ELSEWHERE, LINK
from wanpoll import Status, Task
from wanpoll.providers import Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import Sample

TASK = Task("12345678901234567890", "vapi")

JIMENG: dict[str, Any] = {
    "code": 10000,
    "data": {
        "status": "done",
        "resp_data": '{"urls":[]}',
        "video_url": LINK,
        "image_urls": None,
        "binary_data_base64": [],
    },
    "message": "Success",
    "request_id": "q",
    "status": 10000,
    "time_elapsed": "55.7ms",
}

MINIMAX: dict[str, Any] = {
    "task_id": TASK.id,
    "status": "Success",
    "file_id": "99",
    "base_resp": {"status_code": 0, "status_msg": "success"},
}

FILE: dict[str, Any] = {"file": {"file_id": 99, "download_url": LINK}, "base_resp": {"status_code": 0}}

DASHSCOPE: dict[str, Any] = {
    "request_id": "r",
    "output": {"task_id": TASK.id, "task_status": "SUCCEEDED", "video_url": LINK, "orig_prompt": ELSEWHERE},
    "usage": {"SR": 720},
}


def jimeng(status: Any = "done", *, code: Any = 10000, message: str = "Success", **fields: Any) -> dict[str, Any]:
    """An answer of Jimeng's."""
    return JIMENG | {"code": code, "status": code, "message": message, "data": {"status": status, **fields}}


def risk(code: Any, **fields: Any) -> dict[str, Any]:
    """An error of Jimeng's: without data."""
    return JIMENG | {"code": code, "status": code, "message": "why", "data": None, **fields}


def dashscope(word: str, **fields: Any) -> dict[str, Any]:
    """An answer of DashScope's."""
    return {"request_id": "r", "output": {"task_id": TASK.id, "task_status": word, **fields}}


TOLD_APART = [
    Sample(MINIMAX, Status.SUCCEEDED, task=TASK, media=(), rest=FILE, fresh=FILE),
    Sample(MINIMAX | {"status": "Processing", "file_id": ""}, Status.RUNNING, task=TASK),
    Sample(MINIMAX | {"status": "Fail"}, Status.FAILED, task=TASK, failure="Fail"),
    Sample({"base_resp": {"status_code": 1004, "status_msg": "m"}}, Refused, task=TASK, failure="1004"),
    Sample({"base_resp": {"status_code": 2013, "status_msg": "m"}}, Rejected, task=TASK, failure="2013"),
    Sample({"base_resp": {"status_code": 1002, "status_msg": "m"}}, Missed, task=TASK),
    Sample(JIMENG, Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(jimeng("done", code=0, image_urls=[LINK]), Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(jimeng("in_queue"), Status.PENDING, task=TASK),
    Sample(jimeng("generating", video_url="", image_urls=None), Status.RUNNING, task=TASK),
    Sample(jimeng("failed"), Status.FAILED, task=TASK, failure="failed"),
    Sample(risk(50411), Status.FAILED, http=400, task=TASK, failure="50411"),
    Sample(jimeng("done", code=50511, message="why"), Status.FAILED, task=TASK, failure="50511"),
    Sample(jimeng("expired"), Status.EXPIRED, task=TASK),
    Sample(jimeng("Success", code=0, video_url=LINK), Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(jimeng("Processing", code=0), Status.RUNNING, task=TASK),
    Sample(jimeng("Failed", code=0), Status.FAILED, task=TASK, failure="Failed"),
    Sample(JIMENG | {"data": None}, Status.PENDING, task=TASK),
    Sample(jimeng("not_found"), NoSuchTask, task=TASK),
    Sample(jimeng("dreaming"), None, task=TASK),
    Sample(risk(50429), Missed, task=TASK),
    Sample(risk(50500), Missed, http=500, task=TASK),
    Sample(DASHSCOPE, Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(dashscope("RUNNING"), Status.RUNNING, task=TASK),
    Sample(dashscope("FAILED", code="C", message="m"), Status.FAILED, task=TASK, failure="C"),
    Sample(dashscope("UNKNOWN"), NoSuchTask, task=TASK),
    Sample({"error": {"message": "m", "type": "new_api_error"}}, Refused, http=401, task=TASK),
    Sample({"error": {"message": "m", "type": "new_api_error"}}, Missed, http=429, task=TASK),
    Sample({"error": {"message": "m", "type": "new_api_error"}}, Missed, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]
"""Whose answer it is, its keys tell."""


def told(upstream: str, *samples: Sample) -> list[Sample]:
    """The samples, with the upstream in the context of their task."""
    return [evolve(each, task=evolve(each.task, context={"upstream": upstream})) for each in samples]


_COMMON = TOLD_APART[-4:]

BY_CONTEXT = [
    *told("minimax", *TOLD_APART[:6], *_COMMON),
    *told("jimeng", *TOLD_APART[6:22], *_COMMON),
    *told("dashscope", *TOLD_APART[22:26], *_COMMON),
]
"""The same, with the upstream in the context of each task."""
