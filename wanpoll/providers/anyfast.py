"""AnyFast (HappyHorse and others): `GET {base}/v1/video/generations/{task_id}`.

Sources: the HappyHorse task query document (the envelope, its words, 15 s between two polls, links of 24 h), and the
sources of new-api, the open gateway that it derives from (unknown tasks, refused keys, unset times).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wanpoll._core.model import Failure, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, CallReading, NoSuchTask, Observation, Reading
from wanpoll.exceptions import DecodeError
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict, is_link
from wanpoll.providers.wire import decode, id_text, read_error_words, read_moment, text_or_none

NO_SUCH_TASK = "task_not_exist"
"""The code of HTTP 400 for a task that is not known, or is another account's."""

WORDS: Mapping[str, Status] = {
    "": Status.PENDING,
    "NOT_START": Status.PENDING,
    "SUBMITTED": Status.PENDING,
    "QUEUED": Status.PENDING,
    "UNKNOWN": Status.PENDING,
    "IN_PROGRESS": Status.RUNNING,
    "SUCCESS": Status.SUCCEEDED,
    "FAILURE": Status.FAILED,
}
"""`UNKNOWN` is a task that has not started. Relatives of the gateway write the words in lower case."""

MEDIA = (MediaPath("data.result_url", "video"),)
OLD_MEDIA = (MediaPath("data.fail_reason", "video"),)
"""Where the gateway kept a result's link before it had a place of its own: read on success, where that is empty."""

ERRORS = (
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 402, 403)),
)
"""Nothing is known that makes a question wrong for good, but an unknown task."""

_FINE = ("success", "200", "0", "")
_NO_TASK_HTTP = (200, 400, 404)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?(%?)")


class AnyFast(Provider):
    """One AnyFast account.

    The key comes from `api_key` or ANYFAST_API_KEY. No document names a quota: 5 questions a second is a modest guess.
    What stands under `data.data` is the upstream's document, with words and an id of its own: it is kept in `raw` and
    not read.
    """

    NAME: ClassVar[str] = "anyfast"
    BASE_URL: ClassVar[str] = "https://www.anyfast.ai"
    KEY_VARIABLE: ClassVar[str] = "ANYFAST_API_KEY"
    QUOTA: ClassVar[Rate] = Rate(5, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("data.task_id",)

    def ask(self, tasks: Sequence[Task]) -> Request:
        """`GET {base}/v1/video/generations/{task_id}`."""
        return Request("GET", f"{self.base_url}/v1/video/generations/{quoted(self.the_one(tasks).id)}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The task stands in `data`. The envelope's `code` is about the question: it is fine for a failed task, too."""
        try:
            document = decode(self.name, reply.body)
        except DecodeError:
            if reply.status != 200:
                self.note("the body is no JSON, so the HTTP status decides")
                return self.read_error(reply, "", "")  # a gateway's page
            raise
        if not isinstance(document, dict):
            document = {}
        data = document.get("data")
        if reply.status == 200 and isinstance(data, dict) and _is_fine(document.get("code")):
            return self._state(tasks[0], data, document, reply)
        return self._no_state(tasks[0], document, reply)

    def _no_state(self, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
        code = document.get("code")
        if code == NO_SUCH_TASK and reply.status in _NO_TASK_HTTP:
            self.note(f"code is {NO_SUCH_TASK!r}: no such task")
            return Answer((NoSuchTask(task.id),))
        if reply.status == 200 and _is_fine(code) and document.get("error") is None:
            if "code" not in document or "data" not in document or document["data"] is not None:
                raise DecodeError(self.name, "data", "neither a task nor an error")
            self.note("data is null: no such task")
            return Answer((NoSuchTask(task.id),))
        return self._error(document, reply)

    def _error(self, document: Mapping[str, Any], reply: Reply) -> CallReading:
        """Refusals stand under `error`, as OpenAI writes them; the gateway's own errors in the envelope."""
        code, message = read_error_words(document.get("error"))
        outer, said = read_error_words(document)
        return self.read_error(reply, code or ("" if _is_fine(outer) else outer), message or said)

    def _state(self, task: Task, data: Mapping[str, Any], document: Mapping[str, Any], reply: Reply) -> Reading:
        if data.get("task_id") is not None and id_text(data["task_id"]) != task.id:
            raise DecodeError(self.name, "data.task_id", "the answer is about another task")
        word = data.get("status")
        word = "" if word is None else word
        if not isinstance(word, str):
            raise DecodeError(self.name, "data.status", "not a text")
        # of letters beyond ASCII, some have those of the table as their upper case
        status = self.state(WORDS, word.upper() if word.isascii() else word, "data.status")
        if status is not None and status.is_final:
            return Answer((self._end(task, status, document, reply),))
        progress = _progress(data.get("progress"))
        if progress is not None:
            self.note(f"data.progress: {progress:.0%} done")
        if status is not None and progress is None and self.takes_shortcuts:
            return NOT_YET[status]
        submitted, started = read_moment(data.get("submit_time")), read_moment(data.get("start_time"))
        kind = text_or_none(data.get("action"))
        seen = Observation(task.id, status, word, progress, submitted_at=submitted, started_at=started, kind=kind)
        return Answer((seen,))

    def _end(self, task: Task, status: Status, document: Mapping[str, Any], reply: Reply) -> Observation:
        data = document["data"]
        succeeded = status is Status.SUCCEEDED
        return Observation(
            task.id,
            status,
            media=(self.media(MEDIA, document, reply) or self.media(OLD_MEDIA, document, reply)) if succeeded else (),
            failure=None if succeeded else self._failure(data),
            submitted_at=read_moment(data.get("submit_time")),
            started_at=read_moment(data.get("start_time")),
            finished_at=read_moment(data.get("finish_time")),
            kind=text_or_none(data.get("action")),
            raw=document,
        )

    def _failure(self, data: Mapping[str, Any]) -> Failure:
        reason = data.get("fail_reason")
        told = isinstance(reason, str) and reason.strip() and not is_link(reason)
        self.note("data.fail_reason " + ("gives the reason" if told else "gives none: it is empty, or a link"))
        return Failure("FAILURE", str(reason) if told else "the provider gave no reason")


def _is_fine(code: Any) -> bool:
    """Whether the envelope's code is none of an error: relatives write "success", "200" or 0."""
    return code is None or (isinstance(code, str | int) and str(code).lower() in _FINE)


def _progress(value: Any) -> float | None:
    """0..1 from "50%", "50" or 50; a fraction, as in 0.5 or "0.5", is one already."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    told = _PERCENT.fullmatch(str(value).strip())
    if told is None:
        return None
    number = float(told[1])
    if not told[2] and "." in told[1] and number <= 1:
        return number
    return number / 100 if number <= 100 else None
