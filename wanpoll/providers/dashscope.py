"""DashScope (Alibaba Model Studio, Qwen Cloud): `GET {base}/tasks/{task_id}`.

Sources: "Wan 2.7 - Retrieve reference-to-video result" and "Wan 2.5 - Retrieve editing result" (the answers, the
advised intervals of 15 and 10 s, 24 h for ids and links), and the task documentation of Model Studio (words, codes,
20 queries per second for the whole account, cancel for PENDING tasks only; the list of tasks with its filters, pages
and flat rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from attrs import frozen

from wanpoll._core.model import NOTHING, Failure, Rate, Status, Task
from wanpoll._core.readings import (
    NOT_YET,
    Answer,
    CallReading,
    Listed,
    Missed,
    NoSuchTask,
    NotYet,
    Observation,
    Reading,
    ScanReading,
)
from wanpoll.exceptions import DecodeError, UsageError
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict
from wanpoll.providers.wire import Lenient, decode, id_text, read_time, structure

ZONE = timezone(timedelta(hours=8))
"""Times are written without a zone and documented as UTC+8."""

NO_SUCH_TASK = "UNKNOWN"
"""HTTP 200 and this word: no such task, expired, another account's, or another region's."""

ROWS = 100
"""Rows of a page of the list. The documentation names no maximum; clients were seen to ask for so many."""

WORDS: Mapping[str, Status] = {
    "PENDING": Status.PENDING,
    "RUNNING": Status.RUNNING,
    "SUSPENDED": Status.PENDING,
    "SUCCEEDED": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "CANCELED": Status.CANCELED,
    "CANCELLED": Status.CANCELED,
}

_NOT_YET = {word: NOT_YET[status] for word, status in WORDS.items() if not status.is_final}

MEDIA = (
    MediaPath("output.video_url", "video"),
    MediaPath("output.results.video_url", "video"),
    MediaPath("output.output_video_url", "video"),
    MediaPath("output.results[].url", "image"),
    MediaPath("output.choices[].message.content[].image", "image"),
    MediaPath("output.image_url", "image"),
    MediaPath("output.output_image_url", "image"),
    MediaPath("output.results[].transcription_url", "text"),
    MediaPath("output.result.transcription_url", "text"),
)

ERRORS = (
    ErrorRule(
        Verdict.REFUSED,
        codes=(
            "InvalidApiKey",
            "AccessDenied*",
            "*.AccessDenied",
            "*.Unpurchased",
            "Arrearage",
            "PrepaidBillOverdue",
            "PostpaidBillOverdue",
            "CommodityNotPurchased",
        ),
    ),
    ErrorRule(Verdict.MAYBE_SPENT, codes=("Throttling.AllocationQuota*",)),
    ErrorRule(Verdict.SLOW_DOWN, codes=("Throttling", "Throttling.*", "LimitRequests")),
    ErrorRule(Verdict.RETRY, codes=("InternalError*", "SystemError", "ModelServingError", "RequestTimeOut")),
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 403)),
    ErrorRule(
        Verdict.REJECTED,
        http=(200, 400),
        codes=("InvalidParameter*", "UnsupportedOperation", "ServiceUnavailableError"),
    ),
)


@frozen
class _Metrics:
    TOTAL: int
    SUCCEEDED: int = 0
    FAILED: int = 0

    def progress(self) -> float | None:
        done = min(
            self.SUCCEEDED + self.FAILED, self.TOTAL
        )  # before dividing: a float holds less than a stranger's int
        return done / self.TOTAL if self.TOTAL > 0 and done >= 0 else None


@frozen
class _Output:
    task_status: str
    task_metrics: Lenient[_Metrics] = None
    submit_time: Lenient[str] = None
    scheduled_time: Lenient[str] = None


@frozen
class _End:
    submit_time: Lenient[str] = None
    scheduled_time: Lenient[str] = None
    end_time: Lenient[str] = None
    code: Lenient[str] = None
    message: Lenient[str] = None


class DashScope(Provider):
    """One DashScope account (all its keys share the quota).

    The key comes from `api_key` or DASHSCOPE_API_KEY, the prefix from `base_url`, DASHSCOPE_HTTP_BASE_URL or
    Singapore's. Keys and task ids belong to one region.

    With `scan` the list of the account's tasks (`GET {base}/tasks`) is asked which have ended, where that takes fewer
    requests than to ask about each: from a handful on, if the list is this account's alone. It is documented, but was
    never tried live: whether a page may have a hundred rows, whether its times are UTC+8 like those of tasks, and who
    has the right to it. (Some workspace hosts are reported to answer 401 or 403.) A list that is not given, or is
    wrong, costs a few requests: only the answer about a task itself ends it.
    """

    NAME: ClassVar[str] = "dashscope"
    BASE_URL: ClassVar[str] = "https://dashscope-intl.aliyuncs.com/api/v1"
    KEY_VARIABLE: ClassVar[str] = "DASHSCOPE_API_KEY"
    BASE_URL_VARIABLE: ClassVar[str | None] = "DASHSCOPE_HTTP_BASE_URL"
    QUOTA: ClassVar[Rate] = Rate(20, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("output.task_id",)
    can_cancel: ClassVar[bool] = True

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
        scan: bool = False,
    ) -> None:
        super().__init__(api_key, base_url=base_url, name=name, quota=quota, interval=interval)
        if not isinstance(scan, bool):
            raise UsageError(f"scan={scan!r}: give True or False")
        self.can_scan: bool = scan

    def ask(self, tasks: Sequence[Task]) -> Request:
        """`GET {base}/tasks/{task_id}`."""
        return Request("GET", f"{self.base_url}/tasks/{quoted(self.the_one(tasks).id)}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The task's state stands in `output`; an answer without it is an error of the query."""
        try:
            document = decode(self.name, reply.body)
        except DecodeError:
            if reply.status != 200:
                self.note("the body is a gateway's page, so the HTTP status decides")
                return self.read_error(reply)
            raise
        return read_task(self, tasks[0], document, reply)

    def ask_cancel(self, task: Task) -> Request:
        """`POST {base}/tasks/{task_id}/cancel`, for PENDING tasks only."""
        return Request("POST", f"{self.base_url}/tasks/{quoted(task.id)}/cancel")

    def decode_cancel(self, task: Task, reply: Reply) -> CallReading:
        """200 and a JSON object with nothing but `request_id`; a portal's page or an error code is no success."""
        if reply.status != 200:
            return self.read_error(reply)
        document = decode(self.name, reply.body)
        if not isinstance(document, dict):
            raise DecodeError(self.name, "the body", "not an object")
        return Answer() if document.get("code") in (None, "") else self.read_error(reply)

    def ask_scan(self, since: datetime, page: int) -> Request:
        """`GET {base}/tasks`. Where `end_time` is not given, the list goes on for a day."""
        start = since.astimezone(ZONE).strftime("%Y%m%d%H%M%S")
        return Request("GET", f"{self.base_url}/tasks?start_time={start}&page_no={page}&page_size={ROWS}")

    def decode_scan(self, reply: Reply) -> ScanReading | CallReading:
        """A flat page, whose rows say `status` and have neither media nor reasons."""
        if reply.status != 200:
            return self.read_error(reply)
        document = decode(self.name, reply.body)
        if not isinstance(document, dict):
            raise DecodeError(self.name, "the body", "not an object")
        rows = document.get("data")
        if rows is None and _number(document.get("total")) == 0:
            rows = []
        if not isinstance(rows, list):
            if document.get("code") not in (None, ""):
                return self.read_error(reply)
            raise DecodeError(self.name, "data", "no list of tasks")
        page, pages = (_number(document.get(name)) for name in ("page_no", "total_page"))
        return Listed(tuple(_rows(rows)), page, pages)


def _number(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _rows(rows: Sequence[Any]) -> Iterator[tuple[str, Status | None]]:
    """Ids and what is said of them. What is no row of a task is passed over."""
    for row in rows:
        if isinstance(row, dict) and (task_id := id_text(row.get("task_id"))) is not None:
            word = row.get("status")
            if isinstance(word, str):
                yield task_id, WORDS.get(word)


def read_task(provider: Provider, task: Task, document: Any, reply: Reply) -> Reading:
    """What a document of DashScope's means for `task`, whoever (`provider`) handed it over.

    The task's state stands in `output`; an answer without it is an error of the query. Raises `DecodeError`.
    """
    output = document.get("output") if isinstance(document, dict) else None
    if reply.status != 200 or not isinstance(output, dict):
        return _error(provider, document, reply)
    plain = _not_yet(task, output) if provider.takes_shortcuts else None
    return plain or _state(provider, task, document, reply)


def _error(provider: Provider, document: Any, reply: Reply) -> Reading:
    if reply.status == 200 and not (isinstance(document, dict) and "code" in document):
        raise DecodeError(provider.name, "output", "neither a task nor an error")
    provider.note(
        "HTTP 200 without output, but with a code" if reply.status == 200 else "not HTTP 200: no state is read"
    )
    return provider.read_error(reply)


def _state(provider: Provider, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
    output = structure(provider.name, "output", document["output"], _Output)
    echoed = document["output"].get("task_id")
    provider.note("output.task_id " + ("is absent" if echoed is None else "echoes an id"))
    if echoed is not None and id_text(echoed) != task.id:
        provider.note(f"that is not the id asked about, {task.id}")
        return Missed(DecodeError(provider.name, "output.task_id", "the answer is about another task"))
    if output.task_status == NO_SUCH_TASK:
        provider.note(f"output.task_status is {NO_SUCH_TASK!r}: no such task")
        return Answer((NoSuchTask(task.id),))
    status = provider.state(WORDS, output.task_status, "output.task_status")
    progress = output.task_metrics.progress() if output.task_metrics else None
    if progress is not None:
        provider.note(f"output.task_metrics: {progress:.0%} done")
    if status is None or not status.is_final:
        submitted, started = read_time(output.submit_time, ZONE), read_time(output.scheduled_time, ZONE)
        seen = Observation(task.id, status, output.task_status, progress, submitted_at=submitted, started_at=started)
        return Answer((seen,))
    return Answer((_end(provider, task, status, document, reply),))


def _end(provider: Provider, task: Task, status: Status, document: Mapping[str, Any], reply: Reply) -> Observation:
    end = structure(provider.name, "output", document["output"], _End)
    usage = document.get("usage")
    seen = Observation(
        task.id,
        status,
        media=provider.media(MEDIA, document, reply) if status is Status.SUCCEEDED else (),
        failure=None if status is Status.SUCCEEDED else _failure(provider, status, end, document),
        usage=usage if isinstance(usage, dict) else NOTHING,
        submitted_at=read_time(end.submit_time, ZONE),
        started_at=read_time(end.scheduled_time, ZONE),
        finished_at=read_time(end.end_time, ZONE),
        raw=document,
    )
    if provider.explaining:
        _note_rest(provider, document, seen)
    return seen


def _failure(provider: Provider, status: Status, end: _End, document: Mapping[str, Any]) -> Failure | None:
    """The reason stands in `output`, for some image models at top level beside it."""
    top = document.get("code"), document.get("message")
    for place, reason in (("output", (end.code, end.message)), ("the top level", top)):
        code, message = (each if isinstance(each, str) else "" for each in reason)
        if code or message:
            provider.note(f"the reason stands in {place}")
            return Failure(code or status.value, message)
    provider.note("no reason in output or at the top level")
    return Failure("FAILED", "the provider gave no reason") if status is Status.FAILED else None


def _note_rest(provider: Provider, document: Mapping[str, Any], seen: Observation) -> None:
    """Tell `explain` of the times and the usage."""
    moments = {"submit_time": seen.submitted_at, "scheduled_time": seen.started_at, "end_time": seen.finished_at}
    for name, moment in moments.items():
        if name in document["output"]:
            read = f"reads as {moment.isoformat()}" if moment else "cannot be read as a time"
            provider.note(f"output.{name} {read}")
    if "usage" in document:
        kept = "kept as it is" if isinstance(document["usage"], dict) else "no object, so left out"
        provider.note(f"usage is {kept}")


def _not_yet(task: Task, output: Mapping[str, Any]) -> NotYet | None:
    """Most answers by far are a plain "not yet": these are read without structuring, at half the price."""
    word = output.get("task_status")
    if type(word) is str and output.get("task_id") == task.id and "task_metrics" not in output:
        return _NOT_YET.get(word)
    return None
