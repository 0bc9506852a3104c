"""DashScope: the documents of its documentation, answers in each state, and what they mean."""

from __future__ import annotations

from typing import Any

from tests.providers.helpers import TASK, output
from wanpoll import Status
from wanpoll.providers import Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import Sample

URL = "https://dashscope-result.oss.example/1d/a.mp4?Expires=1751000000&OSSAccessKeyId=k&Signature=a%2Fb%2Bc%3D"

VIDEO: dict[str, Any] = {
    "request_id": "52cade0d-905e-9b7d-a01e-xxxxxx",
    "output": {
        "task_id": TASK.id,
        "task_status": "SUCCEEDED",
        "submit_time": "2026-04-02 22:53:19.537",
        "scheduled_time": "2026-04-02 22:53:30.427",
        "end_time": "2026-04-02 23:00:39.287",
        "orig_prompt": "Video 2 holds Image 3 and plays a soothing American country ballad in a coffee shop",
        "video_url": "https://dashscope-a717.oss-accelerate.example/xxx.mp4?xxxx",
    },
    "usage": {
        "duration": 15,
        "input_video_duration": 5,
        "output_video_duration": 10,
        "video_count": 1,
        "SR": 720,
        "ratio": "16:9",
    },
}
"""The document of "Wan 2.7 - Retrieve reference-to-video result"."""

EDIT: dict[str, Any] = {
    "request_id": "d1f2a1be-9c58-48af-b43f-xxxxxx",
    "output": {
        "task_id": TASK.id,
        "task_status": "SUCCEEDED",
        "submit_time": "2025-09-23 22:14:10.800",
        "scheduled_time": "2025-09-23 22:14:10.825",
        "end_time": "2025-09-23 22:15:23.456",
        "results": [
            {
                "orig_prompt": "Change the floral dress to a vintage-style lace long dress.",
                "actual_prompt": "Replace the pink pleated dress with a vintage-style lace long dress.",
                "url": "https://dashscope-result-sh.oss-cn-shanghai.example/xxx.png?Expires=xxx",
            }
        ],
        "task_metrics": {"TOTAL": 1, "FAILED": 0, "SUCCEEDED": 1},
    },
    "usage": {"image_count": 1},
}
"""The document of "Wan 2.5 - Retrieve editing result"."""

LOST = {"code": "InternalError.Timeout", "message": "An internal timeout error has occurred."}

SAMPLES = [
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
