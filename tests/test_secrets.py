"""Two canaries, a key and a signature, meet a server that echoes them everywhere. Nothing that people read shows them.

`Outcome.media[n].url` and `Outcome.raw` rightly hold the links: that is what they are for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.faultproxy import Asked, Line, RawServer, http
from wanpoll import Outcome, Poller, Rate, Status, WanpollError
from wanpoll.observers.prometheus import Metrics

SIGNATURE = "CANARYSIGNATURE"
LINK = f"https://result.example/1d/a.mp4?Expires=1751000000&OSSAccessKeyId=k&Signature={SIGNATURE}"
KEYS = {"dashscope-like": "sk-CANARYKEY0123456789", "without a shape": "CANARYKEY0123456789abcdef"}
CANARIES = ("CANARYKEY", SIGNATURE)

Answer = Callable[[Asked, str], bytes]


def echo(asked: Asked) -> str:
    """What a careless server says of a request: its headers, and the links that it signs."""
    bare = asked.headers["authorization"].removeprefix("Bearer ")
    escaped = LINK.replace("/", "\\/")
    return (
        f"Authorization: {asked.headers['authorization']}; key {bare}; see {LINK} or {escaped}, "
        f"{LINK.removeprefix('https://result.example')} for {asked.target}"
    )


def task_document(asked: Asked, word: str, top: dict[str, Any] | None = None, **output: Any) -> bytes:
    return json.dumps({"output": {"task_id": asked.task_id, "task_status": word, **output}, **(top or {})}).encode()


def error(status: int, code: str = "{echo}") -> Answer:
    """An error document whose message, and where not given its code, is the echo."""
    return lambda asked, said: http(
        json.dumps({"code": code.format(echo=said), "message": said, "request_id": said}).encode(), status
    )


def page(status: int) -> Answer:
    """A gateway's page that quotes the request."""
    return lambda asked, said: http(f"<html><pre>{said}</pre></html>".encode(), status, {"Content-Type": "text/html"})


def headers(status: int, *names: str) -> Answer:
    """The echo stands in headers."""
    return lambda asked, said: http(b"{}", status, dict.fromkeys(names, said))


def task(word: str, **output: str) -> Answer:
    """A document about the task, in which {echo} is replaced."""
    return lambda asked, said: http(
        task_document(asked, word.format(echo=said), **{name: text.format(echo=said) for name, text in output.items()})
    )


ANSWERS: dict[str, Answer] = {
    "success": lambda asked, said: http(
        task_document(asked, "SUCCEEDED", video_url=LINK, orig_prompt=said, submit_time=said)
    ),
    "success in part": lambda asked, said: http(
        task_document(asked, "SUCCEEDED", results=[{"url": LINK}, {"code": said, "message": said}])
    ),
    "failed": task("FAILED", code="{echo}", message="{echo}"),
    "failed, told beside": lambda asked, said: http(
        task_document(asked, "FAILED", {"code": said, "message": said}, video_url=LINK)
    ),
    "canceled": task("CANCELED", code="Canceled", message="{echo}"),
    "unknown word": task("{echo}"),
    "another task": lambda asked, said: http(
        json.dumps({"output": {"task_id": said, "task_status": "FAILED"}}).encode()
    ),
    "no status": lambda asked, said: http(json.dumps({"output": {"task_id": "a", "prompt": said}}).encode()),
    "status of another type": lambda asked, said: http(json.dumps({"output": {"task_status": [said]}}).encode()),
    "no output": lambda asked, said: http(json.dumps({"data": said}).encode()),
    "text": lambda asked, said: http(said.encode()),
    "cut JSON": lambda asked, said: http(task_document(asked, "FAILED", message=said)[:-3]),
    "late in the body": lambda asked, said: http(b"word " * 20 + said.encode()),
    "at the cut": lambda asked, said: http(b"x " * 80 + said.removeprefix("Authorization: ").encode()),
    "page 200": page(200),
    "page 401": page(401),
    "page 403": page(403),
    "page 429": page(429),
    "page 502": page(502),
    "error with 200": error(200),
    "error 400": error(400),
    "rejected": error(400, "InvalidParameter"),
    "refused": error(401, "InvalidApiKey"),
    "refused in other words": error(403),
    "throttled": error(429),
    "maybe spent": error(429, "Throttling.AllocationQuota.{echo}"),
    "error 500": error(500),
    "redirect": headers(302, "Location"),
    "headers": headers(503, "Retry-After", "X-Request", "Set-Cookie", "Content-Type"),
    "encoding": headers(200, "Content-Encoding"),
    "length": lambda asked, said: f"HTTP/1.1 200 OK\r\nContent-Length: {said}\r\n\r\n".encode(),
    "status line": lambda asked, said: f"HTTP/1.1 999999 {said}\r\n\r\n".encode(),
    "reason": lambda asked, said: f"HTTP/1.1 500 {said}\r\nContent-Length: 0\r\n\r\n".encode(),
    "no HTTP": lambda asked, said: f"{said}\r\n\r\n".encode(),
    "half an answer": lambda asked, said: f"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{said}".encode(),
}


def nasty(answer: Answer) -> Callable[[Asked, Line], Awaitable[None]]:
    """Answers polls and cancellations with `answer`, and ends the connection after it."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(answer(asked, echo(asked)))
        line.close()

    return play


class Journal(logging.Handler):
    """Keeps everything that people could read."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))
        self.texts.append(f"{record.args!r}")

    def keep(self, *values: Any) -> None:
        for value in values:
            self.texts += [repr(value), str(value)]
            if isinstance(value, BaseException):
                self.keep_error(value)

    def keep_error(self, error: BaseException) -> None:
        """The whole traceback, and whatever is chained although it is not shown."""
        self.texts += traceback.format_exception(error)
        for chained in (error.__cause__, error.__context__):
            if chained is not None:
                self.keep(chained)

    def keep_outcome(self, outcome: Outcome) -> None:
        self.keep(outcome, *outcome.media, outcome.failure)
        with suppress(WanpollError):
            outcome.raise_for_status()
        try:
            outcome.raise_for_status()
        except WanpollError as error:
            self.keep(error, error.args)


@pytest.fixture
def journal():
    """Everything is logged, asyncio's and aiohttp's own words too."""
    journal, root = Journal(), logging.getLogger()
    level = root.level
    root.addHandler(journal)
    root.setLevel(logging.DEBUG)
    yield journal
    root.removeHandler(journal)
    root.setLevel(level)


def _raises(event: Any) -> None:
    raise RuntimeError("an observer's own trouble")


async def _lived(journal: Journal, provider: Any, registry: CollectorRegistry) -> Outcome | None:
    """A whole life of a poller; its outcome, if there was one."""
    outcome = None

    def collect(event: Any) -> None:
        journal.keep(event, *(getattr(event, name) for name in ("problem", "error", "update") if hasattr(event, name)))

    async def watch() -> None:
        async for update in poller.watch("a"):
            journal.keep(update, update.problem)

    async with Poller(provider, observer=[collect, _raises, Metrics(registry)], poll_timeout=1.0) as poller:
        watching = asyncio.create_task(watch())
        try:
            outcome = await poller.wait_for("a", context={"note": LINK}, timeout=0.1)
        except WanpollError as error:
            journal.keep(error, error.args)
        try:
            async with asyncio.timeout(0.1):
                await poller.cancel("a")
        except (WanpollError, TimeoutError) as error:
            journal.keep(error)
        journal.keep(poller, poller.statistics())
        watching.cancel()
        with suppress(asyncio.CancelledError, WanpollError):
            await watching
    if outcome is not None:
        journal.keep_outcome(outcome)
    journal.keep(provider, vars(provider), poller, *poller._providers.values())
    return outcome


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_canaries(name, key, journal, capfd):
    """However the server answers, neither key nor signature stands in a log, repr, error, traceback, label or
    terminal."""
    registry = CollectorRegistry()
    async with RawServer(nasty(ANSWERS[name])) as server:
        provider = server.provider(KEYS[key], interval=0.02, quota=Rate(100, per=0.02))
        await _lived(journal, provider, registry)
    journal.keep(generate_latest(registry).decode(), *capfd.readouterr())

    assert server.asked[0].headers["authorization"] == f"Bearer {KEYS[key]}"
    assert len(journal.texts) > 20
    for canary in CANARIES:
        assert [text for text in journal.texts if canary in text] == []


async def test_outcomes_keep_their_links(journal):
    """What is redacted for people is whole for programs."""
    async with RawServer(nasty(ANSWERS["success"])) as server:
        outcome = await _lived(journal, server.provider(KEYS["dashscope-like"]), CollectorRegistry())

    assert outcome is not None
    assert outcome.status is Status.SUCCEEDED
    assert [media.url for media in outcome.media] == [LINK]
    assert outcome.raw["output"]["video_url"] == LINK


@pytest.mark.parametrize("end", [Line.close, Line.reset])
async def test_canaries_without_an_answer(end, journal, capfd):
    """A connection that breaks shows nothing either: aiohttp's own errors would."""

    async def play(asked: Asked, line: Line) -> None:
        end(line)

    async with RawServer(play) as server:
        provider = server.provider(KEYS["dashscope-like"], interval=0.02)
        await _lived(journal, provider, CollectorRegistry())
    await _lived(journal, provider, CollectorRegistry())  # nobody listens any more
    journal.keep(*capfd.readouterr())

    assert [text for text in journal.texts if "disconnected" in text]
    assert [text for text in journal.texts if "no connection" in text]
    for canary in CANARIES:
        assert [text for text in journal.texts if canary in text] == []


def test_the_journal_would_notice(journal):
    """The test's own eyes are open: a canary in a log record, a repr, an argument or a hidden chain is seen."""
    logging.getLogger("wanpoll").debug("%s", LINK)
    try:
        try:
            raise KeyError(LINK)
        except KeyError:
            raise WanpollError("harmless") from None
    except WanpollError as error:
        journal.keep(error)
    journal.keep([KEYS["dashscope-like"]])

    assert [len([text for text in journal.texts if canary in text]) > 0 for canary in CANARIES] == [True, True]
    assert len([text for text in journal.texts if SIGNATURE in text and "KeyError" in text]) > 0
