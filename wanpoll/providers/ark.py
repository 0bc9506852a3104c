"""Volcengine Ark (Seedance): many tasks in one question. A worked example of the class interface.

One task is `GET {base}/contents/generations/tasks/{id}`, several are the same address with `?filter.task_ids=a&...`.
Sources: "Query a video generation task", "List video generation tasks" (its filter repeats, pages hold 1 to 500 and
20 by default) and "Error codes" of Ark. Tasks are kept for 7 days, links for 24 h: fresh ones are asked for by asking
about the task again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from wanpoll._core.model import NOTHING, Failure, Outcome, Rate, Status, Task
from wanpoll._core.readings import (
    NOT_YET,
    Answer,
    CallReading,
    Missed,
    NoSuchTask,
    NotYet,
    Observation,
    Reading,
    Refused,
    Rejected,
)
from wanpoll.exceptions import DecodeError, NotSupported
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict
from wanpoll.providers.wire import check_echo, id_text, read_moment, read_object, read_problem, text_or_none

WORDS: Mapping[str, Status] = {
    "queued": Status.PENDING,
    "running": Status.RUNNING,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "cancelled": Status.CANCELED,
    "expired": Status.EXPIRED,
}

_NOT_YET = {word: NOT_YET[status] for word, status in WORDS.items() if not status.is_final}

MEDIA = (MediaPath("content.video_url", "video"), MediaPath("content.last_frame_url", "image"))

ERRORS = (
    ErrorRule(Verdict.REFUSED, codes=("AuthenticationError", "AccountOverdueError", "AccessDenied")),
    ErrorRule(Verdict.MAYBE_SPENT, codes=("QuotaExceeded",)),
    ErrorRule(Verdict.SLOW_DOWN, codes=("RateLimitExceeded*", "RequestBurstTooFast")),
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 402, 403)),
    ErrorRule(Verdict.REJECTED, http=(400,), codes=("InvalidParameter*", "MissingParameter*")),
)


class Ark(Provider):
    """One account at Volcengine Ark. The key comes from `api_key` or ARK_API_KEY.

    The list is reported to allow one question a second for the whole account (one task: 20), so this is the quota: 50
    tasks a second. It leaves out tasks of the service tier "flex": those are asked about singly. BytePlus speaks the
    same: `base_url="https://ark.ap-southeast.bytepluses.com/api/v3"`.

    Tasks cannot be canceled here: the request that cancels a queued task deletes one that has ended.
    """

    NAME: ClassVar[str] = "ark"
    BASE_URL: ClassVar[str] = "https://ark.cn-beijing.volces.com/api/v3"
    KEY_VARIABLE: ClassVar[str] = "ARK_API_KEY"
    QUOTA: ClassVar[Rate] = Rate(1, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("id", "items[].id")
    can_refresh: ClassVar[bool] = True
    max_batch: ClassVar[int] = 50  # a page holds 500, but addresses beyond some kilobytes are refused on the way

    def ask(self, tasks: Sequence[Task]) -> Request:
        """One task by its address, several by the filter of the list."""
        address = f"{self.base_url}/contents/generations/tasks"
        if len(tasks) == 1:
            return Request("GET", f"{address}/{quoted(tasks[0].id)}")
        ids = "&".join(f"filter.task_ids={quoted(task.id)}" for task in self.check_batch(tasks))
        return Request("GET", f"{address}?{ids}&page_num=1&page_size={len(tasks)}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The task itself, or a list of `items` that are matched by id; those that are not in it are left out."""
        document = read_object(self.name, reply.body, reply.status)
        if reply.status != 200 or ("error" in document and "status" not in document):
            return self._error(tasks, document, reply)
        if len(tasks) > 1 or "items" in document:
            listed = tuple(self._listed(tasks, document, reply))
            self.note(f"{len(listed)} of {len(tasks)} tasks are among the items")
            return Answer(listed)
        plain = _not_yet(tasks[0], document) if self.takes_shortcuts else None
        return plain or Answer((self._state(tasks[0], document, reply),))

    def ask_refresh(self, outcome: Outcome) -> Request:
        """The question about the task, once more. Raises `NotSupported` for one that did not succeed."""
        if outcome.status is not Status.SUCCEEDED:
            raise NotSupported(f"{self.name}: task {outcome.task.id} is {outcome.status}, so there are no links to it")
        return self.ask([outcome.task])

    def decode_refresh(self, outcome: Outcome, reply: Reply) -> CallReading:
        """The links as they are told now. A task that is kept no longer has none."""
        reading = self.decode([outcome.task], reply)
        if isinstance(reading, Missed | Refused | Rejected):
            return reading
        for part in reading.observations if isinstance(reading, Answer) else ():
            if isinstance(part, NoSuchTask):
                return Rejected(part.failure or Failure("no such task", "tasks are kept for 7 days"))
            if any(media.url for media in part.media):
                return Answer((Observation(outcome.task.id, outcome.status, media=part.media),))
        raise DecodeError(self.name, "content", "no link")

    def _error(self, tasks: Sequence[Task], document: Mapping[str, Any], reply: Reply) -> Reading:
        code, message = read_problem(document)
        if reply.status == 404 and code and len(tasks) == 1:
            self.note(f"HTTP 404, code {code!r}: no such task, or one of more than 7 days ago")
            return Answer((NoSuchTask(tasks[0].id, Failure(code, message)),))
        return self.read_error(reply, code, message)

    def _listed(self, tasks: Sequence[Task], document: Mapping[str, Any], reply: Reply) -> Iterator[Observation]:
        items = document.get("items")
        if not isinstance(items, list) and (items is not None or "total" not in document):
            raise DecodeError(self.name, "items", "not a list of tasks")
        open_tasks = {task.id: task for task in tasks}
        for item in items or ():
            echoed = id_text(item.get("id")) if isinstance(item, dict) else None
            task = open_tasks.pop(echoed, None) if echoed is not None else None
            if task is not None:
                try:
                    yield self._state(task, item, reply)
                except DecodeError as error:
                    self.note(f"item {task.id}: {error}; left out")

    def _state(self, task: Task, document: Mapping[str, Any], reply: Reply) -> Observation:
        word = document.get("status")
        if type(word) is not str:
            raise DecodeError(self.name, "status", "not a word")
        check_echo(self.name, "id", document.get("id"), task.id)
        status = self.state(WORDS, word, f"{task.id}: status")
        if status is None or not status.is_final:
            submitted, kind = read_moment(document.get("created_at")), text_or_none(document.get("model"))
            return Observation(task.id, status, word, submitted_at=submitted, kind=kind)
        return self._end(task, status, document, reply)

    def _end(self, task: Task, status: Status, document: Mapping[str, Any], reply: Reply) -> Observation:
        usage = document.get("usage")
        return Observation(
            task.id,
            status,
            media=self.media(MEDIA, document, reply) if status is Status.SUCCEEDED else (),
            failure=None if status is Status.SUCCEEDED else self._failure(status, document),
            usage=usage if isinstance(usage, dict) else NOTHING,
            submitted_at=read_moment(document.get("created_at")),
            finished_at=read_moment(document.get("updated_at")),
            kind=text_or_none(document.get("model")),
            raw=document,
        )

    def _failure(self, status: Status, document: Mapping[str, Any]) -> Failure | None:
        code, message = read_problem(document)
        if code or message:
            self.note("error gives the reason")
            return Failure(code or status.value, message)
        self.note("error gives no reason")
        return Failure(status.value, "the provider gave no reason") if status is Status.FAILED else None


def _not_yet(task: Task, document: Mapping[str, Any]) -> NotYet | None:
    word = document.get("status")
    return _NOT_YET.get(word) if type(word) is str and document.get("id") == task.id else None
