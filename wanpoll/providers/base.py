"""What a provider is: data, and pure functions that say what to ask and what an answer means.

A provider has no I/O, no clock and no state. It makes a `Request`, and reads the `Reply`.
"""

import abc
import copy
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote

from attrs import evolve, frozen

from wanpoll._core.model import Failure, Media, Outcome, Status, Task
from wanpoll._core.readings import (
    Answer,
    CallReading,
    Missed,
    NotYet,
    Observation,
    Reading,
    Refused,
    Rejected,
    ScanReading,
)
from wanpoll._core.redact import redact
from wanpoll.exceptions import DecodeError, NotSupported, TransportError, UsageError
from wanpoll.providers.cleaning import MOST_WORD, cleaned, shortened
from wanpoll.providers.exchange import Explanation, Reply, Request
from wanpoll.providers.rules import NO_RULE, ErrorRule, MediaPath, Verdict, classify, read_media, values_at
from wanpoll.providers.settings import Settings
from wanpoll.providers.wire import LINK_LIFE, Lenient, decode, id_text, structure

_UNRESERVED = re.compile(r"[A-Za-z0-9._-]+")
_MOST_DETAIL = 300
_MOST_NOTE = 500
_STAYS_WRONG = frozenset(range(400, 500)) - {408, 425, 429}
_NOT_FOLLOWED = "not followed; check base_url"

P = TypeVar("P", bound="Provider")


@frozen
class ErrorBody:
    """The part of an error answer that most providers share."""

    code: Lenient[str] = None
    message: Lenient[str] = None


class Provider(Settings, abc.ABC):
    """One account at one provider.

    `api_key` and `base_url` (the whole prefix) are read from the environment variables `KEY_VARIABLE` and
    `BASE_URL_VARIABLE`, when a `Poller` is made, where they are not given. `name` tells accounts apart, `quota` is
    what the whole account may ask, `interval` the advised seconds between two polls of one task. Two names for one
    account would each use the whole quota: give each a part of it.
    Raises `UsageError` for values that make no sense.
    """

    ERRORS: ClassVar[tuple[ErrorRule, ...]]

    max_batch: ClassVar[int] = 1
    """How many ids one question of this provider may name at the most."""

    max_body: ClassVar[int] = 1 << 20
    """Bytes of an answer, at most; a larger one is a missed poll."""

    can_cancel: ClassVar[bool] = False
    """Whether a remote task can be canceled."""

    can_refresh: ClassVar[bool] = False
    """Whether a fresh link can be asked for when that of a result is dead."""

    NO_FRESH_LINKS: ClassVar[str] = "nothing tells that asking again gives others; download media before they expire"
    """Why there are no fresh links, where there are none, and what to do."""

    can_scan: bool = False
    """Whether `ask_scan` is asked for the list of the account's tasks, where that takes fewer requests."""

    ID_PATHS: ClassVar[tuple[str, ...]] = ()
    """Where an answer names its tasks, as in "items[].id": for `explain`, which is not told them."""

    _notes: list[str] | None = None
    _thorough = False

    def check_context(self, context: Mapping[str, Any]) -> None:
        """Raise `UsageError` for a task's context with which this provider cannot ask about it."""

    def check_batch(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """`tasks`, if one question may name so many. Raises `UsageError`."""
        if not 1 <= len(tasks) <= self.max_batch:
            raise UsageError(f"{self.name}: {len(tasks)} tasks in one question; give 1 to {self.max_batch}")
        return tasks

    def the_one(self, tasks: Sequence[Task]) -> Task:
        """The task in `tasks`, if one question asks about one. Raises `UsageError`."""
        if len(tasks) != 1:
            raise UsageError(f"{self.name}: {len(tasks)} tasks in one question; give exactly one")
        return tasks[0]

    # -- what a provider class says --------------------------------------------------------------------------------

    @abc.abstractmethod
    def ask(self, tasks: Sequence[Task]) -> Request:
        """The question about `tasks`: one, or up to `max_batch`."""

    @abc.abstractmethod
    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """What `reply` means for `tasks`. May raise `DecodeError`. For several, what cannot be read is left out."""

    def ask_rest(self, task: Task, seen: Observation) -> Request:
        """The second request, for what `seen.follow_up` names. Raises `NotSupported`."""
        raise NotSupported(f"{self.name} needs no second request")

    def decode_rest(self, task: Task, seen: Observation, reply: Reply) -> Reading:
        """What the answer to `ask_rest` means: an `Answer` with `seen`, completed. May raise `DecodeError`.

        `raw` keeps what the first answer said; what only this one says may be added: `{**seen.raw, "result": ...}`.
        """
        return self.read_error(reply)

    def ask_cancel(self, task: Task) -> Request:
        """The request that cancels the remote `task`. Raises `NotSupported`."""
        raise NotSupported(f"{self.name} cannot cancel tasks")

    def decode_cancel(self, task: Task, reply: Reply) -> CallReading:
        """What the answer to `ask_cancel` means: an empty `Answer` is success. May raise `DecodeError`."""
        return Answer() if reply.status < 300 else self.read_error(reply)

    def ask_refresh(self, outcome: Outcome) -> Request:
        """The request for fresh links to the media of `outcome`. Raises `NotSupported`."""
        raise NotSupported(f"{self.name} has no fresh links: {self.NO_FRESH_LINKS}")

    def decode_refresh(self, outcome: Outcome, reply: Reply) -> CallReading:
        """What the answer to `ask_refresh` means: an `Answer` with one `Observation`. May raise `DecodeError`."""
        return self.read_error(reply)

    def ask_scan(self, since: datetime, page: int) -> Request:
        """The request for the `page`-th page (from 1) of the tasks submitted `since` then. Raises `NotSupported`.

        Asked only where `can_scan` is True. `since` is in UTC and at most a day ago; rows may stand in any order, and
        those of other clients of the account, too. Have as many of them on a page as the provider gives. Each page is a
        request within the quota, and the next is asked for when this one was read.
        """
        raise NotSupported(f"{self.name} has no list of tasks")

    def decode_scan(self, reply: Reply) -> ScanReading | CallReading:
        """What the answer to `ask_scan` means: a `Listed`. Rows that cannot be read are left out. May raise
        `DecodeError`.

        A status has to be that of the task now, None where its word is not in your table. It ends nothing: who has
        ended by the list is asked about by `ask` at once, who goes on is not for a while, and who is not named is asked
        as ever. Without `page` and `pages` there is one page. A `Refused` or a `Rejected` ends the scans for good, and
        nothing else: the account is not refused for it. After a `Missed` the list is asked for again.
        """
        return self.read_error(reply)

    def sign(self, request: Request, now: float) -> Request:
        """`request` with what is made for each one, a short-lived token say. `now` is Unix seconds."""
        return request

    # -- what answers mean, whatever the class says ----------------------------------------------------------------

    def read(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """What the answer to `ask` means. Answers that cannot be read are missed polls."""
        if 300 <= reply.status < 400:
            return self._redirected(reply)
        try:
            reading = self.decode(tasks, reply)
        except DecodeError as error:
            return self._unreadable(error)
        if reply.poll_after is not None and isinstance(reading, NotYet | Answer):
            reading = evolve(reading, poll_after=reply.poll_after)
        return cleaned(reading, self._clean)

    def read_rest(self, task: Task, seen: Observation, reply: Reply) -> Reading:
        """What the answer to `ask_rest` means. One that cannot be read is asked again."""
        return self._read_call(lambda: self.decode_rest(task, seen, reply), reply)

    def read_refresh(self, outcome: Outcome, reply: Reply) -> Reading:
        """What the answer to `ask_refresh` means. One that cannot be read is asked again."""
        return self._read_call(lambda: self.decode_refresh(outcome, reply), reply)

    def read_cancel(self, task: Task, reply: Reply) -> Reading:
        """What the answer to `ask_cancel` means. One that cannot be read is asked again."""
        if 300 <= reply.status < 400:
            return Rejected(Failure(f"HTTP {reply.status}", f"a redirect, {_NOT_FOLLOWED}"))
        return self._read_call(lambda: self.decode_cancel(task, reply), reply)

    def read_scan(self, reply: Reply) -> ScanReading:
        """What the answer to `ask_scan` means. A list that is not given (4xx, a redirect) is not asked for again."""
        failure = Failure(f"HTTP {reply.status}", "the list of tasks is not given")
        if 300 <= reply.status < 400:
            return Rejected(failure)
        try:
            reading = self.decode_scan(reply)
        except DecodeError as error:
            return self._unreadable(error)
        if isinstance(reading, Missed) and not reading.throttled and reply.status in _STAYS_WRONG:
            return Rejected(failure)
        if isinstance(reading, Answer):
            return Missed(DecodeError(self.name, "the answer", "no page of the list"))
        return reading

    def _read_call(self, decode: Callable[[], Reading], reply: Reply) -> Reading:
        if 300 <= reply.status < 400:
            return self._redirected(reply)
        try:
            return cleaned(decode(), self._clean)
        except DecodeError as error:
            return self._unreadable(error)

    def _redirected(self, reply: Reply) -> Missed:
        self.note(f"a redirect is {_NOT_FOLLOWED}")
        return Missed(TransportError(self.name, "redirect", reply.status, _NOT_FOLLOWED))

    # -- saying why ------------------------------------------------------------------------------------------------

    def explain(self, reply: Reply, tasks: Sequence[Task] = ()) -> Explanation:
        """What `reply` means, and which rule decided it. Tasks that are not given are those that the answer names."""
        return self._explained(reply, lambda noting: noting.read(tasks or self._named(reply), reply))

    def explain_rest(self, task: Task, seen: Observation, reply: Reply) -> Explanation:
        """The same for the answer to a second request; `seen` is what the first answer said of `task`."""
        return self._explained(reply, lambda noting: noting.read_rest(task, seen, reply))

    def _explained(self, reply: Reply, read: Callable[[Self], Reading]) -> Explanation:
        noting = copy.copy(self)
        noting._notes = notes = [f"HTTP {reply.status}"]  # noqa: SLF001 - our own copy
        reading = read(noting)
        return Explanation(reading, tuple(shortened(self._clean(note), _MOST_NOTE) for note in notes))

    def thorough(self) -> Self:
        """A copy that reads every answer in full: times of tasks that have not ended, too."""
        other = copy.copy(self)
        other._thorough = True  # noqa: SLF001 - our own copy
        return other

    @property
    def takes_shortcuts(self) -> bool:
        """Whether a plain "not yet" may be read as one of `NOT_YET`, and no more."""
        return self._notes is None and not self._thorough

    @property
    def explaining(self) -> bool:
        """Whether somebody wants to know why: take no shortcuts then, and `note` each decision."""
        return self._notes is not None

    def note(self, text: str) -> None:
        """Tell `explain` of a decision."""
        if self._notes is not None:
            self._notes.append(text)

    def state(self, words: Mapping[str, Status], word: str, path: str) -> Status | None:
        """The status for the provider's `word`, None for one that is not in its table; noted with its `path`."""
        status = words.get(word)
        if self.explaining:
            means = status.value if status else "not in the table, so not an end"
            self.note(f"{path} is {shortened(self._clean(word), MOST_WORD)!r}: {means}")
        return status

    def media(
        self,
        paths: Sequence[MediaPath],
        document: Any,
        reply: Reply,
        *,
        link_life: float = LINK_LIFE.total_seconds(),
    ) -> tuple[Media, ...]:
        """The media in `document` at the listed `paths`, each noted.

        `link_life` is for how many seconds from now a link lives that does not tell itself; 24 h by most documents.
        """
        seen_at = reply.received_at + link_life - LINK_LIFE.total_seconds()  # seen earlier, it dies earlier
        found = read_media(paths, document, seen_at)
        if self.explaining:
            for path in paths:
                for each in filter(found.__contains__, path.read(document, seen_at)):
                    self.note(f"{path.path}: {each.kind} " + ("link" if each.url else f"failed, {each.failure}"))
            self.note(f"{len(found)} media at {len(paths)} listed paths")
        return found

    def _named(self, reply: Reply) -> tuple[Task, ...]:
        try:
            document = decode(self.name, reply.body)
        except DecodeError:
            document = None
        ids = filter(None, (id_text(each) for path in self.ID_PATHS for each in values_at(path, document)))
        return tuple(Task(each, self.name) for each in dict.fromkeys(ids)) or (Task("unknown", self.name),)

    def read_error(self, reply: Reply, code: str | None = None, message: str | None = None) -> CallReading:
        """What an error answer means, by the table `ERRORS`; code and message are read from the body if not given."""
        if code is None:
            said = self._error_body(reply)
            code, message = said.code or "", said.message or ""
        verdict = self._verdict(reply.status, code)
        shown, message = self._clean(code)[:_MOST_DETAIL], self._clean(message or "")[:_MOST_DETAIL]
        failure = Failure(shown or f"HTTP {reply.status}", message)
        if verdict is Verdict.REFUSED:
            return Refused(failure.code, failure.message)
        if verdict is Verdict.REJECTED:
            return Rejected(failure)
        return self._missed(verdict, reply, failure, str(failure) if shown else message)

    def _verdict(self, status: int, code: str) -> Verdict:
        rule = classify(self.ERRORS, status, code)
        if self.explaining:
            known = "is in no rule" if rule is NO_RULE else f"matches {rule}"
            shown = f"error {shortened(self._clean(code), MOST_WORD)!r}" if code else f"HTTP {status} without a code"
            self.note(f"{shown} {known}: {rule.verdict.value}")
        return rule.verdict

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
        self.note(f"{error.path} cannot be read: {error.excerpt}")
        # kept as a value: without its traceback, whose frames hold the body
        return Missed(DecodeError(error.provider, error.path, self._clean(error.excerpt)))

    def _clean(self, text: str) -> str:
        """`text` of the provider, fit for people: some echo the key."""
        return redact(text, self.api_key or "")

    def _error_body(self, reply: Reply) -> ErrorBody:
        try:
            return structure(self.name, "the body", decode(self.name, reply.body), ErrorBody)
        except DecodeError:
            return ErrorBody()


def quoted(task_id: str) -> str:
    """`task_id` as one segment of a URL's path."""
    return task_id if _UNRESERVED.fullmatch(task_id) else quote(task_id, safe="", errors="replace")
