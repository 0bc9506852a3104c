"""What a record of Ace Data Cloud means: its words, its links, and the table that decides.

A record has no state of its own: it stands in `response`, as a word in some services, as flags in others. Sources: the
Wan Tasks API document, and the owner's SDK and tools, whose readers are the only description of unfinished records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from wanpoll._core.model import Failure, Status
from wanpoll.providers.rules import MediaPath
from wanpoll.providers.wire import id_text, read_error_words

WORDS: Mapping[str, Status] = {
    "pending": Status.RUNNING,
    "queued": Status.RUNNING,
    "processing": Status.RUNNING,
    "running": Status.RUNNING,
    "completed": Status.SUCCEEDED,
    "complete": Status.SUCCEEDED,
    "succeeded": Status.SUCCEEDED,
    "succeed": Status.SUCCEEDED,
    "success": Status.SUCCEEDED,
    "finished": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "failure": Status.FAILED,
    "error": Status.FAILED,
    "rejected": Status.FAILED,
    "expired": Status.FAILED,
    "cancelled": Status.CANCELED,
    "canceled": Status.CANCELED,
}

MEDIA = (
    MediaPath("response.video_url", "video"),
    MediaPath("response.data[].video_url", "video"),
    MediaPath("response.audio_url", "audio"),
    MediaPath("response.data[].audio_url", "audio"),
    MediaPath("response.image_url", "image"),
    MediaPath("response.image_urls[]", "image"),
    MediaPath("response.data[].image_url", "image"),
)
"""Inputs are echoed under `request`, which is never read."""

_TELLING = ("state", "status", "error", "data", "finished_at")

_NO_TEXT = "(no text)"
"""What a list or an object in the place of a word counts as: a word that is not in the table."""

_WHOLE = (Status.RUNNING, Status.FAILED, Status.CANCELED, Status.SUCCEEDED, None)
"""Of two words about one thing, the one that promises less counts, and one of the table more than another."""

_PARTS = (Status.RUNNING, None, Status.SUCCEEDED, Status.FAILED, Status.CANCELED)
"""Of the words of several results: all must have ended, and one good one is enough."""


@frozen
class Facts:
    """What the rules look at in one record: its own word, and the word of its parts where it has none of its own."""

    record: Mapping[str, Any]
    response: Mapping[str, Any] | None
    own: str
    part: str

    @property
    def word(self) -> str:
        """The word that tells of the task; empty where none does."""
        return self.own or self.part

    @property
    def said(self) -> Status | None:
        """What the word means; None without a word, and for one that is not in the table."""
        return WORDS.get(self.word.lower())

    @property
    def said_itself(self) -> Status | None:
        """What the record's own word means, likewise."""
        return WORDS.get(self.own.lower())

    @property
    def success(self) -> bool | None:
        """The flag `success`, None where it is no flag."""
        flag = self.response and self.response.get("success")
        return flag if isinstance(flag, bool) else None

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The error that is an object and says something."""
        error = self.response and self.response.get("error")
        return error if isinstance(error, dict) and any(error.values()) else None

    @property
    def silent(self) -> bool:
        """Whether the error is an object that says nothing: empty, or of nulls."""
        return self.error is None and isinstance((self.response or {}).get("error"), dict)

    @property
    def code(self) -> str:
        """The code of the error; empty where there is none, or none that can be read."""
        return id_text((self.error or {}).get("code")) or ""

    @property
    def finished(self) -> bool:
        """Whether `finished_at` is set, at the record or in its `response`."""
        return _is_stamped(self.record, self.response or {})

    @property
    def http(self) -> int | None:
        """The HTTP status of a stored upstream error: a number under `status`, a `message`, and nothing else."""
        status, message = (self.response or {}).get("status"), (self.response or {}).get("message")
        other = any((self.response or {}).get(name) is not None for name in ("success", "error", "state"))
        is_error = type(status) is int and status >= 400 and isinstance(message, str) and not other
        return status if is_error else None

    @property
    def has_link(self) -> bool:
        """Whether a link stands at one of the listed paths."""
        return any(media.url for path in MEDIA for media in path.read(self.record, 0.0))


@frozen
class Rule:
    """One row of the table: in words, as a test, and the status that it gives (None: no end, and no state)."""

    says: str
    holds: Callable[[Facts], bool]
    status: Status | None


RULES = (
    Rule("no object under response", lambda f: f.response is None, Status.PENDING),
    Rule("its own word is one for not done", lambda f: f.said_itself is Status.RUNNING, Status.RUNNING),
    Rule("its own word is one for failure", lambda f: f.said_itself is Status.FAILED, Status.FAILED),
    Rule("its own word is one for canceled", lambda f: f.said_itself is Status.CANCELED, Status.CANCELED),
    Rule(
        "success is false and the error is an object with a code",
        lambda f: f.success is False and f.code not in ("", "0"),
        Status.FAILED,
    ),
    Rule(
        "success is true and the error is an object with a text or a number",
        lambda f: f.success is True and any(map(id_text, (f.error or {}).values())),
        Status.FAILED,
    ),
    Rule(
        "finished, and success is false or the error is an object",
        lambda f: f.finished and (f.success is False or f.error is not None),
        Status.FAILED,
    ),
    Rule("the word of its parts is one for not done", lambda f: f.said is Status.RUNNING, Status.RUNNING),
    Rule("the word of its parts is one for failure", lambda f: f.said is Status.FAILED, Status.FAILED),
    Rule("the word of its parts is one for canceled", lambda f: f.said is Status.CANCELED, Status.CANCELED),
    Rule(
        "success is true and the error is an object that cannot be read",
        lambda f: f.success is True and f.error is not None,
        Status.RUNNING,
    ),
    Rule("a stored upstream error: status from 400 on, and a message", lambda f: f.http is not None, Status.FAILED),
    Rule("success is false, not finished and no error code: a hiccup", lambda f: f.success is False, Status.RUNNING),
    Rule("a word that is not in the table", lambda f: bool(f.word) and f.said is None, None),
    Rule("a word for success, and a link", lambda f: f.said is Status.SUCCEEDED and f.has_link, Status.SUCCEEDED),
    Rule("a word for success, but no link yet", lambda f: f.said is Status.SUCCEEDED, Status.RUNNING),
    Rule(
        "no word, finished, success is true, and a link",
        lambda f: f.finished and f.success is True and f.has_link,
        Status.SUCCEEDED,
    ),
    Rule(
        "no word, finished, success is true, no link, and an error that is an object",
        lambda f: f.finished and f.success is True and f.silent,
        Status.FAILED,
    ),
    Rule("nothing that says it has ended", lambda f: True, Status.RUNNING),
)
"""The first rule that holds decides.

A record's own word for not done outranks every flag, as in the owner's own reader: workers stamp `finished_at` early
and report hiccups on the way. Then whatever tells of a failure outranks what tells of success, so that no result is
called good against the provider's word. An object under `error` that is empty or of nulls tells of none: beside it a
success with its link is one, as in the rows for those, and without anything else a finished record has failed. The
words of several results (`data[].state`) stand in for a word that the record has not; they outrank neither its own
word nor its failure. Success needs a link as well: links come late in some services, and early in others.
"""


def read_facts(record: Mapping[str, Any]) -> Facts:
    """The facts of `record`."""
    response = record.get("response")
    if not isinstance(response, dict):
        return Facts(record, None, "", "")
    own = _pick((response.get("state"), response.get("status")), _WHOLE)
    part = "" if own else _word_of_parts(response.get("data"), _is_stamped(record, response))
    return Facts(record, response, own, part)


def _is_stamped(*places: Mapping[str, Any]) -> bool:
    stamps = [place.get("finished_at") for place in places]
    return any(isinstance(stamp, int | float | str) and bool(stamp) for stamp in stamps)


def decide(facts: Facts) -> Rule:
    """The first rule that holds; the last one always does."""
    return next(rule for rule in RULES if rule.holds(facts))


def not_done(record: Mapping[str, Any]) -> Status | None:
    """The status of a record that plainly has not ended, as the rules would give it: most are of that kind."""
    response = record.get("response")
    if type(response) is not dict:
        return Status.PENDING
    for name in ("state", "status"):
        word = response.get(name)
        if type(word) is str and WORDS.get(word) is Status.RUNNING:
            return Status.RUNNING
    trouble = response.get("success") is False or isinstance(response.get("error"), dict)
    bare = response.get("state") is None and response.get("status") is None and not trouble
    if bare and _has_a_running_part(response.get("data")):
        return Status.RUNNING
    flagged = any(map(response.get, _TELLING)) or record.get("finished_at")
    return None if flagged or response.get("success") is not True else Status.RUNNING


def _has_a_running_part(data: Any) -> bool:
    for part in data if type(data) is list else ():
        word = part.get("state") if type(part) is dict else None
        if type(word) is str and WORDS.get(word) is Status.RUNNING:
            return True
    return False


def read_failure(facts: Facts, status: Status) -> Failure | None:
    """Why the task of `facts` ended as `status`; None for a canceled one without a reason."""
    response = facts.response or {}
    code, message = read_error_words(response.get("error"))
    said = response.get("message")
    message = message or (said if isinstance(said, str) else "")
    if status is Status.CANCELED and not code and not message:
        return None
    code = code or (str(facts.http) if facts.http else facts.word)
    return Failure(code or status.value, message or "the provider gave no reason")


def place_of(facts: Facts) -> str:
    """Where the word of `facts` stands: for `explain`."""
    response = facts.response or {}
    own = [name for name in ("state", "status") if facts.own and _said(response.get(name)) == facts.own]
    return f"response.{own[0]}" if own else "response.data[].state"


def place_of_reason(facts: Facts) -> str:
    """Where `read_failure` finds the reason: for `explain`."""
    response = facts.response or {}
    if any(read_error_words(response.get("error"))):
        return "response.error gives the reason"
    return "response.message gives the reason" if isinstance(response.get("message"), str) else "there is no reason"


def _word_of_parts(data: Any, finished: bool) -> str:
    """The word of several results. One that has none may still go on: before the record is finished, no end counts."""
    parts = [part.get("state") for part in data if isinstance(part, dict)] if isinstance(data, list) else []
    word = _pick(parts, _PARTS)
    all_said = all(map(_said, parts))
    is_end = WORDS.get(word.lower(), Status.RUNNING).is_final
    return "" if is_end and not finished and not all_said else word


def _pick(words: Iterable[Any], order: Sequence[Status | None]) -> str:
    said = filter(None, map(_said, words))
    return min(said, key=lambda word: order.index(WORDS.get(word.lower())), default="")


def _said(word: Any) -> str:
    """A word as text; empty where there is none, as with a number: some write an HTTP status there."""
    if isinstance(word, list | dict):
        return _NO_TEXT if word else ""
    return word.strip() if isinstance(word, str) else ""
