"""Ace Data Cloud: `POST {base}/{service}/tasks`, for one task or for many.

Sources: the Wan Tasks API document (the questions, the records, the errors), its siblings' documents (a page of 12
records where no `limit` is sent), and the owner's SDK and tools (50 ids at once, unknown ids, what records mean).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wanpoll._core.model import Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, CallReading, NoSuchTask, Observation, Reading
from wanpoll._core.redact import redact
from wanpoll.exceptions import DecodeError, UsageError
from wanpoll.providers._acedata_rules import (
    MEDIA,
    WORDS,
    decide,
    not_done,
    place_of,
    place_of_reason,
    read_facts,
    read_failure,
)
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import ErrorRule, Verdict
from wanpoll.providers.wire import decode, id_text, read_error_words, read_moment

ERRORS = (
    ErrorRule(
        Verdict.REFUSED,
        codes=("no_token", "invalid_token", "token_expired", "token_mismatched", "disabled", "used_up"),
    ),
    ErrorRule(Verdict.REFUSED, http=(200, 400, 404), codes=("api_not_implemented", "no_api")),
    ErrorRule(Verdict.SLOW_DOWN, codes=("too_many_requests",)),
    ErrorRule(Verdict.RETRY, codes=("api_error", "timeout")),
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 402, 403)),
    ErrorRule(Verdict.REJECTED, http=(200, 400, 404), codes=("bad_request",)),
)
"""`token_mismatched` and `disabled` come with HTTP 400, but are about the token: it belongs to another service, or is
switched off. `api_not_implemented` and `no_api` are about the service: it does not exist, or is written wrongly. No
other question of the account would fare better, and a refusal loses no task. The last row is about the question: its
form."""

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_JSON = {"Content-Type": "application/json"}


class AceData(Provider):
    """One Ace Data Cloud account, asked about the tasks of one `service`: "wan", "kling", "suno", "midjourney", ...

    The key comes from `api_key` or ACEDATACLOUD_API_TOKEN. Questions are free and safe to repeat. No document names a
    quota: 5 questions a second, each about up to 50 tasks, is a modest guess. Give one `name` and a part of the quota
    to each service of an account. `started_at` and `usage` stay empty: records do not tell them. For a service that
    is not theirs, the account is refused: no task is lost.
    Raises `UsageError` for a service that is not one segment of a path.
    """

    NAME: ClassVar[str] = "acedata"
    BASE_URL: ClassVar[str] = "https://api.acedata.cloud"
    KEY_VARIABLE: ClassVar[str] = "ACEDATACLOUD_API_TOKEN"
    QUOTA: ClassVar[Rate] = Rate(5, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("id", "items[].id")
    max_batch: ClassVar[int] = 50
    max_body: ClassVar[int] = 16 << 20

    def __init__(
        self,
        api_key: str | None = None,
        *,
        service: str = "wan",
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
    ) -> None:
        super().__init__(api_key, base_url=base_url, name=name, quota=quota, interval=interval)
        self.service: str = _checked_service(service)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(service={self.service!r}, name={self.name!r}, "
            f"base_url={self.base_url!r}, quota={self.quota!r})"
        )

    def ask(self, tasks: Sequence[Task]) -> Request:
        """`retrieve` for one task, `retrieve_batch` for several, always with a `limit`: the default one is small."""
        ids = [task.id for task in self.check_batch(tasks)]
        query: dict[str, Any] = {"action": "retrieve", "id": ids[0]}
        if len(ids) > 1:
            query = {"action": "retrieve_batch", "ids": ids, "offset": 0, "limit": len(ids)}
        return Request("POST", f"{self.base_url}/{self.service}/tasks", _JSON, json.dumps(query).encode())

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """A record, or `items` of them in any order; `{}` is no such task, an unknown id of several is not there."""
        if reply.status != 200:
            return self._error(self._whatever(reply), reply)
        document = decode(self.name, reply.body)
        if not isinstance(document, dict):
            raise DecodeError(self.name, "the body", "not an object")
        items = document.get("items")
        if isinstance(items, list):
            return self._batch(tasks, items, reply)
        if len(tasks) == 1:
            return self._single(tasks[0], document, reply)
        return self._error(document, reply) if document else Answer()

    def _single(self, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
        given = document.get("id")
        if given == task.id and self.takes_shortcuts and (status := not_done(document)):
            return NOT_YET[status]
        if not document:
            self.note("an empty object: no such task")
            return Answer((NoSuchTask(task.id),))
        if given is None and "response" not in document:
            return self._error(document, reply)
        if given is not None and id_text(given) != task.id:
            raise DecodeError(self.name, "id", "the answer is about another task")
        return Answer((self._observe(task.id, document, reply),))

    def _batch(self, tasks: Sequence[Task], items: Sequence[Any], reply: Reply) -> Reading:
        open_ids = {task.id for task in tasks}
        found: dict[str, Observation] = {}
        for item in items:
            task_id = id_text(item.get("id")) if isinstance(item, dict) else None
            if task_id is not None and task_id in open_ids:
                if self.explaining:
                    self.note(f"{task_id} is among the items:")
                found[task_id] = seen = self._observe(task_id, item, reply)
                if seen.status and seen.status.is_final:  # of a doubled id, the record that has ended counts
                    open_ids.remove(task_id)
        self.note(f"{len(found)} of {len(tasks)} tasks are among {len(items)} items")
        return Answer(tuple(found.values()))

    def _observe(self, task_id: str, record: Mapping[str, Any], reply: Reply) -> Observation:
        if self.takes_shortcuts and (status := not_done(record)):
            return Observation(task_id, status)
        facts = read_facts(record)
        if facts.word:
            self.state(WORDS, facts.word.lower(), place_of(facts))
        rule = decide(facts)
        self.note(f"{rule.says}: {rule.status.value if rule.status else 'not an end'}")
        if rule.status is None or not rule.status.is_final:
            return Observation(task_id, rule.status, facts.word, submitted_at=read_moment(record.get("created_at")))
        succeeded = rule.status is Status.SUCCEEDED
        if not succeeded:
            self.note(place_of_reason(facts))
        return Observation(
            task_id,
            rule.status,
            media=self.media(MEDIA, record, reply) if succeeded else (),
            failure=None if succeeded else read_failure(facts, rule.status),
            submitted_at=read_moment(record.get("created_at")),
            finished_at=read_moment(record.get("finished_at")),
            raw=record,
        )

    def _error(self, document: Any, reply: Reply) -> CallReading:
        """`error` may be an object, a text, a list or null."""
        body = document if isinstance(document, dict) else {}
        if reply.status == 200 and body.get("error") is None and body.get("success") is not False:
            raise DecodeError(self.name, "the body", "neither a task nor an error")
        code, message = read_error_words(body.get("error"))
        said = message or next((text for name in ("message", "detail") if isinstance(text := body.get(name), str)), "")
        return self.read_error(reply, code, said)

    def _whatever(self, reply: Reply) -> Any:
        try:
            return decode(self.name, reply.body)
        except DecodeError:
            self.note("the body is no JSON, so the HTTP status decides")
            return None  # a gateway's page


def _checked_service(service: str) -> str:
    if not isinstance(service, str) or not _SERVICE.fullmatch(service):
        raise UsageError(
            f"service={redact(repr(service)):.80}: give the name in the path of its tasks, as in 'wan' for /wan/tasks; "
            "letters, digits, - and _ only"
        )
    return service
