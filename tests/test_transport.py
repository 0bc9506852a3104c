"""The wire, over real sockets: what providers, gateways and networks do to a question."""

from __future__ import annotations

import asyncio
import functools
import gzip
import inspect
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.faultproxy import FAULTS, GATEWAY_PAGE, Asked, FaultProxy, Line, RawServer, http, says
from wanpoll import InvalidTaskId, Poller, Rate, Status, TransportError, UsageError, WaitTimeout
from wanpoll._core.readings import Missed
from wanpoll.observers import PollMissed
from wanpoll.providers import DashScope, Reply, Request
from wanpoll.transport import KEEP_ALIVE, HttpTransport, _retry_after

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MEDIA = "https://media.example/a.mp4?Signature=a%2Fb"


def on_both_loops(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test on asyncio's own event loop and on uvloop."""

    @functools.wraps(test)
    def run(loop: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(asyncio.wait_for(test(**arguments), 20))

    own = inspect.signature(test)
    loop = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), loop])
    return pytest.mark.parametrize("loop", LOOPS)(run)


def state(task_id: str, word: str, **output: Any) -> bytes:
    document = {"request_id": "r", "output": {"task_id": task_id, "task_status": word, **output}}
    return json.dumps(document).encode()


def tells(word: str, **headers: str) -> Callable[[Asked, Line], Awaitable[None]]:
    """Answers about the task that was asked for."""

    async def play(asked: Asked, line: Line) -> None:
        fields = {"video_url": MEDIA} if word == "SUCCEEDED" else {}
        await line.write(http(state(asked.task_id, word, **fields), headers=headers))

    return play


DONE = tells("SUCCEEDED")
RUNNING = tells("RUNNING")


async def send(server: RawServer, path: str = "/tasks/a", **options: Any) -> Reply | Missed:
    """What the transport makes of one question."""
    provider = server.provider(**options).bind({})
    transport = HttpTransport()
    try:
        return await transport.send(provider, Request("GET", f"{provider.base_url}{path}"))
    finally:
        await transport.aclose()


async def answer_to(*answers: Any, **options: Any) -> Reply | Missed:
    """What the transport makes of these answers' first."""
    async with RawServer(says(*answers)) as server:
        return await send(server, **options)


def kind_of(reading: Reply | Missed) -> str:
    """The kind of a missed question, which tells nothing but what it is meant to tell."""
    assert isinstance(reading, Missed)
    problem = reading.problem
    assert isinstance(problem, TransportError)
    assert (problem.__cause__, problem.__context__, problem.__traceback__) == (None, None, None)
    for secret in ("sk-test-key", "Bearer", "/api/v1", "aiohttp"):
        assert secret not in f"{problem} {problem!r}"
    return problem.kind


class Watch:
    """An observer that keeps the misses."""

    def __init__(self) -> None:
        self.misses: list[Any] = []

    def __call__(self, event: Any) -> None:
        if isinstance(event, PollMissed):
            self.misses.append(event.problem)

    def kinds(self) -> list[str]:
        return [getattr(problem, "kind", "unreadable") for problem in self.misses]


async def waited(server: RawServer, task: str = "a", *, poll_timeout: float = 5.0, **options: Any) -> tuple[Any, Watch]:
    """Wait for one task; its outcome and the misses on the way."""
    watch = Watch()
    async with Poller(server.provider(**options), observer=watch, poll_timeout=poll_timeout) as poller:
        outcome = await poller.wait_for(task, timeout=10)
        assert poller.statistics().requests >= len(server.asked)  # more, where one was given up on its way
    return outcome, watch


# -- connections -------------------------------------------------------------------------------------------------------


@on_both_loops
async def test_connections_are_reused():
    """Polls of one account go over one connection."""
    async with RawServer(says(RUNNING, RUNNING, RUNNING, DONE)) as server:
        outcome, _ = await waited(server)

    assert (outcome.status, len(server.asked), server.connections) == (Status.SUCCEEDED, 4, 1)


async def test_connections_are_kept_longer_than_the_advised_interval():
    """Idle connections are kept for 75 s: with aiohttp's own 15 s every poll would reconnect."""
    async with RawServer(DONE) as server:
        transport = HttpTransport()
        provider = server.provider().bind({})
        await transport.send(provider, Request("GET", f"{provider.base_url}/tasks/a"))

        assert KEEP_ALIVE == 75.0
        assert transport._connector is not None
        assert transport._connector._keepalive_timeout == KEEP_ALIVE
        assert transport._connector.limit == 0
        await transport.aclose()


async def _close(asked: Asked, line: Line) -> None:
    line.close()


async def _reset(asked: Asked, line: Line) -> None:
    line.reset()


def _closes_idle(end: Callable[[Asked, Line], Awaitable[None]]) -> Callable[[Asked, Line], Awaitable[None]]:
    """Answers the first request of each connection; ends the connection at the second."""
    used: set[int] = set()

    async def play(asked: Asked, line: Line) -> None:
        await (end if asked.connection in used else DONE)(asked, line)
        used.add(asked.connection)

    return play


@on_both_loops
@pytest.mark.parametrize("end", [_close, _reset])
async def test_stale_connection(end):
    """A question on a connection that had died is asked again at once, by the core and not behind its back:
    the server sees one request for each that was counted."""
    watch = Watch()
    async with (
        RawServer(_closes_idle(end)) as server,
        Poller(server.provider(interval=30.0), observer=watch) as poller,
    ):
        await poller.wait_for("a", timeout=5)
        outcome = await poller.wait_for("b", timeout=5)
        statistics = poller.statistics()

    assert [asked.task_id for asked in server.asked] == ["a", "b", "b"]
    assert (outcome.status, outcome.polls, statistics.requests) == (Status.SUCCEEDED, 1, 3)
    assert watch.kinds() == []
    assert statistics.problems == {}


async def test_connection_that_was_closed_while_idle():
    """A connection that the server closed in between costs no missed poll."""
    closed = asyncio.Event()

    async def play(asked: Asked, line: Line) -> None:
        await DONE(asked, line)
        if asked.task_id == "a":
            line.close()
            closed.set()

    watch = Watch()
    async with RawServer(play) as server, Poller(server.provider(), observer=watch) as poller:
        await poller.wait_for("a", timeout=5)
        await closed.wait()
        await asyncio.sleep(0.02)
        await poller.wait_for("b", timeout=5)

    assert (watch.kinds(), len(server.asked), server.connections) == ([], 2, 2)


@on_both_loops
@pytest.mark.parametrize("end", [_close, _reset])
async def test_a_server_that_always_drops(end):
    """A connection that was made for the question and is dropped is a miss like any other."""
    async with RawServer(end) as server, Poller(server.provider(interval=30.0)) as poller:
        await poller.track("a")
        while poller.statistics().problems.get("disconnected", 0) < 1:
            await asyncio.sleep(0.005)
        with pytest.raises(WaitTimeout) as caught:
            await poller.wait_for("a", timeout=0.05)
        statistics = poller.statistics()

    assert (len(server.asked), server.connections, statistics.requests) == (1, 1, 1)
    assert statistics.problems == {"disconnected": 1}
    assert caught.value.update is not None
    assert caught.value.update.problem.kind == "disconnected"


async def test_cancel_is_never_repeated_behind_our_back():
    """A POST is sent once for each attempt, like a GET."""
    async with RawServer(_close) as server:
        provider = server.provider().bind({})
        transport = HttpTransport()
        reading = await transport.send(provider, Request("POST", f"{provider.base_url}/tasks/a/cancel"))
        await transport.aclose()

    assert (kind_of(reading), [asked.method for asked in server.asked]) == ("disconnected", ["POST"])
    assert isinstance(reading, Missed)
    assert not reading.at_once


@on_both_loops
async def test_a_question_that_was_given_up_leaves_no_answer_behind():
    """An answer that came too late is not read as the answer to the next question."""

    async def late(asked: Asked, line: Line) -> None:
        await asyncio.sleep(0.05)
        await line.write(http(state("a", "FAILED")))

    async with RawServer(says(late, RUNNING, RUNNING, DONE)) as server:
        outcome, watch = await waited(server, poll_timeout=0.03)

    assert (outcome.status, set(watch.kinds())) == (Status.SUCCEEDED, {"timeout"})


async def test_closing_ends_connections():
    """A closed transport leaves no connection open, and closing it twice is harmless."""
    gone = asyncio.Event()

    async def play(asked: Asked, line: Line) -> None:
        await DONE(asked, line)
        await line.gone()
        gone.set()

    async with RawServer(play) as server:
        provider = server.provider().bind({})
        transport = HttpTransport()
        await transport.send(provider, Request("GET", f"{provider.base_url}/tasks/a"))
        await transport.aclose()
        await transport.aclose()

        await asyncio.wait_for(gone.wait(), 5)


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_headers():
    """A question carries the key and asks for plain JSON; nothing else is told, and no cookies are kept."""
    answer = http(b"{}", headers={"Set-Cookie": "session=canary; Path=/"})
    async with RawServer(says(answer)) as server:
        # by name: aiohttp's own jar keeps no cookies of numeric hosts
        provider = server.provider(base_url=f"http://localhost:{server.port}/api/v1").bind({})
        transport = HttpTransport()
        for _ in range(2):
            await transport.send(provider, Request("GET", f"{provider.base_url}/x", {"X-Extra": "1"}))
        await transport.aclose()
    first, second = (asked.headers for asked in server.asked)

    assert {"host", "authorization", "accept", "accept-encoding", "user-agent", "x-extra"} == set(first)
    assert (
        first["authorization"],
        first["accept"],
        first["accept-encoding"],
        first["x-extra"],
    ) == ("Bearer sk-test-key", "application/json", "identity", "1")
    assert first == second


async def test_requests_with_a_body():
    """A body is sent as it is."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(http(asked.headers["content-length"].encode()))

    async with RawServer(play) as server:
        provider = server.provider().bind({})
        transport = HttpTransport()
        request = Request("POST", f"{provider.base_url}/batch", {"Content-Type": "application/json"}, b'{"ids":[]}')
        reply = await transport.send(provider, request)
        await transport.aclose()

    assert isinstance(reply, Reply)
    assert (server.asked[0].method, reply.body) == ("POST", b"10")


@pytest.mark.parametrize(
    "path", ["/a%2Fb", "/a?Signature=a%2Bb%2Fc%3D&x=%7e", "/a?x=1+2&y=%20&z=é".replace("é", "%C3%A9"), "/a%3Ab", "/a:b"]
)
async def test_urls_are_sent_as_they_are(path):
    """Nothing re-encodes a URL: a signed query would die of it."""
    async with RawServer(says(http(b"{}"))) as server:
        await send(server, path)

    assert [f"/api/v1{path}"] == [asked.target for asked in server.asked]


@pytest.mark.parametrize("task_id", ["../../admin", "..", ".", "a/b", "a%2Fb", "a?b", "a b", "a\r\nX: y", ""])
async def test_ids_that_would_leave_their_place(task_id):
    """An id that could change the path is refused before anything is asked."""
    async with RawServer(DONE) as server, Poller(server.provider()) as poller:
        with pytest.raises(InvalidTaskId):
            await poller.wait_for(task_id)

    assert server.asked == []


async def test_ids_with_a_colon():
    """A colon in an id is quoted, and the answer is understood."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(http(state("a:b", "SUCCEEDED")))

    async with RawServer(play) as server:
        outcome, watch = await waited(server, "a:b")

    assert (
        [asked.target for asked in server.asked],
        outcome.status,
        watch.kinds(),
    ) == (["/api/v1/tasks/a%3Ab"], Status.SUCCEEDED, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v1/tasks/a",
        "{origin}/api/v2/tasks/a",
        "{origin}/api/v1evil/tasks/a",
        "{origin}/api/v1",
        "{origin}.evil.example/api/v1/tasks/a",
        "{origin}@evil.example/api/v1/tasks/a",
        "/api/v1/tasks/a",
        "",
    ],
)
async def test_requests_that_would_leave_the_base_url(url):
    """A provider class that goes astray cannot carry the key to another place."""
    async with RawServer(DONE) as server:
        provider = server.provider().bind({})
        transport = HttpTransport()
        with pytest.raises(UsageError, match="key stays home"):
            await transport.send(provider, Request("GET", url.format(origin=server.url)))
        await transport.aclose()

    assert server.asked == []


def test_plain_http_off_loopback():
    """A key never travels in the clear: http is for loopback."""
    with pytest.raises(UsageError, match="in the clear"):
        Poller(DashScope("sk-test-key", base_url="http://192.0.2.1/api/v1"))


async def test_accounts_keep_their_keys_apart():
    """Accounts, also those of the same name in pollers that share a transport, each use their own key."""
    async with RawServer(says(http(b"{}"))) as server:
        transport = HttpTransport()
        providers = [server.provider(f"sk-{n}", name=name).bind({}) for n, name in enumerate(["a", "a", "b"])]
        for provider in providers * 2:
            await transport.send(provider, Request("GET", f"{provider.base_url}/x"))
        await transport.aclose()

    assert [f"Bearer sk-{n}" for n in (0, 1, 2)] * 2 == [asked.headers["authorization"] for asked in server.asked]


async def test_proxies_of_the_environment_are_not_read(monkeypatch):
    """Proxy variables change nothing; a proxy is given by argument."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert isinstance(await answer_to(http(b"{}")), Reply)


async def test_proxy_by_argument():
    """With `proxy`, questions go to the proxy, with the whole URL."""
    async with RawServer(says(http(b"{}"))) as server:
        provider = DashScope("sk-test-key", base_url="http://127.0.0.1:9/api/v1").bind({})
        transport = HttpTransport(proxy=server.url)
        reply = await transport.send(provider, Request("GET", f"{provider.base_url}/tasks/a"))
        await transport.aclose()

    assert isinstance(reply, Reply)
    assert [asked.target for asked in server.asked] == ["http://127.0.0.1:9/api/v1/tasks/a"]


# -- bodies ------------------------------------------------------------------------------------------------------------

MOST = DashScope.max_body


async def test_reply():
    """An answer comes as status, bytes and the time of its coming."""
    before = time.time()
    reply = await answer_to(http(b'{"a": 1}', 404))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.retry_after) == (404, b'{"a": 1}', None)
    assert before <= reply.received_at <= time.time()


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-16", "image/png", "", "nonsense"])
async def test_content_types_lie(kind):
    """The content type decides nothing."""
    reply = await answer_to(http(b'{"a": 1}', headers={"Content-Type": kind}))

    assert isinstance(reply, Reply)
    assert reply.body == b'{"a": 1}'


async def test_empty_body():
    """An empty body is an answer; that it says nothing is for the provider to see."""
    for answer in (http(b""), http(b"", headers={"Content-Encoding": "gzip"})):
        reply = await answer_to(answer)

        assert isinstance(reply, Reply)
        assert reply.body == b""


@on_both_loops
async def test_body_sizes():
    """An answer may have exactly as many bytes as the provider allows, packed or not."""
    body = b"x" * MOST
    packed = {"Content-Encoding": "gzip"}
    kinds = [
        await answer_to(http(body)),
        await answer_to(http(gzip.compress(body), headers=packed)),
        await answer_to(http(body + b"x")),
        await answer_to(http(gzip.compress(body + b"x"), headers=packed)),
    ]

    assert [len(reply.body) for reply in kinds if isinstance(reply, Reply)] == [MOST, MOST]
    assert [kind_of(reply) for reply in kinds[2:]] == ["too large", "too large"]


async def test_gzip_bomb():
    """64 KiB that hold 64 MiB are refused without unpacking them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(64)), packer.flush()])
    assert len(bomb) < MOST
    answer = http(bomb, headers={"Content-Encoding": "gzip"})

    tracemalloc.start()
    reading = await answer_to(answer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kind_of(reading) == "too large"
    assert peak < 16 << 20


@on_both_loops
async def test_endless_body():
    """A body without end is read up to the limit, and the connection is given up."""
    gone = asyncio.Event()

    async def endless(asked: Asked, line: Line) -> None:
        await line.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await line.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        finally:
            gone.set()

    async with RawServer(endless) as server:
        reading = await send(server)
        await asyncio.wait_for(gone.wait(), 5)

    assert kind_of(reading) == "too large"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
        ("", bytes),
    ],
)
async def test_packed_answers(encoding, pack):
    """Gateways that pack without being asked are understood."""
    reply = await answer_to(http(pack(b'{"a": 1}'), headers={"Content-Encoding": encoding}))

    assert isinstance(reply, Reply)
    assert reply.body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("zstd", b"x"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("gzip", b'{"a": 1}'),
        ("deflate", b'{"a": 1}'),
        ("gzip", gzip.compress(b'{"a": 1}')[:-9]),
        ("gzip", gzip.compress(b'{"a": 1}')[:12]),
        ("gzip", gzip.compress(b'{"a": 1}')[:-8] + b"\0\0\0\0\1\0\0\0"),
    ],
    ids=["brotli", "zstd", "twice", "not gzip", "not deflate", "no trailer", "cut", "checksum"],
)
async def test_badly_packed_answers(encoding, body):
    """Compression that is unknown, broken, cut off or of the wrong checksum is a missed poll."""
    assert kind_of(await answer_to(http(body, headers={"Content-Encoding": encoding}))) == "encoding"


async def test_content_length_too_long():
    """A body that ends before its length is no answer."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(http(b'{"a": 1}', headers={"Content-Length": "100"}))
        line.close()

    assert kind_of(await answer_to(play)) == "disconnected"


@on_both_loops
async def test_content_length_too_short():
    """What comes after a body's length is not taken for the next answer."""
    lie = http(b"{}" + http(state("b", "FAILED")), headers={"Content-Length": "2"})
    async with RawServer(says(lie, DONE)) as server, Poller(server.provider()) as poller:
        outcomes = await poller.wait_all(["a", "b"], timeout=5)

    assert [outcome.status for outcome in outcomes] == [Status.SUCCEEDED, Status.SUCCEEDED]


@on_both_loops
async def test_slow_drip():
    """A body that comes byte by byte is ended by the poll's time, not by the pause between two bytes."""

    async def drip(asked: Asked, line: Line) -> None:
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while True:
            await line.write(b" ")
            await asyncio.sleep(0.01)

    async with RawServer(says(drip, DONE)) as server:
        outcome, watch = await waited(server, poll_timeout=0.1)

    assert (outcome.status, set(watch.kinds())) == (Status.SUCCEEDED, {"timeout"})


@on_both_loops
async def test_black_hole():
    """A server that never answers costs one missed poll, and its connection."""

    async def hole(asked: Asked, line: Line) -> None:
        await line.gone()
        line.close()

    async with RawServer(says(hole, DONE)) as server:
        outcome, watch = await waited(server, poll_timeout=0.05)

    assert (outcome.status, set(watch.kinds())) == (Status.SUCCEEDED, {"timeout"})
    assert server.connections >= 2


# -- answers that are none ---------------------------------------------------------------------------------------------


def _raw(data: bytes) -> Callable[[Asked, Line], Awaitable[None]]:
    """Sends `data` and ends the connection."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(data)
        line.close()

    return play


@on_both_loops
@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (_close, "disconnected"),
        (_reset, "disconnected"),
        (_raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "disconnected"),
        (_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), "disconnected"),
        (_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"), "protocol"),
        (_raw(b"SSH-2.0-OpenSSH_9.6 Bearer sk-test-key\r\n\r\n"), "protocol"),
        (_raw(b"HTTP/1.1 abc Bearer sk-test-key\r\n\r\n"), "protocol"),
        (_raw(b"HTTP/1.1 200 OK\r\nX: " + b"sk-test-key" * 10_000 + b"\r\n\r\n"), "protocol"),
        (_raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), "protocol"),
        (_raw(b"HTTP/1.1 200 OK\r\nContent-Length: sk-test-key\r\n\r\n"), "protocol"),
        (_raw(b"\0" * 100), "protocol"),
    ],
    ids=[
        "close",
        "reset",
        "half a head",
        "half a chunk",
        "bad chunk",
        "ssh",
        "bad status",
        "huge header",
        "negative length",
        "odd length",
        "zeros",
    ],
)
async def test_no_answer(play, kind):
    """What is no HTTP answer is a missed poll, and the error shows nothing of aiohttp's, which would hold the key."""
    assert kind == kind_of(await answer_to(play))


async def test_no_connection():
    """A closed port is a missed poll, which is not asked again at once."""
    async with RawServer(DONE) as server:
        provider = server.provider()
    transport = HttpTransport()
    bound = provider.bind({})
    reading = await transport.send(bound, Request("GET", f"{bound.base_url}/tasks/a"))
    await transport.aclose()

    assert kind_of(reading) == "connect"
    assert isinstance(reading, Missed)
    assert not reading.at_once


async def test_no_tls():
    """https to a server without TLS is a missed poll of its own kind."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = DashScope("sk-test-key", base_url=f"https://127.0.0.1:{port}/api/v1").bind({})
        transport = HttpTransport()
        reading = await transport.send(provider, Request("GET", f"{provider.base_url}/tasks/a"))
        await transport.aclose()

    assert kind_of(reading) == "tls"


@on_both_loops
async def test_gateway_page():
    """A gateway's 502 in HTML is a missed poll, seen in the task's updates, and gone with the next answer."""
    page = http(GATEWAY_PAGE, 502, {"Content-Type": "text/html"})
    problems = []
    async with RawServer(says(page, RUNNING, DONE)) as server, Poller(server.provider()) as poller:
        async for update in poller.watch("a"):
            problems.append(update.problem and (update.problem.kind, update.problem.status))

    assert problems == [None, ("server error", 502), None, None]
    assert [asked.task_id for asked in server.asked] == ["a"] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects(status):
    """A redirect is not followed: the key goes nowhere else."""
    async with RawServer(DONE) as target:
        redirect = http(b"", status, {"Location": f"{target.url}/api/v1/tasks/a?Signature=canary"})
        async with RawServer(says(redirect, DONE)) as server:
            outcome, watch = await waited(server)

    assert (target.asked, len(server.asked), watch.kinds()) == ([], 2, ["redirect"])
    assert Status.SUCCEEDED is outcome.status
    assert "canary" not in str(watch.misses)


async def test_echo_of_another_task():
    """The answer about another task, however final, is a missed poll of this one."""
    async with RawServer(says(http(state("another", "FAILED")), DONE)) as server:
        outcome, watch = await waited(server)

    assert (outcome.status, watch.kinds()) == (Status.SUCCEEDED, ["unreadable"])


async def test_early_hints():
    """Interim answers are passed over."""

    async def play(asked: Asked, line: Line) -> None:
        await line.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await DONE(asked, line)

    async with RawServer(play) as server:
        outcome, watch = await waited(server)

    assert (outcome.status, watch.kinds()) == (Status.SUCCEEDED, [])


# -- Retry-After -------------------------------------------------------------------------------------------------------


async def retry_after(value: str, status: int = 429) -> float | None:
    reply = await answer_to(http(b"", status, {"Retry-After": value}))
    assert isinstance(reply, Reply)
    return reply.retry_after


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("99999999999999999999", 999_999_999.0),
        ("-7", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("NaN", None),
        ("inf", None),
        ("1e9", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
    ],
)
async def test_retry_after(value, expected):
    """Seconds are read, dates are, and nonsense is nothing: it never costs the answer."""
    assert expected == await retry_after(value)


async def test_retry_after_as_a_date():
    """A date is the seconds until then."""
    moment = datetime.now(UTC) + timedelta(seconds=100)

    seconds = await retry_after(format_datetime(moment, usegmt=True))

    assert seconds is not None
    assert 95 < seconds <= 100


async def test_retry_after_of_a_good_answer():
    """It slows the polling of these tasks, not the account."""
    assert await retry_after("7", 200) is None
    assert await retry_after("7", 503) == 7.0


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"Retry-After": "7"}, 200, 7.0),
        ({"Retry-After": "7"}, 202, 7.0),
        ({"openai-poll-after-ms": "1500"}, 200, 1.5),
        ({"openai-poll-after-ms": "1500", "Retry-After": "7"}, 200, 7.0),
        ({"openai-poll-after-ms": "soon"}, 200, None),
        ({"Retry-After": "7"}, 429, None),
        ({}, 200, None),
    ],
)
async def test_the_server_names_the_next_poll(headers, status, expected):
    """By the header that all servers have, or by that of OpenAI's."""
    assert expected == (await answer_to(http(b"{}", status, headers))).poll_after


_date_parts = st.sampled_from(
    ["Wed,", "21", "Oct", "2015", "07:28:00", "GMT", "+0800", "-99999999999", "0", "1e9", ":"]
)


@given(st.text(max_size=40) | st.lists(_date_parts, max_size=8).map(" ".join), st.integers(200, 599))
def test_any_retry_after(value, status):
    """Whatever the header says, it is a number of seconds from zero, or nothing."""
    response: Any = SimpleNamespace(status=status, headers={"Retry-After": value})
    seconds = _retry_after(response)

    assert seconds is None or 0 <= seconds < float("inf")


@on_both_loops
async def test_throttled_account():
    """A 429 slows the account down and ends no wait."""
    throttled = http(b'{"code": "Throttling.RateQuota"}', 429, {"Retry-After": "0"})
    async with RawServer(says(throttled, DONE)) as server:
        outcome, watch = await waited(server, quota=Rate(50, per=0.02))

    assert (outcome.status, watch.kinds()) == (Status.SUCCEEDED, ["throttled"])


# -- everything at once ------------------------------------------------------------------------------------------------


@on_both_loops
@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault(fault):
    """Each fault costs polls and time, and never the truth."""
    async with (
        RawServer(_true_ends()) as server,
        FaultProxy(server.port, faults=[fault], chance=0.4, seed=1) as proxy,
        Poller(proxy.provider(interval=0.02), poll_timeout=0.3, max_in_flight=8) as poller,
    ):
        outcomes = await poller.wait_all([f"{n}" for n in range(8)], timeout=10)
        requests = poller.statistics().requests

    assert [_end_of(f"{n}") for n in range(8)] == [outcome.status for outcome in outcomes]
    assert fault in proxy.played
    assert len(proxy.asked) <= requests


@on_both_loops
async def test_all_faults():
    """Through a proxy that breaks every third answer in one way or another, thirty tasks end as they truly ended."""
    ids = [f"{n}" for n in range(30)]
    async with (
        RawServer(_true_ends()) as server,
        FaultProxy(server.port, chance=0.3, seed=7) as proxy,
        Poller(proxy.provider(interval=0.02), poll_timeout=0.3, max_in_flight=8) as poller,
    ):
        outcomes = await poller.wait_all(ids, timeout=18)
        requests = poller.statistics().requests

    assert [_end_of(task_id) for task_id in ids] == [outcome.status for outcome in outcomes]
    assert {*FAULTS, "none"} == set(proxy.played)
    assert len(proxy.asked) <= requests


def _end_of(task_id: str) -> Status:
    return (Status.SUCCEEDED, Status.FAILED, Status.CANCELED)[int(task_id) % 3]


def _true_ends() -> Callable[[Asked, Line], Awaitable[None]]:
    """Each task runs at first, and has ended when it is asked for again."""
    seen: set[str] = set()

    async def play(asked: Asked, line: Line) -> None:
        word = str(_end_of(asked.task_id)) if asked.task_id in seen else "RUNNING"
        seen.add(asked.task_id)
        await tells(word)(asked, line)

    return play


_BUFFERS = """
import os, resource
from wanpoll.transport import _keep_receive_buffers

reader, writer = os.pipe()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        os.write(writer, b"an answer")
        os.read(reader, 256 * 1024)  # as asyncio receives
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

_keep_receive_buffers()
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc maps large buffers anew each time")
def test_receive_buffers_are_not_mapped_anew():
    """asyncio's buffers of 256 KiB come from memory that the process has; else each poll takes two page faults."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    ran = subprocess.run([sys.executable, "-c", _BUFFERS], env=environ, capture_output=True, text=True, check=True)

    assert int(ran.stdout) < 100
