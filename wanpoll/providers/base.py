"""What a provider is: data, and pure functions that say what to ask and what an answer means.

A provider has no I/O, no clock and no state. It makes a `Request`, and reads the `Reply`.
"""

import abc
import copy
import math
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from attrs import evolve, field, frozen

from wanpoll._core.model import NOTHING, Failure, Rate, Task
from wanpoll._core.readings import Answer, Missed, NoSuchTask, Observation, Reading, Refused, Rejected
from wanpoll._core.redact import Secret, redact
from wanpoll.exceptions import DecodeError, InvalidTaskId, NotSupported, TransportError, UsageError
from wanpoll.providers.rules import ErrorRule, Verdict, classify
from wanpoll.providers.wire import Lenient, decode, structure

_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,256}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._-]+")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_URL_TEXT = re.compile(r"[!-\[\]-~]+")  # no spaces, line breaks or backslashes: readers of URLs disagree on them
_MOST_DETAIL = 300
_NOT_FOLLOWED = "not followed; check base_url"

P = TypeVar("P", bound="Provider")


@frozen
class Request:
    """One question: what to send. `headers` come on top of the provider's own."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default=NOTHING, repr=False)
    body: bytes | None = field(default=None, repr=False)


@frozen
class Reply:
    """One answer. `received_at` is Unix seconds, `retry_after` the seconds that the server asked for, or None."""

    status: int
    body: bytes = field(repr=False)
    received_at: float
    retry_after: float | None = None


@frozen
class ErrorBody:
    """The part of an error answer that most providers share."""

    code: Lenient[str] = None
    message: Lenient[str] = None


class Provider(abc.ABC):
    """One account at one provider.

    `api_key` and `base_url` (the whole prefix) are read from the environment variables `KEY_VARIABLE` and
    `BASE_URL_VARIABLE`, when a `Poller` is made, where they are not given. `name` tells accounts apart, `quota` is
    what the whole account may ask, `interval` the advised seconds between two polls of one task. Two names for one
    account would each use the whole quota: give each a part of it.
    Raises `UsageError` for values that make no sense.
    """

    NAME: ClassVar[str]
    BASE_URL: ClassVar[str]
    KEY_VARIABLE: ClassVar[str]
    BASE_URL_VARIABLE: ClassVar[str | None] = None
    QUOTA: ClassVar[Rate]
    INTERVAL: ClassVar[float]
    ERRORS: ClassVar[tuple[ErrorRule, ...]]

    max_batch: ClassVar[int] = 1
    """How many ids one question of this provider may name at the most."""

    max_body: ClassVar[int] = 1 << 20
    """Bytes of an answer, at most; a larger one is a missed poll."""

    can_cancel: ClassVar[bool] = False
    """Whether a remote task can be canceled."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
    ) -> None:
        self.api_key: str | None = None if api_key is None else _checked_key(api_key)
        self.base_url: str | None = None if base_url is None else _checked_base(base_url)
        self.name: str = self.NAME if name is None else name
        self.quota: Rate = self.QUOTA if quota is None else quota
        self.interval: float = self.INTERVAL if interval is None else interval
        if not isinstance(self.name, str) or not self.name.strip() or not self.name.isprintable():
            raise UsageError(f"name={self.name!r}: give a short text that tells accounts apart")
        if not isinstance(self.quota, Rate):
            raise UsageError(f"quota={quota!r}: give a Rate, as in Rate(20, per=1.0)")
        number = isinstance(self.interval, int | float) and not isinstance(self.interval, bool)
        if not number or not 0 < self.interval < math.inf:
            raise UsageError(f"interval={interval!r}: give seconds above zero")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, base_url={self.base_url!r}, quota={self.quota!r})"

    def bind(self, environ: Mapping[str, str]) -> Self:
        """This provider with its key and base URL filled in from `environ`.

        Raises `UsageError` when there is no key, or when it would travel in the clear.
        """
        bound = copy.copy(self)
        key = self.api_key or environ.get(self.KEY_VARIABLE)
        if not key:
            raise UsageError(f"{self.name}: no API key; pass api_key=... or set {self.KEY_VARIABLE}")
        bound.api_key = _checked_key(key)
        given = self.base_url or (self.BASE_URL_VARIABLE and environ.get(self.BASE_URL_VARIABLE))
        bound.base_url = _checked_base(given or self.BASE_URL)
        return bound

    def headers(self) -> Mapping[str, str]:
        """What is sent with every question of this account; holds the key."""
        return {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}

    def check_id(self, task_id: str) -> str:
        """`task_id`, if it can be one. Raises `InvalidTaskId`."""
        if isinstance(task_id, str) and _TASK_ID.fullmatch(task_id) and task_id not in (".", ".."):
            return task_id
        shown = f"{task_id!r:.80}" if isinstance(task_id, str) else f"of type {type(task_id).__name__}"
        raise InvalidTaskId(
            f"task id {redact(shown)}: give the text that the submission answered, "
            "1 to 256 characters of A-Z a-z 0-9 . _ : -"
        )

    @abc.abstractmethod
    def ask(self, tasks: Sequence[Task]) -> Request:
        """The question about `tasks`: one, or up to `max_batch`."""

    @abc.abstractmethod
    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """What `reply` means. May raise `DecodeError`."""

    def ask_cancel(self, task: Task) -> Request:
        """The request that cancels the remote `task`. Raises `NotSupported`."""
        raise NotSupported(f"{self.name} cannot cancel tasks")

    def decode_cancel(self, task: Task, reply: Reply) -> Reading:
        """What the answer to `ask_cancel` means: an empty `Answer` is success. May raise `DecodeError`."""
        return Answer() if reply.status < 300 else self.read_error(reply)

    def read_cancel(self, task: Task, reply: Reply) -> Reading:
        """What the answer to `ask_cancel` means. One that cannot be read is asked again."""
        if 300 <= reply.status < 400:
            return Rejected(Failure(f"HTTP {reply.status}", f"a redirect, {_NOT_FOLLOWED}"))
        try:
            return self.decode_cancel(task, reply)
        except DecodeError as error:
            return self._unreadable(error)

    def read(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """What the answer to `ask` means. Answers that cannot be read are missed polls."""
        if 300 <= reply.status < 400:
            return Missed(TransportError(self.name, "redirect", reply.status, _NOT_FOLLOWED))
        try:
            return self._cleaned(self.decode(tasks, reply))
        except DecodeError as error:
            return self._unreadable(error)

    def read_error(self, reply: Reply, code: str | None = None, message: str | None = None) -> Reading:
        """What an error answer means, by the table `ERRORS`; code and message are read from the body if not given."""
        if code is None:
            said = self._error_body(reply)
            code, message = said.code or "", said.message or ""
        verdict = classify(self.ERRORS, reply.status, code)
        shown, message = self._clean(code)[:_MOST_DETAIL], self._clean(message or "")[:_MOST_DETAIL]
        failure = Failure(shown or f"HTTP {reply.status}", message)
        if verdict is Verdict.REFUSED:
            return Refused(failure.code, failure.message)
        if verdict is Verdict.REJECTED:
            return Rejected(failure)
        return self._missed(verdict, reply, failure, str(failure) if shown else message)

    def _missed(self, verdict: Verdict, reply: Reply, failure: Failure, detail: str) -> Missed:
        slow = verdict is not Verdict.RETRY
        kind = "throttled" if slow else "server error" if reply.status >= 500 else "error answer"
        return Missed(
            TransportError(self.name, kind, reply.status, detail),
            throttled=slow,
            retry_after=reply.retry_after,
            spent=failure if verdict is Verdict.MAYBE_SPENT else None,
        )

    def _unreadable(self, error: DecodeError) -> Missed:
        # kept as a value: without its traceback, whose frames hold the body
        return Missed(DecodeError(error.provider, error.path, self._clean(error.excerpt)))

    def _clean(self, text: str) -> str:
        """`text` of the provider, fit for people: some echo the key."""
        return redact(text, self.api_key or "")

    def _cleaned(self, reading: Reading) -> Reading:
        if not isinstance(reading, Answer):
            return reading
        return Answer(tuple(map(self._cleaned_part, reading.observations)))

    def _cleaned_part(self, part: Observation | NoSuchTask) -> Observation | NoSuchTask:
        if isinstance(part, Observation) and part.is_plain:
            return part
        failure = part.failure and self._cleaned_failure(part.failure)
        if isinstance(part, NoSuchTask):
            return evolve(part, failure=failure)
        media = tuple(
            evolve(each, failure=self._cleaned_failure(each.failure)) if each.failure else each for each in part.media
        )
        return evolve(part, failure=failure, media=media, word=self._clean(part.word))

    def _cleaned_failure(self, failure: Failure) -> Failure:
        return Failure(self._clean(failure.code), self._clean(failure.message))

    def _error_body(self, reply: Reply) -> ErrorBody:
        try:
            return structure(self.name, "the body", decode(self.name, reply.body), ErrorBody)
        except DecodeError:
            return ErrorBody()


def quoted(task_id: str) -> str:
    """`task_id` as one segment of a URL's path."""
    return task_id if _UNRESERVED.fullmatch(task_id) else quote(task_id, safe="")


def _checked_key(key: str) -> Secret:
    if (
        not isinstance(key, str)
        or not key.strip()
        or not key.isascii()
        or not key.strip().isprintable()
        or " " in key.strip()
    ):
        raise UsageError(
            "api_key: give the key's text; this one is empty, or has a line break or another odd character"
        )
    return Secret(key.strip())


def _checked_base(base: str) -> str:
    parts = _split(base)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"base_url={redact(str(base))!r}: give the whole prefix, as in https://host/api/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("base_url: give scheme, host and path only; no user, password, query or fragment")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname):
        raise UsageError(f"base_url=http://{parts.hostname}...: the key would travel in the clear; use https")
    return base.rstrip("/")


def _split(base: str) -> SplitResult | None:
    if not isinstance(base, str) or not _URL_TEXT.fullmatch(base):
        return None
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts
