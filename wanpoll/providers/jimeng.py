"""Jimeng's answers, as V-API hands them through: the envelope `code, data, message, request_id, status, time_elapsed`.

Sources: V-API's "Query: Task Results", and Jimeng's documentation of "get result" (words, codes; the top-level `status`
is a copy of `code`, and the HTTP status of a content risk is 400). Pure functions and tables: Jimeng itself asks by
signed POST and is no provider here.

`resp_data`, JSON inside a text, is not read: no document says what the links in it are, and it may be malformed.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from wanpoll._core.model import NOTHING, Failure, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, NoSuchTask, NotYet, Observation, Reading
from wanpoll.exceptions import DecodeError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict
from wanpoll.providers.wire import check_echo, id_text, read_problem

WORDS: Mapping[str, Status] = {
    "": Status.PENDING,
    "in_queue": Status.PENDING,
    "generating": Status.RUNNING,
    "processing": Status.RUNNING,
    "done": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "expired": Status.EXPIRED,
    "Processing": Status.RUNNING,
    "Success": Status.SUCCEEDED,
    "Failed": Status.FAILED,
}
"""Jimeng's own words, then those that V-API's document gives for this envelope. `data`, and every field of it, may be
null or empty: without a word the task has not ended."""

_NOT_YET = {word: NOT_YET[status] for word, status in WORDS.items() if not status.is_final}

RELAYED_SUCCESS = "Success"
"""V-API's word for a success, which its document has for results that are links or, for some, files without one: a
success only with what came of it."""

NO_SUCH_TASK = "not_found"
"""No such task, or one that is older than half a day."""

SUCCESS = ("10000", "0")
"""Codes of an answer that is no error: 10000 in practice, 0 in V-API's documentation."""

RISKS = ("5041?", "5051?", "5052?")
"""Codes of content risk: they belong to the task, which has failed with them. (50429 and 50430 are limits, 50500 and
50501 errors of the server.)"""

CODES = (
    ErrorRule(Verdict.SLOW_DOWN, codes=("50429", "50430")),
    ErrorRule(Verdict.RETRY, codes=("50500", "50501")),
)
"""What the codes say about a question: rate and concurrency, then the server's own errors."""

MEDIA = (MediaPath("data.video_url", "video"), MediaPath("data.image_urls[]", "image"))


def read_task(provider: Provider, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
    """What a document of Jimeng's means for `task`, whoever (`provider`) handed it over. Raises `DecodeError`."""
    inner = document.get("data")
    data: Mapping[str, Any] = inner if isinstance(inner, dict) else NOTHING
    told = document.get("code")
    code = id_text(document.get("status") if told is None else told) or ""
    if code in SUCCESS and reply.status == 200:
        plain = None if provider.explaining else _not_yet(data, document)
        return plain or _state(provider, task, data, document, reply)
    return _error(provider, task, code, data, document, reply)


def _not_yet(data: Mapping[str, Any], document: Mapping[str, Any]) -> NotYet | None:
    word = data.get("status")
    if type(word) is not str or "task_id" in data or "task_id" in document:
        return None
    return _NOT_YET.get(word)


def _state(
    provider: Provider, task: Task, data: Mapping[str, Any], document: Mapping[str, Any], reply: Reply
) -> Reading:
    word = _word(provider, data, document)
    for place, echoed in (("data.task_id", data.get("task_id")), ("task_id", document.get("task_id"))):
        check_echo(provider.name, place, echoed, task.id)
    if word == NO_SUCH_TASK:
        provider.note(f"data.status is {word!r}: no such task")
        return Answer((NoSuchTask(task.id),))
    status = provider.state(WORDS, word, "data.status")
    if status is None or not status.is_final:
        return Answer((Observation(task.id, status, word),))
    media = provider.media(MEDIA, document, reply) if status is Status.SUCCEEDED else ()
    if word == RELAYED_SUCCESS and not media and not data.get("binary_data_base64"):
        raise DecodeError(provider.name, "data.video_url", f"{word!r} without a link")
    failure = Failure(word, "the provider gave no reason") if status is Status.FAILED else None
    if failure:
        provider.note(f"code is {SUCCESS[0]} or {SUCCESS[1]}: there is no reason")
    return Answer((Observation(task.id, status, word, media=media, failure=failure, raw=document),))


def _word(provider: Provider, data: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The word, empty where there is none. Raises `DecodeError` for what is no word."""
    if not isinstance(document.get("data"), dict | None):
        raise DecodeError(provider.name, "data", "not an object")
    word = data.get("status")
    if word is None:
        provider.note("data.status is absent: no end")
        return ""
    if type(word) is not str:
        raise DecodeError(provider.name, "data.status", "not a word")
    return word


def _error(
    provider: Provider, task: Task, code: str, data: Mapping[str, Any], document: Mapping[str, Any], reply: Reply
) -> Reading:
    said, message = read_problem(document)
    if _belongs_to_task(code, data.get("status"), reply.status):
        kind = "content risk" if _is_risk(code) else f"no success, beside data.status {data.get('status')!r}"
        provider.note(f"code is {code!r}, {kind}: the task failed with it")
        return Answer((Observation(task.id, Status.FAILED, failure=Failure(code, message), raw=document),))
    if reply.status == 200 and not (code or said or message):
        raise DecodeError(provider.name, "code", "neither a code nor an error")
    return provider.read_error(reply, "" if code in SUCCESS else code or said, message)


def _is_risk(code: str) -> bool:
    return any(fnmatchcase(code, risk) for risk in RISKS)


def _belongs_to_task(code: str, word: Any, http: int) -> bool:
    if _is_risk(code):
        return http in (200, 400)
    limits = CODES[0].matches(http, code)  # a limit is never the task's
    ended = type(word) is str and WORDS.get(word) in (Status.SUCCEEDED, Status.FAILED)
    return bool(code) and http == 200 and not limits and ended
