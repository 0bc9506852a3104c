"""The contract of a provider: DashScope keeps it, and each part of it can be broken."""

from __future__ import annotations

import pytest

from tests.providers.helpers import TASK, output
from tests.providers.test_dashscope import EDIT, LOST, URL, VIDEO
from wanpoll import Status
from wanpoll.providers import DashScope, Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import Sample, contract

DASHSCOPE = [
    Sample(VIDEO, Status.SUCCEEDED, task=TASK, media=("https://dashscope-a717.oss-accelerate.example/xxx.mp4?xxxx",)),
    Sample(EDIT, Status.SUCCEEDED, task=TASK),
    Sample(output("SUCCEEDED", results=[{"url": URL}, LOST]), Status.SUCCEEDED, task=TASK, media=(URL,)),
    Sample(
        output("SUCCEEDED", choices=[{"message": {"content": [{"text": "t"}, {"image": URL}]}}]),
        Status.SUCCEEDED,
        task=TASK,
        media=(URL,),
    ),
    Sample(output("RUNNING", task_metrics={"TOTAL": 4, "SUCCEEDED": 1, "FAILED": 0}), Status.RUNNING, task=TASK),
    Sample(output("PENDING", submit_time="2026-03-01 17:38:24.817"), Status.PENDING, task=TASK),
    Sample(output("FAILED", code="C", message="m"), Status.FAILED, task=TASK, failure="C"),
    Sample(output("FAILED") | {"code": "D", "message": "n"}, Status.FAILED, task=TASK, failure="D"),
    Sample(output("CANCELED"), Status.CANCELED, task=TASK),
    Sample(output("UNKNOWN"), NoSuchTask, task=TASK),
    Sample(output("BLOCKED"), None, task=TASK),
    Sample({"code": "InvalidApiKey", "message": "m"}, Refused, http=401, task=TASK, failure="InvalidApiKey"),
    Sample({"code": "InvalidParameter", "message": "m"}, Rejected, http=400, task=TASK, failure="InvalidParameter"),
    Sample({"code": "Throttling", "message": "m"}, Missed, http=429, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]


@pytest.mark.parametrize("check", contract(DashScope("key"), DASHSCOPE), ids=str)
def test_dashscope(check):
    """DashScope keeps the contract."""
    check()
