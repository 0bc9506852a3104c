"""The dialect of MiniMax's video generation.

    GET  /v1/query/video_generation?task_id=   a success names a file and has no link
    GET  /v1/files/retrieve?file_id=           the link, another one each time and short-lived
    POST /v1/video_generation                  submits a task: a JSON object with a "model"

Errors come with HTTP status 200, in `base_resp`. What it says about a task that it does not know is documented
nowhere: here that is 2013, invalid parameters, without a status. There is no word for a canceled task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wanpoll.simulator.dialect import (
    NEVER_CANCELED,
    Answer,
    Arrival,
    Asked,
    Calendar,
    Dialect,
    Form,
    Refusal,
    Route,
    answered,
)
from wanpoll.simulator.shapes import signed_by_expiry
from wanpoll.simulator.world import ENDS, FAILED, PENDING, RUNNING, SUCCEEDED, SUSPENDED, World, as_number

LINK_LIFETIME = 3_600.0
"""Provider seconds that a link lives. Undocumented; an hour is the shortest that users report."""

FAILURES: Mapping[str, str] = {
    "1026": "The prompt has sensitive content.",
    "1027": "The generated video has sensitive content.",
}
"""Codes of failed tasks, with their messages."""

_WORDS = {
    PENDING: "Queueing",
    RUNNING: "Processing",
    SUSPENDED: "Suspended",
    SUCCEEDED: "Success",
    FAILED: "Fail",
}
_OK = (0, "success")
_UNKNOWN_TASK = (2013, "invalid params, no such task")
_UNKNOWN_FILE = (2013, "invalid params, no such file")
_REFUSALS = {
    Refusal.THROTTLED: (200, 1002, "rate limit"),
    Refusal.UNAUTHORIZED: (200, 1004, "login fail: please carry the API secret key in the Authorization field"),
    Refusal.BROKEN: (200, 1000, "unknown error"),
    Refusal.UNAVAILABLE: (200, 1033, "system error, please try again later"),
    Refusal.NOT_FOUND: (404, 2013, "invalid params, no such route"),
}
_FILE_OFFSET = 1_177_565_846
"""What separates a task's number from its file's: enough that none passes for the other."""

VIDEO = Form("MiniMax-Hailuo-2.3", FAILURES, verdicts=NEVER_CANCELED, new_id=as_number(15))


class MiniMaxDialect(Dialect):
    """Reads what MiniMax's clients ask and answers as MiniMax does. Pure: told the time.

    `failed` is the word for a failed task, of which more than one is in use.
    """

    FORMS: ClassVar[Mapping[str, Form]] = {"video": VIDEO}

    def __init__(self, world: World, calendar: Calendar, failed: str = _WORDS[FAILED]) -> None:
        super().__init__(world, calendar)
        self._words = {**_WORDS, FAILED: failed}

    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where MiniMax has no such route."""
        match arrival.method, arrival.path:
            case "GET", "/v1/query/video_generation":
                return Asked(Route.QUERY, arrival.query.get("task_id", ""))
            case "GET", "/v1/files/retrieve":
                return Asked(Route.FILE, arrival.query.get("file_id", ""))
            case "POST", "/v1/video_generation":
                return Asked(Route.SUBMIT, "video", arrival.document())
        return None

    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a task of the shape that `asked` names."""
        if arrival.key is None:
            return self.refuse(Refusal.UNAUTHORIZED)
        model = str(asked.parameters.get("model") or "")
        if not model:
            return answered(200, {"task_id": "", "base_resp": _base(2013, "invalid params, model is required")})
        task = VIDEO.submit(self._world, now, asked.subject, model=model)
        return answered(200, {"task_id": task.id, "base_resp": _base(*_OK)})

    def answer(self, asked: Asked, now: float) -> Answer:
        """Tell about one task, or give the link to a file."""
        return (self.file if asked.route is Route.FILE else self.query)(asked.subject, now)

    def echo(self, asked: Asked, now: float) -> Answer:
        """The answer about another task, or another file."""
        if asked.route is Route.FILE:
            return self.file(file_of(self._other(task_of(asked.subject))), now)
        return super().echo(asked, now)

    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task."""
        task = self._world.find(task_id, now)
        if task is None:
            return answered(200, _flat("", "", _base(*_UNKNOWN_TASK)))
        status = task.status_at(now)
        ended = (task_id,) if status in ENDS else ()
        told = _flat(task_id, self._words[status], _base(*_OK))
        if status == SUCCEEDED:
            told |= {"file_id": file_of(task_id), "video_width": 768, "video_height": 1152}
        if status == FAILED:
            code = task.code or "1027"
            told["base_resp"] = _base(int(code), FAILURES.get(code, "The task failed."))
        return answered(200, told, ended)

    def file(self, file_id: str, now: float) -> Answer:
        """The file of a task that succeeded, with a link that was signed just now."""
        task = self._world.find(task_of(file_id), now)
        if task is None or task.status_at(now) != SUCCEEDED:
            return answered(200, {"base_resp": _base(*_UNKNOWN_FILE)})
        mark = f"{next(self._serials):08x}"
        link = signed_by_expiry(task.id, self._calendar.date(now + LINK_LIFETIME), mark)
        file = {
            "file_id": int(file_id),
            "bytes": 0,
            "created_at": int(self._calendar.unix(task.ends_at)),
            "filename": "output.mp4",
            "purpose": "video_generation",
            "download_url": link(0, "mp4"),
            "backup_download_url": link(1, "mp4"),
        }
        return answered(200, {"file": file, "base_resp": _base(*_OK)})

    def refuse(self, refusal: Refusal) -> Answer:
        """An error in `base_resp`, beside an empty status."""
        http_status, code, message = _REFUSALS[refusal]
        return answered(http_status, _flat("", "", _base(code, message)))


def file_of(task_id: str) -> str:
    """The id of the file that a task makes, "" for what is no id of MiniMax's."""
    return str(int(task_id) + _FILE_OFFSET) if _is_number(task_id) else ""


def task_of(file_id: str) -> str:
    """The id of the task that makes a file, "" for what is no id of MiniMax's."""
    return str(int(file_id) - _FILE_OFFSET) if _is_number(file_id) else ""


def _is_number(text: str) -> bool:
    """Whether it may be an id of MiniMax's: relays have longer ones of others beside it."""
    return text.isascii() and text.isdecimal() and len(text) < 18


def _base(code: int, message: str) -> dict[str, Any]:
    return {"status_code": code, "status_msg": message}


def _flat(task_id: str, word: str, base: Mapping[str, Any]) -> dict[str, Any]:
    return {"task_id": task_id, "status": word, "file_id": "", "base_resp": base}
