"""MiniMax: answers, files, errors, and what they mean."""

from __future__ import annotations

from typing import Any

from tests.providers.documents import LINK
from wanpoll import Status, Task
from wanpoll.providers import Missed, Refused, Rejected
from wanpoll.testing import Sample

TASK = Task("314", "minimax")

BACKUP = "https://backup.example/o.mp4?Signature=x"


def document(status: Any = "Processing", *, code: Any = 0, message: str = "success", **fields: Any) -> dict[str, Any]:
    """An answer about `TASK`."""
    return {"task_id": TASK.id, "status": status, **fields, "base_resp": {"status_code": code, "status_msg": message}}


SUCCESS = document("Success", file_id="99", video_width=768, video_height=1152)

FILE: dict[str, Any] = {
    "file": {
        "file_id": 99,
        "filename": "o.mp4",
        "bytes": 0,
        "created_at": 1769000000,
        "download_url": LINK,
        "backup_download_url": BACKUP,
    },
    "base_resp": {"status_code": 0, "status_msg": "success"},
}

FRESH: dict[str, Any] = FILE | {"file": FILE["file"] | {"download_url": "https://h.example/fresh.mp4?Signature=y"}}

SAMPLES = [
    Sample(SUCCESS, Status.SUCCEEDED, task=TASK, media=(), rest=FILE, fresh=FRESH),
    Sample(SUCCESS | {"file_id": 99}, Status.SUCCEEDED, task=TASK, media=(), rest=FILE, fresh=FRESH),
    Sample(document("Preparing", file_id=""), Status.PENDING, task=TASK),
    Sample(document("Queueing", file_id=""), Status.PENDING, task=TASK),
    Sample(document("Processing", file_id=""), Status.RUNNING, task=TASK),
    Sample(document("Fail", code=1027, message="sensitive", file_id=""), Status.FAILED, task=TASK, failure="1027"),
    Sample(document("Failed"), Status.FAILED, task=TASK, failure="Failed"),
    Sample(document("Success", code=1026, file_id="99"), Status.FAILED, task=TASK, failure="1026"),
    Sample(document("Dreaming"), None, task=TASK),
    Sample(document("", code=1004, task_id=""), Refused, task=TASK, failure="1004"),
    Sample(document("", code=1008), Refused, task=TASK, failure="1008"),
    Sample(document("", code=2013), Rejected, task=TASK, failure="2013"),
    Sample(document("", code=1002), Missed, task=TASK),
    Sample(document("", code=1033), Missed, task=TASK),
    Sample({"error": {"message": "login fail", "type": "authorized_error"}}, Refused, http=401, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]
