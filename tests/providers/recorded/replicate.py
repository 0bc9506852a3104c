"""Replicate: a prediction in each state, and what it means."""

from __future__ import annotations

from typing import Any

from tests.providers.documents import ELSEWHERE, LINK
from wanpoll import Status, Task
from wanpoll.providers import Missed, NoSuchTask, Refused
from wanpoll.testing import Sample

TASK = Task("gm3qorzdhgbfurvjtvhg6dckhu", "replicate")

PLAIN = "https://replicate.delivery/pbxt/xyz/output.mp4"

PREDICTION: dict[str, Any] = {
    "id": TASK.id,
    "model": "acme/video",
    "version": "5c7d5dc6dd8bf75c",
    "input": {"prompt": "a cat", "image": ELSEWHERE},
    "logs": "",
    "output": PLAIN,
    "error": None,
    "status": "succeeded",
    "created_at": "2023-09-08T16:19:34.765994Z",
    "data_removed": False,
    "started_at": "2023-09-08T16:19:34.779176Z",
    "completed_at": "2023-09-08T16:19:34.791859Z",
    "metrics": {"predict_time": 0.012683, "total_time": 0.025366},
    "urls": {
        "cancel": f"https://api.replicate.com/v1/predictions/{TASK.id}/cancel",
        "get": f"https://api.replicate.com/v1/predictions/{TASK.id}",
    },
}
"""A prediction, after the example of "Predictions"."""

UNFINISHED = PREDICTION | {"status": "processing", "output": None, "completed_at": None, "metrics": {}}


def problem(title: str, http: int) -> dict[str, Any]:
    """An error of the question."""
    return {"title": title, "detail": "why", "status": http}


SAMPLES = [
    Sample(PREDICTION, Status.SUCCEEDED, task=TASK, media=(PLAIN,)),
    Sample(PREDICTION | {"output": [LINK, PLAIN]}, Status.SUCCEEDED, task=TASK, media=(LINK, PLAIN)),
    Sample(PREDICTION | {"output": "hello Alice"}, Status.SUCCEEDED, task=TASK, media=()),
    Sample(UNFINISHED | {"status": "starting", "started_at": None}, Status.PENDING, task=TASK),
    Sample(UNFINISHED, Status.RUNNING, task=TASK),
    Sample(UNFINISHED | {"status": "failed", "error": "out of memory"}, Status.FAILED, task=TASK, failure="FAILED"),
    Sample(UNFINISHED | {"status": "canceled"}, Status.CANCELED, task=TASK),
    Sample(UNFINISHED | {"status": "aborted"}, Status.CANCELED, task=TASK),
    Sample(UNFINISHED | {"status": "dreaming"}, None, task=TASK),
    Sample(problem("Not found", 404), NoSuchTask, http=404, task=TASK, failure="Not found"),
    Sample(problem("Unauthenticated", 401), Refused, http=401, task=TASK, failure="Unauthenticated"),
    Sample(problem("Payment required", 402), Refused, http=402, task=TASK, failure="Payment required"),
    Sample({"detail": "Request was throttled."}, Missed, http=429, task=TASK),
    Sample(problem("Internal", 500), Missed, http=500, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]
