"""A provider from data alone: where in its JSON answers things stand, and what its words mean.

It suits whoever is asked about one task by a GET (or a POST without a body) and answers with one JSON object. For
the rest (several ids in one question, a second request, tokens made per request) subclass `Provider`.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import unquote

from attrs import evolve, field, frozen

from wanpoll._core.model import NOTHING, Failure, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, NoSuchTask, NotYet, Observation, Reading
from wanpoll.exceptions import DecodeError, NotSupported, UsageError
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import Check, ErrorRule, MediaPath, Verdict, may_tell_of_task, must
from wanpoll.providers.wire import LINK_LIFE, check_echo, id_text, read_moment, read_object, text_or_none

_SPOT = re.compile(r"[^\s.\[\]]+(\.[^\s.\[\]]+)*")
_ID_ONCE = re.compile(r"[!-z|~]*\{id\}[!-z|~]*")  # printable ASCII without braces around it
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_HEADER_TEXT = re.compile(r"[!-~]([ -~]*[!-~])?")
_NOT_FIXED = ("authorization", "host", "content-length", "transfer-encoding", "connection", "cookie")
_SCHEME = re.compile(r"[A-Za-z0-9-]*")

ERRORS = (
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 402, 403)),
)
"""What errors mean where the rules that are given say nothing; all others are asked again."""


# -- checks ------------------------------------------------------------------------------------------------------------


def _is_spot(value: Any) -> bool:
    return isinstance(value, str) and _SPOT.fullmatch(value) is not None


def _fits(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_address(value: Any) -> bool:
    """Whether `value` stays below the base URL, and is sent: a fragment is not."""
    if not _fits(_ID_ONCE)(value) or "#" in value or "\\" in value:
        return False
    return not {".", ".."} & set(unquote(value.partition("?")[0]).split("/"))


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


def _are_words(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and all(type(word) is str and isinstance(status, Status) for word, status in value.items())
        and Status.SUCCEEDED in value.values()
    )


def _several(kinds: tuple[type, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple | list) and all(type(each) in kinds for each in value)


def _mean_no_task(value: Any) -> bool:
    return _several((str, int))(value) and all(may_tell_of_task(each) for each in value if type(each) is int)


def _spots(count: int) -> Check:
    def test(value: Any) -> bool:
        return isinstance(value, tuple | list) and len(value) == count and all(x is None or _is_spot(x) for x in value)

    return must(test, f"give {count} paths such as 'error.code', None for what is not there")


_spot = must(_is_spot, "give a path to one value, such as 'data.status'")
_spot_or_none = must(lambda value: value is None or _is_spot(value), "give a path to one value, or None")
_address = must(_is_address, "give what follows base_url, with one {id}, as in 'tasks/{id}'")
_address_or_none = must(lambda value: value is None or _is_address(value), "give 'tasks/{id}/cancel', say, or None")


def _check_headers(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator. Errors show names only: a value may be a secret."""
    if not isinstance(value, Mapping):
        raise UsageError("headers: give a mapping of names to texts, as in {'X-Version': '2024-11-06'}")
    for name, text in value.items():
        if not _fits(_HEADER)(name):
            raise UsageError("headers: a name is none; give letters, digits and - only")
        if name.lower() in _NOT_FIXED:
            raise UsageError(f"headers: {name} cannot be fixed here; the key comes by api_key, the rest is HTTP's own")
        if not _fits(_HEADER_TEXT)(text):
            raise UsageError(f"headers: {name} needs a text of printable ASCII without line breaks")


_positive = must(_is_positive, "give a number above zero")


# -- the data ----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class JsonRules:
    """What a `JsonProvider` is told of its answers. Raises `UsageError`, which names the argument.

    Asking: `path` follows the base URL ("tasks/{id}"), `method` is "GET" or "POST", `cancel` the path of the POST that
    cancels a task. The key is sent in `header` behind `scheme` ("" for the key alone), beside the fixed `headers` that
    each question needs (a version, say); these are in no repr.

    The state: a word at `status`, whose meaning is in `words` (whole numbers are words, too; one that is not listed
    is no end). `id` is where the answer repeats the id, which is checked then. `no_such_task` lists words and codes
    (text) and HTTP statuses (numbers) that mean that there is no such task; those that tell of the account or the
    server (401, 402, 403, 408, 425, 429 and from 500 on) never do.

    The rest: `media`; `failure`, the paths of code and message in a task that failed, and `error`, those in the error
    of a question; `progress`, a number or a text such as "45%", of which `scale` is all (100, say); `times`, the paths
    of the submission, the start and the end (ISO text, Unix seconds or milliseconds); `usage`, that of a mapping;
    `kind`, that of the name of alike tasks, a model say. `link_life` is for how many seconds a link lives that does
    not tell itself.
    """

    path: str = field(validator=_address)
    words: Mapping[str, Status] = field(
        validator=must(_are_words, "give a mapping of texts to Status, one of them to Status.SUCCEEDED")
    )
    status: str = field(default="status", validator=_spot)
    id: str | None = field(default=None, validator=_spot_or_none)
    no_such_task: Sequence[str | int] = field(
        default=(), validator=must(_mean_no_task, "give a tuple of words, codes and HTTP statuses such as 404")
    )
    media: Sequence[MediaPath] = field(
        default=(), validator=must(_several((MediaPath,)), "give a tuple, as in (MediaPath('result.url', 'video'),)")
    )
    failure: Sequence[str | None] = field(default=("code", "message"), validator=_spots(2))
    error: Sequence[str | None] = field(default=("code", "message"), validator=_spots(2))
    progress: str | None = field(default=None, validator=_spot_or_none)
    scale: float = field(default=1.0, validator=_positive)
    times: Sequence[str | None] = field(default=(None, None, None), validator=_spots(3))
    usage: str | None = field(default=None, validator=_spot_or_none)
    kind: str | None = field(default=None, validator=_spot_or_none)
    link_life: float = field(default=LINK_LIFE.total_seconds(), validator=_positive)
    method: str = field(default="GET", validator=must(lambda value: value in ("GET", "POST"), "give 'GET' or 'POST'"))
    cancel: str | None = field(default=None, validator=_address_or_none)
    header: str = field(default="Authorization", validator=must(_fits(_HEADER), "give the name of a header"))
    scheme: str = field(default="Bearer", validator=must(_fits(_SCHEME), "give a word, or '' for the key alone"))
    headers: Mapping[str, str] = field(default=NOTHING, repr=False, validator=_check_headers)
    _plain: Mapping[str, NotYet] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:  # not a default, which would be made before the checks
        if self.header.lower() in map(str.lower, self.headers):
            raise UsageError(f"headers: {self.header} is where the key is sent; give the key as api_key, not here")
        ends = {word for word, status in self.words.items() if status.is_final}
        if both := sorted(ends & {each for each in self.no_such_task if isinstance(each, str)}):
            raise UsageError(f"no_such_task={both[0]!r:.80}: that is an end in words; give it in one of them")
        going_on = {word: status for word, status in self.words.items() if not status.is_final}
        plain = {word: NOT_YET[status] for word, status in going_on.items() if word not in self.no_such_task}
        object.__setattr__(self, "_plain", plain)

    def not_yet(self, task: Task, document: Mapping[str, Any]) -> NotYet | None:
        """The short way for most answers by far: a plain "not yet" about `task`."""
        word = value_at(self.status, document)
        if type(word) is not str or (self.id is not None and value_at(self.id, document) != task.id):
            return None
        if self.progress is not None and value_at(self.progress, document) is not None:
            return None
        return self._plain.get(word)


class JsonProvider(Provider):
    """One account at a provider that is described by data: `name`, `base_url`, `key_variable` and `JsonRules`.

        JsonProvider(
            name="acme",
            base_url="https://api.acme.example/v1",
            key_variable="ACME_API_KEY",
            path="jobs/{id}",
            words={"queued": Status.PENDING, "done": Status.SUCCEEDED, "failed": Status.FAILED},
            media=(MediaPath("result.url", "video"),),
        )

    `errors` are rules for errors of a question. Where none of them holds, 429 slows the account down, 401, 402 and 403
    refuse it, and all others are asked again.
    The quota is 5 a second where none is given. A subclass keeps the same as class attributes, with `RULES`, and
    what is given to it replaces those. Raises `UsageError`, which names the argument.
    """

    QUOTA: ClassVar[Rate] = Rate(5, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    RULES: ClassVar[JsonRules]

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
        key_variable: str | None = None,
        errors: Sequence[ErrorRule] | None = None,
        **rules: Any,
    ) -> None:
        if key_variable is not None and not _fits(_VARIABLE)(key_variable):
            raise UsageError(f"key_variable={key_variable!r:.80}: give the name of an environment variable")
        if errors is not None and not _several((ErrorRule,))(errors):
            raise UsageError(f"errors={errors!r:.80}: give a tuple of ErrorRule")
        self._become("NAME", name)
        self._become("BASE_URL", base_url)
        self._become("KEY_VARIABLE", key_variable)
        self._become("ERRORS", None if errors is None else (*errors, *ERRORS))
        self._become("RULES", self._ruled(rules))
        self._become("ID_PATHS", (self.RULES.id,) if self.RULES.id else ())
        self._become("can_cancel", self.RULES.cancel is not None)
        super().__init__(api_key, base_url=base_url, name=name, quota=quota, interval=interval)

    def _become(self, attribute: str, value: Any) -> None:
        if value is not None:
            setattr(self, attribute, value)
        elif not hasattr(self, attribute):
            raise UsageError(f"{attribute.lower()}: missing; a provider from data needs it")

    def _ruled(self, rules: Mapping[str, Any]) -> JsonRules:
        try:
            return evolve(self.RULES, **rules) if hasattr(self, "RULES") else JsonRules(**rules)
        except TypeError as error:  # an argument that is missing or that nobody knows
            raise UsageError(str(error).replace("JsonRules.__init__()", type(self).__name__)) from None

    def headers(self) -> Mapping[str, str]:
        """The key in the header that the rules name, and what is fixed."""
        key = f"{self.RULES.scheme} {self.api_key}".lstrip()
        return {"Accept": "application/json", **self.RULES.headers, self.RULES.header: key}

    def ask(self, tasks: Sequence[Task]) -> Request:
        """The question for one task."""
        return Request(self.RULES.method, self._address(self.RULES.path, self.the_one(tasks)))

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The state of the task, by the rules."""
        task, document = tasks[0], read_object(self.name, reply.body, reply.status)
        if reply.status >= 300:
            return self._error(task, document, reply)
        plain = self.RULES.not_yet(task, document) if self.takes_shortcuts else None
        return plain or self._state(task, document, reply)

    def ask_cancel(self, task: Task) -> Request:
        """The POST that cancels the remote `task`. Raises `NotSupported` where the rules name none."""
        if self.RULES.cancel is None:
            raise NotSupported(f"{self.name}: no way to cancel tasks is known; give cancel='tasks/{{id}}/cancel', say")
        return Request("POST", self._address(self.RULES.cancel, task))

    def _address(self, path: str, task: Task) -> str:
        return f"{self.base_url}/{path.lstrip('/').replace('{id}', quoted(task.id))}"

    def _state(self, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
        rules = self.RULES
        word = id_text(value_at(rules.status, document))
        if word is None:
            return self._error(task, document, reply)
        if rules.id is not None:
            check_echo(self.name, rules.id, value_at(rules.id, document), task.id)
        if word in rules.no_such_task:
            self.note(f"{rules.status} is {word!r}: no such task")
            return Answer((NoSuchTask(task.id),))
        status = self.state(rules.words, word, rules.status)
        if status is None or not status.is_final:
            progress = _fraction(value_at(rules.progress, document), rules.scale)
            if progress is not None:
                self.note(f"{rules.progress}: {progress:.0%} done")
            submitted, started, _ = self._times(document)
            kind = text_or_none(value_at(rules.kind, document))
            seen = Observation(task.id, status, word, progress, submitted_at=submitted, started_at=started, kind=kind)
            return Answer((seen,))
        return Answer((self._end(task, status, document, reply),))

    def _error(self, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
        code, message = _reason(self.RULES.error, document)
        known = {reply.status, code} & set(self.RULES.no_such_task) - {""}
        if document and known and may_tell_of_task(reply.status):
            self.note(f"HTTP {reply.status}, code {code!r}: no such task")
            return Answer((NoSuchTask(task.id, Failure(code or f"HTTP {reply.status}", message)),))
        if reply.status < 300 and not (code or message):
            raise DecodeError(self.name, self.RULES.status, "neither a word nor an error")
        return self.read_error(reply, code, message)

    def _end(self, task: Task, status: Status, document: Mapping[str, Any], reply: Reply) -> Observation:
        rules = self.RULES
        usage = value_at(rules.usage, document)
        submitted, started, finished = self._times(document)
        return Observation(
            task.id,
            status,
            media=self.media(rules.media, document, reply, link_life=rules.link_life)
            if status is Status.SUCCEEDED
            else (),
            failure=None if status is Status.SUCCEEDED else self._failure(status, document),
            usage=usage if isinstance(usage, dict) else NOTHING,
            submitted_at=submitted,
            started_at=started,
            finished_at=finished,
            kind=text_or_none(value_at(rules.kind, document)),
            raw=document,
        )

    def _times(self, document: Mapping[str, Any]) -> list[datetime | None]:
        return [read_moment(value_at(path, document)) for path in self.RULES.times]

    def _failure(self, status: Status, document: Mapping[str, Any]) -> Failure | None:
        code, message = _reason(self.RULES.failure, document)
        places = " and ".join(filter(None, self.RULES.failure)) or "no path"
        self.note(f"the reason is read at {places}" if code or message else f"there is no reason at {places}")
        if code or message:
            return Failure(code or status.value, message)
        return Failure(status.value, "the provider gave no reason") if status is Status.FAILED else None


def value_at(path: str | None, document: Any) -> Any:
    """What stands at `path` ("data.status"), None where nothing does."""
    if path is None:
        return None
    for name in path.split("."):
        if type(document) is not dict:
            return None
        document = document.get(name)
    return document


def _reason(paths: Sequence[str | None], document: Mapping[str, Any]) -> tuple[str, str]:
    code, message = (value_at(path, document) for path in paths)
    return id_text(code) or "", message if type(message) is str else ""


def _fraction(value: Any, scale: float) -> float | None:
    """How much of `scale` a number, or a text such as "45%", is; between 0 and 1."""
    if type(value) not in (int, float, str):
        return None
    try:
        share = float(value.removesuffix("%") if isinstance(value, str) else value) / scale
    except ValueError:
        return None
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else None
