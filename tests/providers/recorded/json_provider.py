"""A provider from data alone: its data, its answers, and what they mean."""

from __future__ import annotations

from typing import Any

from tests.providers.documents import ELSEWHERE, LINK
from wanpoll import Rate, Status, Task
from wanpoll.providers import ErrorRule, JsonProvider, MediaPath, Missed, NoSuchTask, Refused, Rejected, Verdict
from wanpoll.testing import Sample

TASK = Task("t-1", "acme")

LEAST: dict[str, Any] = {
    "name": "acme",
    "base_url": "https://api.acme.example/v1/",
    "key_variable": "ACME_API_KEY",
    "path": "jobs/{id}",
    "words": {"queued": Status.PENDING, "running": Status.RUNNING, "done": Status.SUCCEEDED},
}

MORE: dict[str, Any] = LEAST | {
    "status": "job.state",
    "words": {
        "queued": Status.PENDING,
        "running": Status.RUNNING,
        "done": Status.SUCCEEDED,
        "2": Status.SUCCEEDED,
        "failed": Status.FAILED,
        "stopped": Status.CANCELED,
        "late": Status.EXPIRED,
    },
    "id": "job.id",
    "media": (MediaPath("job.result.url", "video"), MediaPath("job.images[].url", "image", file_id="name")),
    "failure": ("job.error.code", "job.error.text"),
    "error": ("problem.code", "problem.text"),
    "errors": (ErrorRule(Verdict.REJECTED, codes=("BAD*",)), ErrorRule(Verdict.SLOW_DOWN, http=(429,))),
    "progress": "job.percent",
    "scale": 100,
    "times": ("job.made", None, "job.ended"),
    "usage": "job.cost",
    "no_such_task": (404, "gone", "NO_TASK"),
    "quota": Rate(7, per=2.0),
    "interval": 3.0,
}


def acme(**changes: Any) -> JsonProvider:
    return JsonProvider("sk-0123456789", **(MORE | changes)).bind({})


def job(state: Any = "done", **fields: Any) -> dict[str, Any]:
    return {"job": {"id": TASK.id, "state": state, **fields}, "request": {"url": ELSEWHERE}}


SAMPLES = [
    Sample(job(result={"url": LINK}, made=1, ended=2, cost={"usd": 1}), Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(job(2, images=[{"url": LINK, "name": "v1"}]), Status.SUCCEEDED, task=TASK, media=(LINK,)),
    Sample(job("queued"), Status.PENDING, task=TASK),
    Sample(job("running", percent=45), Status.RUNNING, task=TASK),
    Sample(job("running"), Status.RUNNING, task=TASK),
    Sample(job("failed", error={"code": "c", "text": "m"}), Status.FAILED, task=TASK, failure="c"),
    Sample(job("failed"), Status.FAILED, task=TASK, failure="FAILED"),
    Sample(job("stopped"), Status.CANCELED, task=TASK),
    Sample(job("late"), Status.EXPIRED, task=TASK),
    Sample(job("gone"), NoSuchTask, task=TASK),
    Sample(job("dreaming"), None, task=TASK),
    Sample({"problem": {"code": "NO_TASK", "text": "m"}}, NoSuchTask, task=TASK, failure="NO_TASK"),
    Sample({"problem": {"code": 7, "text": "m"}}, NoSuchTask, http=404, task=TASK, failure="7"),
    Sample({"problem": {"code": "BAD_ID", "text": "m"}}, Rejected, http=400, task=TASK, failure="BAD_ID"),
    Sample({"problem": {"code": "BAD_ID", "text": "m"}}, Rejected, task=TASK, failure="BAD_ID"),
    Sample({"problem": {"code": "KEY", "text": "m"}}, Refused, http=401, task=TASK, failure="KEY"),
    Sample({"problem": {"code": "BUSY", "text": "m"}}, Missed, http=429, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]
