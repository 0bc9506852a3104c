"""The dialect of AnyFast, a relay built on the gateway new-api.

    GET  /v1/video/generations/{task_id}
    POST /v1/video/generations   submits a task: a JSON object with a "model"

The documents are those of AnyFast's documentation of HappyHorse. `code` tells how the question went, not the task;
`fail_reason` of a success is its link; `data.data` is the upstream's own document, with another id and other words.
There is no word for a canceled task.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from wanpoll.simulator import dashscope
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
from wanpoll.simulator.shapes import MEDIA_LIFETIME, signed_by_expiry
from wanpoll.simulator.world import ENDS, FAILED, PENDING, RUNNING, SUCCEEDED, SUSPENDED, SimulatedTask, World

PATH = ["", "v1", "video", "generations"]

_WORDS = {
    PENDING: "NOT_START",
    RUNNING: "IN_PROGRESS",
    SUSPENDED: "UNKNOWN",
    SUCCEEDED: "SUCCESS",
    FAILED: "FAILURE",
}
_REFUSALS = {
    Refusal.THROTTLED: (429, "Too many requests, please try again later"),
    Refusal.UNAUTHORIZED: (401, "Invalid token"),
    Refusal.BROKEN: (500, "Internal server error"),
    Refusal.UNAVAILABLE: (503, "No available channel for the model"),
    Refusal.NOT_FOUND: (404, "Invalid URL"),
}


class AnyFastDialect(Dialect):
    """Reads what AnyFast's clients ask and answers as AnyFast does. Pure: told the time."""

    FORMS: ClassVar[Mapping[str, Form]] = {
        "video": Form(
            "happyhorse-1.0-t2v",
            dashscope.FAILURES,
            verdicts=NEVER_CANCELED,
            new_id=lambda bits: f"asyntask_{bits:032x}",
        )
    }

    def __init__(self, world: World, calendar: Calendar) -> None:
        super().__init__(world, calendar)
        self._upstream = dashscope.DashScopeDialect(world, calendar)

    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where AnyFast has no such route."""
        segments = arrival.path.split("/")
        if arrival.method == "GET" and segments[:-1] == PATH:
            return Asked(Route.QUERY, segments[-1])
        if arrival.method == "POST" and segments == PATH:
            return Asked(Route.SUBMIT, "video", arrival.document())
        return None

    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a task."""
        if arrival.key is None:
            return self.refuse(Refusal.UNAUTHORIZED)
        model = str(asked.parameters.get("model") or "")
        if not model:
            return gateway_error(400, 'Give a JSON object with a "model"')
        task = self.FORMS["video"].submit(self._world, now, "video", model=model)
        return answered(200, {"task_id": task.id, "status": _WORDS[PENDING]})

    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task; one that is not known is a 400."""
        task = self._world.find(task_id, now)
        if task is None:
            return answered(400, {"code": "task_not_exist", "message": "task_not_exist", "data": None})
        status = task.status_at(now)
        ended = (task_id,) if status in ENDS else ()
        return answered(200, {"code": "success", "message": "", "data": self._data(task, status, now)}, ended)

    def refuse(self, refusal: Refusal) -> Answer:
        """The gateway's own error."""
        return gateway_refusal(refusal)

    def _data(self, task: SimulatedTask, status: str, now: float) -> dict[str, Any]:
        data: dict[str, Any] = {
            "task_id": task.id,
            "action": "generate",
            "status": _WORDS[status],
            "progress": _progress(task, status, now),
            "fail_reason": "",
            "request_id": self._request_id(),
            **self._times(task, status),
        }
        url = signed_by_expiry(task.id, self._calendar.date(task.ends_at + MEDIA_LIFETIME))(0, "mp4")
        if status == SUCCEEDED:
            data |= {"result_url": url, "fail_reason": url}
        if status == FAILED:
            data["fail_reason"] = f"{task.code}: {dashscope.FAILURES.get(task.code or '', 'The task failed.')}"
        return {**data, "data": self._inner(task, status, url)}

    def _times(self, task: SimulatedTask, status: str) -> dict[str, int]:
        """Whole Unix seconds, 0 for what has not happened."""
        times = {
            "submit_time": task.submitted_at,
            "start_time": None if status == PENDING else task.started_at,
            "finish_time": task.ends_at if status in ENDS else None,
        }
        return {name: 0 if at is None else int(self._calendar.unix(at)) for name, at in times.items()}

    def _inner(self, task: SimulatedTask, status: str, url: str) -> dict[str, Any] | None:
        """The upstream's document, which there is none of before the task runs."""
        if status == PENDING:
            return None
        other = attrs.evolve(task, id=str(uuid.uuid5(uuid.NAMESPACE_OID, task.id)))
        document = self._upstream.document(other, status)
        if status == SUCCEEDED:
            document["output"]["video_url"] = url
        return document


def gateway_refusal(refusal: Refusal) -> Answer:
    """A refusal in the words of new-api and what is built on it."""
    return gateway_error(*_REFUSALS[refusal])


def gateway_error(status: int, message: str) -> Answer:
    """An error of new-api and what is built on it."""
    return answered(status, {"error": {"message": message, "type": "new_api_error"}})


def _progress(task: SimulatedTask, status: str, now: float) -> str:
    """A running task begins at 50 %, says AnyFast's documentation."""
    if status in ENDS:
        return "100%"
    if status == PENDING:
        return "0%"
    share = (now - task.started_at) / max(task.ends_at - task.started_at, 1e-9)
    return f"{50 + min(49, int(50 * share))}%"
