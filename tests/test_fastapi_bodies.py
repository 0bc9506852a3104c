"""Bodies of requests: up to a size, and not after the server was told to stop."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from tests.clouds import Cloud
from tests.fastapi_apps import PROBLEM, client_of, cloud_wanpoll, serving, status_of
from wanpoll.fastapi import WanPoll, _bodies, _webhooks
from wanpoll.fastapi._bodies import MOST_BYTES, body_of
from wanpoll.fastapi._models import MOST_IN_A_BATCH

PATHS = ["/tasks:batch", "/webhooks/dashscope"]
CAPS = {"/tasks:batch": MOST_BYTES, "/webhooks/dashscope": _webhooks.MOST_BYTES}
LONGEST = {"provider": "dashscope", "id": "x" * 256}


def whole_app() -> tuple[WanPoll, FastAPI]:
    """An app with both routes that have bodies."""
    wanpoll = cloud_wanpoll(Cloud(1e9, latency=0.001))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.router())
    app.include_router(wanpoll.webhooks({"dashscope": None}))
    return wanpoll, app


async def sending(url: str, head: str, body: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which that much of a request was sent."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{head}\r\nHost: x\r\nContent-Type: application/json\r\n".encode() + body)
    return reader, writer


async def answer_on(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and text of what comes."""
    text = (await reader.read()).decode()
    return int(text.split()[1]), text


@pytest.mark.parametrize(("path", "most"), CAPS.items())
async def test_a_body_that_says_it_is_too_large_is_not_read(path: str, most: int) -> None:
    """413 before a byte of it was sent, so that who asks first (`Expect: 100-continue`) need not send it."""
    head = f"Content-Length: {most + 1}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    async with serving(whole_app()[1]) as url, asyncio.timeout(2):
        reader, writer = await sending(url, f"POST {path} HTTP/1.1", head.encode())
        status, text = await answer_on(reader)
        writer.close()

    assert status == 413
    assert PROBLEM in text
    assert "urn:wanpoll:problem:too-large" in text
    assert f"at most {most} bytes" in text


@pytest.mark.parametrize("length", [b"", b"5", b"\xb2", b"-1", b"1e9"])
async def test_of_a_body_without_an_end_no_more_than_the_cap_is_read(length: bytes) -> None:
    """In chunks, without a length, or with one that is not true, or none at all."""
    pieces = iter([b"x" * 65_536] * 1_000)

    async def receive() -> Any:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    headers = [(b"content-length", length)] if length else []
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    wanpoll, app = whole_app()
    async with wanpoll.lifespan(app):
        answer = await body_of(request, wanpoll._room())

    assert isinstance(answer, Response)
    assert answer.status_code == 413
    read = 1_000 - sum(1 for _ in pieces)
    assert read == MOST_BYTES / 65_536 + 1


async def test_a_chunked_batch_is_capped_and_a_large_one_within_the_cap_is_read() -> None:
    """A batch of the most and longest ids fits."""

    async def chunks(document: Any, padding: int = 0) -> Any:
        yield json.dumps(document).encode()
        for _ in range(padding):
            yield b" " * 65_536

    whole = {"tasks": [LONGEST] * MOST_IN_A_BATCH}
    headers = {"Content-Type": "application/json"}
    async with client_of(whole_app()[1]) as client:
        assert await status_of(client.post("/tasks:batch", data=chunks(whole), headers=headers)) == 200
        try:
            async with client.post("/tasks:batch", data=chunks(whole, 100), headers=headers) as response:
                assert (response.status, response.content_type) == (413, PROBLEM)
        except OSError:
            pass  # closed while it was sending


PARTS = {
    "length": b"Content-Length: 100\r\n\r\n{",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("part", list(PARTS.values()), ids=list(PARTS))
@pytest.mark.parametrize("path", PATHS)
async def test_a_server_that_stops_does_not_wait_for_the_rest_of_a_body(path: str, part: bytes, http: str) -> None:
    """503: nothing was decided, so the sender comes again."""
    wanpoll, app = whole_app()
    async with serving(app, http=http) as url, asyncio.timeout(1):
        reader, writer = await sending(url, f"POST {path} HTTP/1.1", b"Connection: close\r\n" + part)
        while not wanpoll._room().stays:
            await asyncio.sleep(0.001)
        wanpoll.drain()
        status, text = await answer_on(reader)
        writer.close()

    assert status == 503
    assert "urn:wanpoll:problem:poller-closed" in text
    assert "retry-after: 1" in text.lower()


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("part", list(PARTS.values()), ids=list(PARTS))
@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_does_not_come_is_not_waited_for(
    path: str, part: bytes, http: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408, and the connection is closed: whoever sends half of one holds nothing."""
    monkeypatch.setattr(_bodies, "MOST_SECONDS", 0.05)
    wanpoll, app = whole_app()
    async with serving(app, http=http) as url, asyncio.timeout(20):
        reader, writer = await sending(url, f"POST {path} HTTP/1.1", part)
        status, text = await answer_on(reader)
        writer.close()
        assert not wanpoll._room().stays

    assert status == 408
    assert PROBLEM in text
    assert "urn:wanpoll:problem:too-slow" in text
    assert "connection: close" in text.lower()


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind(path: str) -> None:
    """Nor is half a body decided upon."""
    wanpoll, app = whole_app()
    async with serving(app) as url, asyncio.timeout(1):
        _, writer = await sending(url, f"POST {path} HTTP/1.1", b'Content-Length: 100\r\n\r\n{"task_id"')
        while not wanpoll._room().stays:
            await asyncio.sleep(0.001)
        writer.close()
        while wanpoll._room().stays:
            await asyncio.sleep(0.001)
