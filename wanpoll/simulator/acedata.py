"""The dialect of Ace Data Cloud: the records of tasks, one or many for a POST.

    POST /{service}/tasks                        {"action": "retrieve", "id": ...}, or "retrieve_batch" with "ids"
    POST /{service}/videos | /images | /audios   submits one; only `model` of the body is read

The documents are those of the owner's documentation and tools. Records of videos say their state in a word; those
of images and audios have none: such a task has ended when it has `finished_at`, and an audio streams before. Here
every service sees all tasks, and any bearer key is a good key.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from wanpoll.simulator.dialect import Answer, Arrival, Asked, Dialect, Form, Refusal, Route, answered
from wanpoll.simulator.shapes import MEDIA_LIFETIME, Link, signed_by_expiry
from wanpoll.simulator.world import CANCELED, ENDS, FAILED, PENDING, RUNNING, SUCCEEDED, SUSPENDED, SimulatedTask

DEFAULT_LIMIT = 12
"""How many records a batch has where it does not say `limit`: what the documentation of siblings has."""

FAILURES: Mapping[str, str] = {
    "api_error": "fetch failed",
    "bad_request": "The prompt was rejected by the content policy.",
    "timeout": "The task took too long.",
}
"""Codes of failed tasks, with their messages."""

LOST = {"code": "api_error", "message": "fetch failed"}
"""What stands in the place of a picture that failed by itself."""

REQUEST = {
    "action": "image2video",
    "prompt": "Astronauts shuttle from space to volcano",
    "image_url": "https://inputs.example/first-frame.png?Expires=1&Signature=of-an-input",
    "callback_url": "https://callbacks.example/done.mp4",
}
"""What every record echoes of its submission: URLs that are no results."""

_REFUSALS = {
    Refusal.THROTTLED: (429, "too_many_requests", "Too many requests, you have exceeded the rate limit."),
    Refusal.UNAUTHORIZED: (401, "invalid_token", "Invalid or missing authorization token."),
    Refusal.BROKEN: (500, "api_error", "fetch failed"),
    Refusal.UNAVAILABLE: (504, "timeout", "The upstream did not answer in time."),
    Refusal.NOT_FOUND: (404, "no_api", "No such API."),
}
_SHAPES = {"videos": "video", "images": "images", "audios": "audio"}
_TYPES = {shape: kind for kind, shape in _SHAPES.items()}
_WORDS = {RUNNING: "processing", SUCCEEDED: "completed", CANCELED: "cancelled", SUSPENDED: "suspended"}


class AceDataDialect(Dialect):
    """Reads what clients of Ace Data Cloud ask and answers as it does. Pure: told the time."""

    FORMS: ClassVar[Mapping[str, Form]] = {
        "video": Form("wan2.6-t2v", FAILURES),
        "images": Form("flux-dev", FAILURES, pictures=4),
        "audio": Form("chirp-v5", FAILURES, pictures=2),
    }

    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where Ace Data Cloud has no such route."""
        match arrival.method, arrival.path.split("/"):
            case "POST", ["", _, "tasks"]:
                return _question(arrival.document())
            case "POST", ["", _, kind] if kind in _SHAPES:
                return Asked(Route.SUBMIT, _SHAPES[kind], arrival.document())
        return None

    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a task, as a submission with a callback is: the answer does not wait for the result."""
        if arrival.key is None:
            return self.refuse(Refusal.UNAUTHORIZED)
        model = str(asked.parameters.get("model") or "")
        task = self.FORMS[asked.subject].submit(self._world, now, asked.subject, model=model)
        return answered(200, {"success": True, "task_id": task.id, "trace_id": self._request_id()})

    def answer(self, asked: Asked, now: float) -> Answer:
        """Tell about one task or many."""
        if asked.route is Route.BATCH:
            return self._batch(asked.parameters, now)
        return self.query(asked.subject, now) if asked.subject else self._error(*_NEEDED)

    def query(self, task_id: str, now: float) -> Answer:
        """The record of one task; of one that is not known, an empty object with status 200."""
        task = self._world.find(task_id, now)
        return answered(200, {}) if task is None else answered(200, self._record(task, now), _ended((task,), now))

    def refuse(self, refusal: Refusal) -> Answer:
        """An error in the form of all services."""
        return self._error(*_REFUSALS[refusal])

    def echo(self, asked: Asked, now: float) -> Answer:
        """The answer about a task that was not asked about, in the form of the question."""
        if asked.route is not Route.BATCH:
            return super().echo(asked, now)
        return self._batch({"ids": [self._other(*filter(_is_text, asked.parameters["ids"]))]}, now)

    def _batch(self, parameters: Mapping[str, Any], now: float) -> Answer:
        """A page of the records asked for: newest first, without those that are not known, doubled if asked twice.

        `count` is that of all pages.
        """
        offset, limit = parameters.get("offset", 0), parameters.get("limit", DEFAULT_LIMIT)
        if not (_is_count(offset) and _is_count(limit)):
            return self._error(400, "bad_request", "offset and limit must be whole numbers.")
        found = [self._world.find(task_id, now) for task_id in filter(_is_text, parameters["ids"])]
        known = sorted(filter(None, found), key=lambda task: task.serial, reverse=True)
        page = known[offset : offset + limit]
        items = [self._record(task, now) for task in page]
        return answered(200, {"items": items, "count": len(known)}, _ended(page, now))

    def _error(self, status: int, code: str, message: str) -> Answer:
        error = {"code": code, "message": message}
        return answered(status, {"success": False, "error": error, "trace_id": self._request_id()})

    def _record(self, task: SimulatedTask, now: float) -> dict[str, Any]:
        """All about a task. It has no state of its own but that in `response`, which comes when it runs."""
        status = task.status_at(now)
        record = {**_kept(task), "created_at": self._calendar.unix(task.submitted_at)}
        if status != PENDING:
            record["response"] = self._response(task, status)
        if status in ENDS:
            record["finished_at"] = self._calendar.unix(task.ends_at)
            record["duration"] = record["finished_at"] - self._calendar.unix(task.started_at)
        return record

    def _response(self, task: SimulatedTask, status: str) -> dict[str, Any]:
        if status == FAILED:
            code = task.code or "api_error"
            error = {"code": code, "message": FAILURES.get(code, "The task failed.")}
            return {"success": False, "error": error, "task_id": task.id, "trace_id": _uuid(task, "trace")}
        if status in (CANCELED, SUSPENDED):
            return {"state": _WORDS[status], "task_id": task.id}
        told = _TOLD[task.shape](task, status, self._link(task))
        return {"success": True, **told, "task_id": task.id}

    def _link(self, task: SimulatedTask) -> Link:
        return signed_by_expiry(task.id, self._calendar.date(task.ends_at + MEDIA_LIFETIME))


_NEEDED = (400, "bad_request", 'Give an "action": "retrieve" with an "id", or "retrieve_batch" with "ids".')


def _question(document: Mapping[str, Any]) -> Asked:
    match document:
        case {"action": "retrieve", "id": str() as task_id}:
            return Asked(Route.QUERY, task_id)
        case {"action": "retrieve_batch", "ids": [*_]}:
            return Asked(Route.BATCH, parameters=document)
    return Asked(Route.QUERY)


def _ended(tasks: tuple[SimulatedTask, ...] | list[SimulatedTask], now: float) -> tuple[str, ...]:
    return tuple(task.id for task in tasks if task.status_at(now) in ENDS)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _kept(task: SimulatedTask) -> dict[str, Any]:
    """What a record has from the first moment on."""
    return {
        "_id": _uuid(task, "record").replace("-", "")[:24],
        "id": task.id,
        "api_id": _uuid(task, "api"),
        "application_id": _uuid(task, "application"),
        "credential_id": _uuid(task, "credential"),
        "user_id": _uuid(task, "user"),
        "trace_id": _uuid(task, "trace"),
        "type": _TYPES[task.shape],
        "request": {**REQUEST, "model": task.model},
    }


def _uuid(task: SimulatedTask, name: str) -> str:
    """An id beside that of the task, the same in every answer."""
    return str(uuid.uuid5(uuid.UUID(task.id), name))


def _video(_: SimulatedTask, status: str, link: Link) -> dict[str, Any]:
    media = {"video_url": link(0, "mp4")} if status == SUCCEEDED else {}
    return {**media, "state": _WORDS[status]}


def _images(task: SimulatedTask, status: str, link: Link) -> dict[str, Any]:
    """No word of its own: nothing in `data` until all is done."""
    if status != SUCCEEDED:
        return {"data": []}
    return {"data": [_image(task, index, link) for index in range(task.pictures)]}


def _image(task: SimulatedTask, index: int, link: Link) -> dict[str, Any]:
    if index in task.lost:
        return {"id": f"{task.id}-{index}", "image_url": None, "state": "failed", "error": LOST}
    return {"id": f"{task.id}-{index}", "image_url": link(index, "png"), "state": "completed"}


def _audio(task: SimulatedTask, status: str, link: Link) -> dict[str, Any]:
    """No word of its own, and links to streams before the end."""
    kept = [index for index in range(task.pictures) if index not in task.lost]
    if status != SUCCEEDED:
        return {"data": [_song(task, index, f"https://streams.example/{task.id}-{index}", "running") for index in kept]}
    return {"data": [_song(task, index, link(index, "mp3"), "succeeded") for index in kept]}


def _song(task: SimulatedTask, index: int, url: str, state: str) -> dict[str, Any]:
    return {"id": f"{task.id}-{index}", "title": "A Lake", "audio_url": url, "state": state}


_TOLD: Mapping[str, Callable[[SimulatedTask, str, Link], dict[str, Any]]] = {
    "video": _video,
    "images": _images,
    "audio": _audio,
}
