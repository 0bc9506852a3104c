"""The dialect of V-API, a relay that passes on the bodies of three upstreams.

    GET  /task/{task_id}                                the body of the upstream, by the task's shape
    GET  /task/minimax/v1/files/retrieve?file_id=       the second question about a success of MiniMax's
    POST /minimax/v1/video_generation                   submit a task to MiniMax, Jimeng or DashScope:
    POST /jimeng/v1/video_generation                    a JSON object with a "model"
    POST /dashscope/v1/video_generation

The documents are those of V-API's documentation and of the upstreams. The ids of the upstreams differ in form, and
the form says who answers about an id that nobody knows. Refusals of V-API's own are documented nowhere: here they
are those of the gateway that its kind is built on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from wanpoll.simulator import dashscope, minimax
from wanpoll.simulator.anyfast import gateway_error, gateway_refusal
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
from wanpoll.simulator.world import (
    ENDS,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    SUSPENDED,
    SimulatedTask,
    World,
    as_number,
)

JIMENG_FAILURES: Mapping[str, str] = {
    "50411": "Pre Img Risk Not Pass",
    "50412": "Text Risk Not Pass",
    "50511": "Post Img Risk Not Pass",
}
"""Codes of failed tasks of Jimeng's, with their messages."""

JIMENG_DIGITS = 20
"""More than fit into 64 bits."""

_JIMENG_OK = 10000
_JIMENG_WORDS = {
    PENDING: "in_queue",
    RUNNING: "generating",
    SUSPENDED: "suspended",
    SUCCEEDED: "done",
    FAILED: "done",
}
_MEDIA_FIELDS: Mapping[str, Any] = {"resp_data": "", "video_url": "", "image_urls": None, "binary_data_base64": []}


class VApiDialect(Dialect):
    """Reads what V-API's clients ask and answers as V-API does. Pure: told the time."""

    FORMS: ClassVar[Mapping[str, Form]] = {
        "minimax": minimax.VIDEO,
        "jimeng": Form("jimeng-video-3.0", JIMENG_FAILURES, verdicts=NEVER_CANCELED, new_id=as_number(JIMENG_DIGITS)),
        "dashscope": dashscope.DashScopeDialect.FORMS["video"],
    }

    def __init__(self, world: World, calendar: Calendar) -> None:
        super().__init__(world, calendar)
        # V-API's example has another word for a failed task than MiniMax itself.
        self._minimax = minimax.MiniMaxDialect(world, calendar, failed="Failed")
        self._dashscope = dashscope.DashScopeDialect(world, calendar)

    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where V-API has no such route."""
        match arrival.method, arrival.path.split("/"):
            case "GET", ["", "task", "minimax", "v1", "files", "retrieve"]:
                return Asked(Route.FILE, arrival.query.get("file_id", ""))
            case "GET", ["", "task", task_id]:
                return Asked(Route.QUERY, task_id)
            case "POST", ["", upstream, "v1", "video_generation"] if upstream in self.FORMS:
                return Asked(Route.SUBMIT, upstream, arrival.document())
        return None

    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a task, in the words of its upstream."""
        if arrival.key is None:
            return self.refuse(Refusal.UNAUTHORIZED)
        model = str(asked.parameters.get("model") or "")
        if not model:
            return gateway_error(400, 'Give a JSON object with a "model"')
        if asked.subject == "minimax":
            return self._minimax.submit(asked, arrival, now)
        task = self.FORMS[asked.subject].submit(self._world, now, asked.subject, model=model)
        if asked.subject == "jimeng":
            return self._jimeng({"task_id": task.id})
        output = {"task_id": task.id, "task_status": PENDING}
        return answered(200, {"request_id": self._request_id(), "output": output})

    def answer(self, asked: Asked, now: float) -> Answer:
        """Tell about one task, or give the link to a file of MiniMax's."""
        return self._minimax.answer(asked, now) if asked.route is Route.FILE else self.query(asked.subject, now)

    def echo(self, asked: Asked, now: float) -> Answer:
        """The answer about another task, whoever made it, or about another file."""
        return self._minimax.echo(asked, now) if asked.route is Route.FILE else super().echo(asked, now)

    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task."""
        task = self._world.get(task_id)
        match _upstream(task_id) if task is None else task.shape:
            case "minimax":
                return self._minimax.query(task_id, now)
            case "jimeng":
                return self._query_jimeng(task, now)
        if self._world.find(task_id, now) is None or task is None:
            return self._dashscope.query(task_id, now)
        return self._dashscope.tell(attrs.evolve(task, shape="video"), now)

    def refuse(self, refusal: Refusal) -> Answer:
        """The gateway's own error."""
        return gateway_refusal(refusal)

    def _query_jimeng(self, task: SimulatedTask | None, now: float) -> Answer:
        if task is None:
            return self._jimeng({"status": "not_found", **_MEDIA_FIELDS})
        if self._world.find(task.id, now) is None:
            return self._jimeng({"status": "expired", **_MEDIA_FIELDS})
        status = task.status_at(now)
        ended = (task.id,) if status in ENDS else ()
        data: dict[str, Any] = {"status": _JIMENG_WORDS[status], **_MEDIA_FIELDS}
        if status == FAILED:
            return self._jimeng_failure(task, data, ended)
        if status == SUCCEEDED:
            link = signed_by_expiry(task.id, self._calendar.date(task.ends_at + MEDIA_LIFETIME))
            data |= {"resp_data": '{"urls":[]}', "video_url": link(0, "mp4")}
        return self._jimeng(data, ended=ended)

    def _jimeng_failure(self, task: SimulatedTask, data: dict[str, Any], ended: tuple[str, ...]) -> Answer:
        """What was stopped before it was made has no data; what was stopped after is "done", with another code."""
        code = task.code or "50511"
        message = JIMENG_FAILURES.get(code, "The task failed.")
        return self._jimeng(None if code.startswith("504") else data, int(code), message, ended)

    def _jimeng(
        self,
        data: Mapping[str, Any] | None,
        code: int = _JIMENG_OK,
        message: str = "Success",
        ended: tuple[str, ...] = (),
    ) -> Answer:
        """Jimeng's envelope, whose `status` is a copy of `code`."""
        envelope = {"code": code, "data": data, "message": message, "request_id": self._request_id()}
        return answered(200, {**envelope, "status": code, "time_elapsed": "55.7ms"}, ended)


def _upstream(task_id: str) -> str:
    """Whose form an id has."""
    if not (task_id.isascii() and task_id.isdecimal()):
        return "dashscope"
    return "jimeng" if len(task_id) == JIMENG_DIGITS else "minimax"
