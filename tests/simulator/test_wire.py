"""Every kind of fault as a plain client sees it."""

import asyncio
import errno
import gzip
import json
from pathlib import Path

import aiohttp
import pytest

from tests.waiting import until
from wanpoll.simulator import FAULTS, Simulator
from wanpoll.simulator.dashscope import DashScopeDialect
from wanpoll.simulator.wire import bomb

from .helpers import client


async def struck(simulator, kind, read):
    """Ask about a task that has ended, under a fault, and read the answer with `read`."""
    (task_id, _) = simulator.submit(2, duration=0)
    simulator.inject(kind, seconds=1e6)
    async with client(simulator) as session, session.get(f"tasks/{task_id}", allow_redirects=False) as response:
        return await read(response)


async def status_and_body(response):
    return response.status, await response.read()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle", 429, "Throttling.RateQuota"),
        ("server_error", 500, "InternalError"),
        ("unauthorized", 401, "InvalidApiKey"),
    ],
)
async def test_refusals(kind, status, code):
    """These faults are the provider's own words: a flat error without `output`."""
    async with Simulator() as simulator:
        answered, body = await struck(simulator, kind, status_and_body)
        document = json.loads(body)

        assert (answered, document["code"]) == (status, code)
        assert document.keys() == {"request_id", "code", "message"}
        assert simulator.report().by_answer == {kind: 1}


async def test_server_errors_take_turns():
    """500 and 503 come by turns."""
    async with Simulator() as simulator:
        statuses = [(await struck(simulator, "server_error", status_and_body))[0] for _ in range(3)]

    assert statuses == [500, 503, 500]


async def test_html():
    """A gateway answers 502 in HTML."""
    async with Simulator() as simulator:
        status, body = await struck(simulator, "html", status_and_body)

    assert status == 502
    assert body.startswith(b"<html>")


async def test_empty():
    """A 200 without a single byte."""
    async with Simulator() as simulator:
        assert await struck(simulator, "empty", status_and_body) == (200, b"")


async def test_garbage():
    """A 200 with a whole body that is not whole JSON."""
    async with Simulator() as simulator:
        status, body = await struck(simulator, "garbage", status_and_body)

    assert status == 200
    assert body.startswith(b'{"request_id"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_redirect():
    """A 302 to a host that no name server knows."""

    async def read(response):
        return response.status, response.headers["Location"]

    async with Simulator() as simulator:
        assert await struck(simulator, "redirect", read) == (302, "http://elsewhere.invalid/")


async def test_echo():
    """The answer is whole and true, but about another task, and tells nothing of the one asked about."""
    async with Simulator() as simulator:
        _, body = await struck(simulator, "echo", status_and_body)
        told = json.loads(body)["output"]["task_id"]

        assert simulator.task(told).serial == 1
        assert simulator.report().lags == ()


async def test_bomb():
    """A small gzip body that inflates to 64 MiB."""

    async def read(response):
        return response.headers["Content-Encoding"], int(response.headers["Content-Length"])

    async with Simulator() as simulator:
        encoding, length = await struck(simulator, "bomb", read)

    assert (encoding, length) == ("gzip", len(bomb()))
    assert length < 300_000
    assert len(gzip.decompress(bomb())) == 64 * 1_048_576


async def test_reset():
    """The connection is reset, not closed in order, before a byte of the answer."""
    async with Simulator() as simulator:
        with pytest.raises(aiohttp.ClientOSError) as caught:
            await struck(simulator, "reset", status_and_body)

    assert caught.value.errno == errno.ECONNRESET


async def test_cut():
    """The body ends in its midst: by a reset, then by an orderly close, and so on."""
    async with Simulator() as simulator:
        resets = []
        for _ in range(4):
            with pytest.raises(aiohttp.ClientPayloadError, match="not completed") as caught:
                await struck(simulator, "cut", status_and_body)
            resets.append("ConnectionResetError" in str(caught.value))

    assert resets == [True, False, True, False]


async def test_slow():
    """The true answer comes, after `slow` provider seconds, and only then the end is told."""
    async with Simulator(speed=1_000, slow=20) as simulator:
        status, body = await struck(simulator, "slow", status_and_body)
        (lag,) = simulator.report().lags

    assert (status, json.loads(body)["output"]["task_status"]) == (200, "SUCCEEDED")
    assert lag >= 20


async def test_drip():
    """The true answer comes in many small pieces."""

    async def read(response):
        return [piece async for piece in response.content.iter_any()]

    async with Simulator(slow=0) as simulator:
        pieces = await struck(simulator, "drip", read)

    assert json.loads(b"".join(pieces))["output"]["task_status"] == "SUCCEEDED"
    assert len(pieces) > 100


async def test_hang():
    """Nothing comes until the client loses patience; the server then lets go of the request."""
    async with Simulator() as simulator:
        asking = asyncio.ensure_future(struck(simulator, "hang", status_and_body))
        await until(lambda: simulator._wire._playing)
        await asyncio.sleep(0.01)

        assert not asking.done()
        asking.cancel()
        await until(lambda: not simulator._wire._playing)


async def test_endless():
    """The body goes on and on until the client stops reading."""

    async def read(response):
        return response.status, await response.content.readexactly(1_048_576)

    async with Simulator() as simulator:
        status, body = await struck(simulator, "endless", read)
        await asyncio.sleep(0.02)

        assert (status, body.strip()) == (200, b"")
        assert not simulator._wire._playing


@pytest.mark.parametrize("kind", FAULTS)
async def test_clients_that_go_are_no_errors(kind, caplog):
    """Whatever a client leaves behind in a hurry, the server logs no error about it."""
    async with Simulator(slow=0.01) as simulator:
        simulator.inject(kind, seconds=1e6)
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", int(simulator.url.rpartition(":")[2]))
            writer.write(b"GET /api/v1/tasks/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n")
            await asyncio.sleep(0.003)
            writer.transport.abort()
        await asyncio.sleep(0.01)

    assert caplog.records == []


async def test_a_client_that_goes_just_before_the_answer_is_no_error(caplog, monkeypatch):
    """The connection may close after the answer was made and before it is written."""
    query = DashScopeDialect.query

    def query_and_close(self, task_id, now):
        for connection in simulator._runner.server.connections:
            connection.transport.close()
        return query(self, task_id, now)

    monkeypatch.setattr(DashScopeDialect, "query", query_and_close)
    async with Simulator() as simulator:
        with pytest.raises(aiohttp.ClientError):
            await struck(simulator, "drip", status_and_body)

    assert caplog.records == []


async def test_submissions_are_spared():
    """Faults never befall a submission: money is not lost to a simulated fault."""
    async with Simulator(faults={"reset": 1.0}) as simulator, client(simulator) as session:
        headers = {"X-DashScope-Async": "enable"}
        async with session.post("services/aigc/x/y", json={"model": "wan"}, headers=headers) as response:
            assert response.status == 200


def test_every_fault_has_its_test():
    """No kind of fault is missing above."""
    source = Path(__file__).read_text()

    assert [kind for kind in FAULTS if f'"{kind}"' not in source] == []
