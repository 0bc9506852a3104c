"""The dialect of DashScope: submit, query, list and cancel under `/api/v1`.

Routes, words and documents are those of DashScope's task documentation. A task id with a slash behind it is
accepted too, because the official SDK asks so. Any bearer key is a good key, and sees every task.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from wanpoll.simulator.dialect import Answer, Arrival, Asked, Dialect, Form, Refusal, Route, answered
from wanpoll.simulator.listing import BadFilter, listing
from wanpoll.simulator.shapes import (
    MEDIA_LIFETIME,
    SHAPES,
    Link,
    shape_for,
    signed_by_date,
    signed_by_expiry,
)
from wanpoll.simulator.world import ENDS, FAILED, PENDING, SUCCEEDED, UNKNOWN, SimulatedTask

PREFIX = "/api/v1"
BEIJING = timedelta(hours=8)
"""DashScope writes its dates without a zone; the documentation says UTC+8."""

FAILURES: Mapping[str, str] = {
    "InternalError.Algo": "The algorithm process failed.",
    "InternalError.Timeout": "An internal timeout error has occurred during execution, please try again later.",
    "DataInspectionFailed": "Output data may contain inappropriate content.",
}
"""Codes of failed tasks, with their messages."""

_REFUSALS = {
    Refusal.THROTTLED: (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    Refusal.UNAUTHORIZED: (401, "InvalidApiKey", "Invalid API-key provided."),
    Refusal.BROKEN: (500, "InternalError", "An internal error has occurred, please try again later."),
    Refusal.UNAVAILABLE: (503, "ModelServingError", "The service is temporarily unavailable, try again later."),
    Refusal.NOT_FOUND: (404, "InvalidURL", "The request URL is incorrect."),
    Refusal.FORBIDDEN: (403, "AccessDenied", "Access denied."),
}
_NOT_PENDING = "Failed to cancel the task, please confirm if the task is in PENDING status."


class DashScopeDialect(Dialect):
    """Reads what DashScope's clients ask and answers as DashScope does. Pure: told the time."""

    FORMS: ClassVar[Mapping[str, Form]] = {
        name: Form(shape.model, FAILURES, shape.pictures) for name, shape in SHAPES.items()
    }

    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where DashScope has no such route."""
        prefix, root, rest = arrival.path.partition(f"{PREFIX}/")
        match arrival.method, rest.rstrip("/").split("/") if root and not prefix else []:
            case "GET", ["tasks"]:
                return Asked(Route.LIST, parameters=arrival.query)
            case "GET", ["tasks", task_id]:
                return Asked(Route.QUERY, task_id)
            case "POST", ["tasks", task_id, "cancel"]:
                return Asked(Route.CANCEL, task_id)
            case "POST", ["services", *service]:
                return Asked(Route.SUBMIT, "/".join(service))
        return None

    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a task. The models behind these services do not answer synchronously."""
        if arrival.key is None:
            return self.refuse(Refusal.UNAUTHORIZED)
        if arrival.headers.get("X-DashScope-Async", "").lower() != "enable":
            return self._error(403, "AccessDenied", "current user api does not support synchronous calls.")
        model, pictures = _order(arrival.document())
        if not model:
            return self._error(400, "InvalidParameter", 'Give a JSON object with a "model".')
        name = shape_for(asked.subject, model)
        count = min(max(pictures or SHAPES[name].pictures, 1), 12) if SHAPES[name].pictures > 1 else 1
        task = self.FORMS[name].submit(self._world, now, name, model=model, pictures=count)
        return self._answer(200, {"output": {"task_id": task.id, "task_status": PENDING}})

    def answer(self, asked: Asked, now: float) -> Answer:
        """Tell about one task or many, or cancel one."""
        match asked.route:
            case Route.CANCEL:
                return self.cancel(asked.subject, now)
            case Route.LIST:
                return self.list(asked.parameters, now)
        return self.query(asked.subject, now)

    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task; one that is not known is UNKNOWN, with status 200 and no code."""
        task = self._world.find(task_id, now)
        if task is None:
            return self._answer(200, {"output": {"task_id": task_id, "task_status": UNKNOWN}})
        return self.tell(task, now)

    def tell(self, task: SimulatedTask, now: float) -> Answer:
        """Tell about `task`, which need not be one of the world's."""
        status = task.status_at(now)
        return self._answer(200, self.document(task, status), (task.id,) if status in ENDS else ())

    def list(self, parameters: Mapping[str, str], now: float) -> Answer:
        """Tell about many tasks: a flat page of rows without links and reasons."""
        try:
            page = listing(self._world, self._calendar, parameters, now)
        except BadFilter as error:
            return self._error(400, "InvalidParameter", str(error))
        return self._answer(200, page, tuple(row["task_id"] for row in page["data"] if row["status"] in ENDS))

    def cancel(self, task_id: str, now: float) -> Answer:
        """Cancel a PENDING task. The answer has no status: the client asks again to learn it."""
        if not self._world.cancel(task_id, now):
            return self._error(400, "UnsupportedOperation", _NOT_PENDING)
        return self._answer(200, {})

    def refuse(self, refusal: Refusal) -> Answer:
        """A flat error without `output`."""
        return self._error(*_REFUSALS[refusal])

    def _error(self, status: int, code: str, message: str) -> Answer:
        return self._answer(status, {"code": code, "message": message})

    def _answer(self, status: int, document: Mapping[str, Any], ended: tuple[str, ...] = ()) -> Answer:
        # The request id is that of this request, not of the task.
        return answered(status, {"request_id": self._request_id(), **document}, ended)

    def document(self, task: SimulatedTask, status: str) -> dict[str, Any]:
        """The document of a task that has this status, without a request id."""
        output: dict[str, Any] = {"task_id": task.id, "task_status": status, **self._times(task, status)}
        shape = SHAPES[task.shape]
        if status == FAILED:
            return _failed(task, output)
        if status == SUCCEEDED:
            return {"output": output | shape.output(task, self._link(task)), "usage": _usage(task)}
        if task.shape == "images":
            output["task_metrics"] = {"TOTAL": task.pictures, "SUCCEEDED": 0, "FAILED": 0}
        return {"output": output}

    def _times(self, task: SimulatedTask, status: str) -> dict[str, str]:
        times = {"submit_time": self._text(task.submitted_at)}
        if status != PENDING:
            times["scheduled_time"] = self._text(task.started_at)
        if status in ENDS:
            times["end_time"] = self._text(task.ends_at)
        return times

    def _text(self, seconds: float) -> str:
        date = (self._calendar.date(seconds) + BEIJING).replace(tzinfo=None)
        return date.isoformat(sep=" ", timespec="milliseconds")

    def _link(self, task: SimulatedTask) -> Link:
        if task.shape == "choices":
            return signed_by_date(task.id, self._calendar.date(task.ends_at), MEDIA_LIFETIME / self._calendar.speed)
        return signed_by_expiry(task.id, self._calendar.date(task.ends_at + MEDIA_LIFETIME))


def _order(order: Mapping[str, Any]) -> tuple[str, int]:
    """The model and the number of pictures that a submission asks for, "" and 0 where it does not say."""
    parameters = order.get("parameters")
    pictures = parameters.get("n") if isinstance(parameters, dict) else None
    return str(order.get("model") or ""), pictures if isinstance(pictures, int) else 0


def _failed(task: SimulatedTask, output: dict[str, Any]) -> dict[str, Any]:
    """Why a task failed: in `output`, for some image models beside it."""
    code = task.code or "InternalError"
    reason = {"code": code, "message": FAILURES.get(code, "The task failed.")}
    if task.shape == "choices":
        return {**reason, "output": output}
    return {"output": output | reason}


def _usage(task: SimulatedTask) -> dict[str, Any]:
    """Only what succeeded is billed."""
    kept = task.pictures - len(task.lost)
    return dict(SHAPES[task.shape].usage) or {"image_count": kept}
