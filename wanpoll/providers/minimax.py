"""MiniMax: `GET {base}/query/video_generation?task_id=...`, then `GET {base}/files/retrieve?file_id=...`.

Sources: "Query Video Generation Task" and "Retrieve File" of MiniMax's platform (words, `base_resp`, the two requests)
and V-API's "Query: Task Results", which hands the same body through. Errors come as HTTP 200 with a code in
`base_resp`. A success names a file and no link: the task has not ended before the second request gave one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attrs import evolve

from wanpoll._core.model import Failure, Media, Outcome, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, CallReading, Missed, NotYet, Observation, Reading, Rejected
from wanpoll.exceptions import DecodeError, NotSupported, TransportError
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict
from wanpoll.providers.wire import check_echo, id_text, read_object, read_problem

WORDS: Mapping[str, Status] = {
    "Preparing": Status.PENDING,
    "Queueing": Status.PENDING,
    "Processing": Status.RUNNING,
    "Success": Status.SUCCEEDED,
    "Fail": Status.FAILED,
    "Failed": Status.FAILED,
}

_NOT_YET = {word: NOT_YET[status] for word, status in WORDS.items() if not status.is_final}

TASK_CODES = ("1026", "1027", "2013")
"""Codes that belong to the task where its word is that of an end: its content, or what it was asked to do."""

CODES = (
    ErrorRule(Verdict.REFUSED, codes=("1004", "1008", "2049")),
    ErrorRule(Verdict.SLOW_DOWN, codes=("1002",)),
    ErrorRule(Verdict.RETRY, codes=("1000", "1001", "1024", "1033")),
    ErrorRule(Verdict.REJECTED, codes=("2013",), http=(200, 400)),
)
"""What the codes of `base_resp` say about a question."""

ERRORS = (
    *CODES,
    ErrorRule(Verdict.SLOW_DOWN, http=(429,)),
    ErrorRule(Verdict.REFUSED, http=(401, 402, 403)),
)

MEDIA = (MediaPath("file.download_url", "video", backup="backup_download_url"),)
_BACKUP = (MediaPath("file.backup_download_url", "video"),)

LINK_LIFE = 3600.0
"""Seconds that a file's link is taken to live where it does not tell. No document says; 1 h and 9 h are reported, and
who downloads or refreshes by the shorter one loses nothing."""

_MOST_FILE_ID = 256


# -- the task ----------------------------------------------------------------------------------------------------------


def read_task(provider: Provider, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
    """What a document of MiniMax's means for `task`, whoever (`provider`) handed it over. Raises `DecodeError`."""
    if reply.status != 200:
        return provider.read_error(reply, *_problem(document))
    plain = None if provider.explaining else _not_yet(task, document)
    return plain or _state(provider, task, document, reply)


def _not_yet(task: Task, document: Mapping[str, Any]) -> NotYet | None:
    word, said = document.get("status"), document.get("base_resp")
    if type(word) is not str or type(said) is not dict or document.get("task_id") != task.id:
        return None
    code = said.get("status_code")
    return _NOT_YET.get(word) if type(code) is int and code == 0 else None


def _state(provider: Provider, task: Task, document: Mapping[str, Any], reply: Reply) -> Reading:
    code, word = _code(provider, document), document.get("status")
    status = WORDS.get(word) if type(word) is str else None
    failed = status is Status.FAILED or (status is Status.SUCCEEDED and code in TASK_CODES)
    if type(word) is not str or (code and not failed):
        code, message = _problem(document)
        if code or message:
            return provider.read_error(reply, code, message)
        raise DecodeError(provider.name, "status", "neither a state nor an error")
    check_echo(provider.name, "task_id", document.get("task_id"), task.id)
    provider.state(WORDS, word, "status")
    if failed:
        return Answer((_failed(provider, task, word, document),))
    if status is Status.SUCCEEDED:
        file_id = _file_id(provider, document)
        provider.note(f"file_id is {file_id!r}: not an end before a second request gives the file's link")
        return Answer((Observation(task.id, status, word, follow_up=file_id, raw=document),))
    return Answer((Observation(task.id, status, word),))


def _failed(provider: Provider, task: Task, word: str, document: Mapping[str, Any]) -> Observation:
    code, message = _problem(document)
    belongs = f"base_resp.status_code is {code}: the task failed with it"
    provider.note(belongs if code else "base_resp has no code of an error: the word is the reason")
    failure = Failure(code or word, message or "the provider gave no reason")
    return Observation(task.id, Status.FAILED, word, failure=failure, raw=document)


def _code(provider: Provider, document: Mapping[str, Any]) -> str:
    """The code of an error in `base_resp`, empty where there is no error."""
    said = document.get("base_resp")
    code = id_text(said.get("status_code")) if isinstance(said, dict) else None
    if said is not None and code is None:
        raise DecodeError(provider.name, "base_resp.status_code", "not a code")
    return "" if code is None or code == "0" else code


def _problem(document: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message in `base_resp`, else those of the envelope that relays put around their own errors."""
    said = document.get("base_resp")
    code = id_text(said.get("status_code")) if isinstance(said, dict) else None
    if code is None or code == "0":
        return read_problem(document)
    message = said.get("status_msg") if isinstance(said, dict) else None
    return code, message if type(message) is str else ""


def _file_id(provider: Provider, document: Mapping[str, Any]) -> str:
    """The file's id as text. Raises `DecodeError` where there is none: then this is no success yet."""
    file_id = id_text(document.get("file_id"))
    if file_id is None or file_id in ("", "0") or len(file_id) > _MOST_FILE_ID:
        raise DecodeError(provider.name, "file_id", "a success without the id of its file")
    return file_id


# -- the file ----------------------------------------------------------------------------------------------------------


def read_file(provider: Provider, file_id: str, reply: Reply) -> tuple[Media, ...] | CallReading:
    """The media of the file `file_id`, never none; else what the error means. Raises `DecodeError`."""
    document = read_object(provider.name, reply.body, reply.status)
    if reply.status == 200 and not _code(provider, document):
        file = document.get("file")
        check_echo(provider.name, "file.file_id", file.get("file_id") if isinstance(file, dict) else None, file_id)
        for paths in (MEDIA, _BACKUP):  # a second link alone is a link, too
            if media := provider.media(paths, document, reply, link_life=LINK_LIFE):
                return tuple(evolve(each, file_id=file_id) for each in media)
    code, message = _problem(document)
    if reply.status != 200 or code or message:
        return provider.read_error(reply, code, message)
    raise DecodeError(provider.name, "file.download_url", "no link")


class MiniMaxFiles(Provider):
    """What MiniMax and those who relay it share: the second request, for the link of a file.

    The links are short-lived (1 and 9 hours are reported, no document says), so a `Media` keeps its `file_id`.
    """

    FILES: ClassVar[str]
    """The path below the base URL that a file is asked for at."""

    can_refresh: ClassVar[bool] = True

    def ask_rest(self, task: Task, seen: Observation) -> Request:
        """The request for the file that a success named."""
        return self._ask_file(seen.follow_up or "")

    def decode_rest(self, task: Task, seen: Observation, reply: Reply) -> Reading:
        """The success with its media. Whatever is wrong with the file, the task has not failed: asked again."""
        found = read_file(self, seen.follow_up or "", reply)
        if isinstance(found, tuple):
            return Answer((evolve(seen, media=found, follow_up=None),))
        if isinstance(found, Rejected):
            return Missed(TransportError(self.name, "error answer", reply.status, str(found.failure)))
        return found

    def ask_refresh(self, outcome: Outcome) -> Request:
        """The request for a fresh link to the file of `outcome`. Raises `NotSupported` where it has none."""
        return self._ask_file(self._kept(outcome))

    def decode_refresh(self, outcome: Outcome, reply: Reply) -> CallReading:
        """The media of `outcome` with fresh links."""
        found = read_file(self, self._kept(outcome), reply)
        if isinstance(found, tuple):
            return Answer((Observation(outcome.task.id, outcome.status, media=found),))
        return found

    def _ask_file(self, file_id: str) -> Request:
        return Request("GET", f"{self.base_url}/{self.FILES}?file_id={quoted(file_id)}")

    def _kept(self, outcome: Outcome) -> str:
        for media in outcome.media:
            if media.file_id:
                return str(media.file_id)  # one that was stored may have become a number
        raise NotSupported(
            f"{self.name}: task {outcome.task.id} has no file to ask for again (only MiniMax's results are files); "
            "download its media while their links live"
        )


class MiniMax(MiniMaxFiles):
    """One MiniMax account. The key comes from `api_key` or MINIMAX_API_KEY.

    No document names a quota for queries: 5 a second is a modest guess.
    """

    NAME: ClassVar[str] = "minimax"
    BASE_URL: ClassVar[str] = "https://api.minimax.io/v1"
    KEY_VARIABLE: ClassVar[str] = "MINIMAX_API_KEY"
    QUOTA: ClassVar[Rate] = Rate(5, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("task_id",)
    FILES: ClassVar[str] = "files/retrieve"

    def ask(self, tasks: Sequence[Task]) -> Request:
        """`GET {base}/query/video_generation?task_id=...`."""
        return Request("GET", f"{self.base_url}/query/video_generation?task_id={quoted(self.the_one(tasks).id)}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The state stands at top level, the code of an error in `base_resp`."""
        return read_task(self, tasks[0], read_object(self.name, reply.body, reply.status), reply)
