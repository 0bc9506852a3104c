"""Webhooks: a call nudges, decides nothing, and can do no harm."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from standardwebhooks import Webhook

from tests.clouds import Cloud
from tests.fastapi_apps import PROBLEM, client_of, quick, status_of
from tests.waiting import until
from wanpoll import UsageError
from wanpoll.fastapi import WanPoll
from wanpoll.fastapi._webhooks import MOST_BYTES, MOST_NESTED, Secrets
from wanpoll.providers import DashScope

FOREVER = 1e9
INTERVAL = 1.5
GAP = INTERVAL / 15  # between two questions about one task, however urgent
NAMES = ("acedata", "minimax", "dashscope", "replicate")
SECRET = "whsec_" + base64.b64encode(b"a secret of some length").decode()

CALLS = {
    "acedata": {
        "success": True,
        "task_id": "a-task",
        "trace_id": "t",
        "data": [{"id": "x", "video_url": "https://h/o"}],
    },
    "minimax": {"task_id": "a-task", "status": "Success", "file_id": "9", "base_resp": {"status_code": 0}},
    "dashscope": {
        "id": "an-event",
        "type": "dashscope:System:AsyncTaskFinish",
        "specversion": "1.0",
        "data": {"task_id": "a-task", "task_status": "SUCCEEDED", "contain_result": False},
    },
    "replicate": {"id": "a-task", "status": "succeeded", "output": ["https://h/o"]},
}


def hooked(cloud: Cloud, **senders: Any) -> tuple[WanPoll, FastAPI]:
    """An app that four senders call; only a nudge brings a second poll within a second."""
    providers = [quick(INTERVAL, name=name) for name in NAMES]
    wanpoll = WanPoll(*providers, transport=cloud.transport)
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.webhooks(dict.fromkeys(NAMES) | senders))
    return wanpoll, app


async def followed(wanpoll: WanPoll, cloud: Cloud, provider: str, task_id: str = "a-task") -> None:
    """The task is followed and was asked about once."""
    await wanpoll.poller.track(task_id, provider=provider)
    await until(lambda: cloud.asked(task_id))
    await until(lambda: wanpoll.poller.statistics().accounts[provider].in_flight == 0)


@pytest.mark.parametrize("provider", NAMES)
async def test_a_call_means_poll_now(provider: str) -> None:
    """The task is asked about; it is the answer that counts, whatever the call says."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll, app = hooked(cloud)
    async with client_of(app) as client:
        await followed(wanpoll, cloud, provider)
        async with client.post(f"/webhooks/{provider}", json=CALLS[provider]) as response:
            assert (response.status, await response.read()) == (204, b"")
        await until(lambda: cloud.asked("a-task") == 2, 1.0)

        assert wanpoll.poller.statistics().tracked == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"data": {"task_id": "a-task"}, "task_id": "second", "id": "third"}, "a-task"),
        ({"data": {"id": "third"}, "task_id": "a-task", "id": "fourth"}, "a-task"),
        ({"data": {"id": "a-task"}, "id": "fourth"}, "a-task"),
        ({"task_id": 12345678901234567890123, "id": "fourth"}, "12345678901234567890123"),
    ],
)
async def test_the_likeliest_name_is_taken_and_no_other(body: Any, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CloudEvent's own `id` comes last; ids that are whole numbers keep their digits."""
    cloud, nudged = Cloud(FOREVER, latency=0.001), list[str]()
    wanpoll, app = hooked(cloud)
    async with client_of(app) as client:
        for each in (named, "second", "third", "fourth"):
            await followed(wanpoll, cloud, "dashscope", each)
        nudge = wanpoll.poller.nudge

        def noting(task_id: str, provider: str) -> bool:
            nudged.append(task_id)
            return nudge(task_id, provider)

        monkeypatch.setattr(wanpoll.poller, "nudge", noting)
        assert await status_of(client.post("/webhooks/dashscope", json=body)) == 204

    assert nudged == [named]


async def test_the_challenge_is_echoed() -> None:
    """As MiniMax asks when a callback is set up."""
    _, app = hooked(Cloud())
    async with client_of(app) as client, client.post("/webhooks/minimax", json={"challenge": "c-1"}) as response:
        assert (response.status, await response.json()) == (200, {"challenge": "c-1"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"<html>", 400),
        (b'{"task_id": NaN}', 400),
        (b"[" * 1_000, 400),
        (b"\xff", 400),
        (b"[]", 204),
        (b"null", 204),
        (b'"a-task"', 204),
        (b'{"task_id": 7, "data": "x", "id": {"id": "a"}}', 204),
        (b'{"task_id": "../../etc", "challenge": 5}', 204),
        (b'{"task_id": "nobody-follows-it"}', 204),
        (json.dumps({"challenge": "x" * 2_000}).encode(), 204),
        (b"x" * (MOST_BYTES + 1), 413),
        (b"[" + b"[]," * MOST_NESTED + b"[]]", 413),
        (b"[" + b"{}," * (MOST_NESTED - 2) + b"[]]", 204),
    ],
)
async def test_odd_bodies_are_harmless(body: bytes, status: int) -> None:
    """Early, unknown, forged, broken or huge: nothing is asked, nothing is followed."""
    cloud = Cloud()
    wanpoll, app = hooked(cloud)
    async with client_of(app) as client, client.post("/webhooks/acedata", data=io.BytesIO(body)) as response:
        assert response.status == status
        assert status == 204 or response.content_type == PROBLEM
        assert wanpoll.poller.statistics().tracked == 0
    assert not cloud.transport.asked


async def test_a_body_without_an_end_is_not_read_to_its_end() -> None:
    """The work of a call is bounded."""
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"x" * 65_536

    _, app = hooked(Cloud())
    async with client_of(app) as client:
        try:
            async with client.post("/webhooks/acedata", data=endless()) as response:
                assert response.status == 413
        except OSError:
            pass  # closed while it was sending
    assert sent < 64 * MOST_BYTES


async def test_only_named_senders_are_heard() -> None:
    """404 for others; a name that is no provider is an error at once."""
    wanpoll = WanPoll(quick())
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.webhooks({}))
    async with client_of(app) as client:
        assert await status_of(client.post("/webhooks/dashscope", json={})) == 404
    with pytest.raises(UsageError, match="'nobody' is none of dashscope"):
        wanpoll.webhooks({"nobody": None})
    with pytest.raises(UsageError, match="not a Standard Webhooks secret"):
        wanpoll.webhooks({"dashscope": "whsec_not base64"})


def signed(body: bytes, secret: str = SECRET, *, age: float = 0.0, ident: str = "msg_1") -> dict[str, str]:
    """The headers that a sender of Standard Webhooks makes."""
    sent = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": Webhook(secret).sign(ident, sent, body.decode()),
    }


async def test_a_signed_call_may_be_long() -> None:
    """It may hold the inputs of the task, whole pictures in base64, and lists of lists; an unsigned one may not."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll, app = hooked(cloud, replicate=SECRET)
    body = json.dumps({"id": "a-task", "input": {"image": "x" * 200_000}, "output": [[]] * 2 * MOST_NESTED}).encode()
    async with client_of(app) as client:
        await wanpoll.poller.track("a-task", provider="replicate")
        await until(lambda: cloud.asked("a-task") == 1)

        assert await status_of(client.post("/webhooks/replicate", data=body, headers=signed(body))) == 204
        assert await status_of(client.post("/webhooks/replicate", data=body, headers={})) == 401
        assert await status_of(client.post("/webhooks/acedata", data=body)) == 413
        await until(lambda: cloud.asked("a-task") == 2)


async def test_a_signed_call_is_accepted_and_a_forged_one_is_not() -> None:
    """Only with the right secret, over this body, of these minutes; secrets can be replaced without a gap."""
    cloud, body = Cloud(FOREVER, latency=0.001), b'{"id": "a-task"}'
    other = "whsec_" + base64.b64encode(b"another secret").decode()
    wanpoll, app = hooked(cloud, replicate=[other, SECRET])
    good = signed(body)
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (b'{"id": "b-task"}', good),
        (body, good | {"webhook-id": "msg_2"}),
        (body, good | {"webhook-timestamp": "1" * 5_000}),
        (body, good | {"webhook-timestamp": "-1"}),
        (body, good | {"webhook-signature": "v1,"}),
        (body, signed(body, ident="")),
        (body, good | {"webhook-signature": "v1a," + good["webhook-signature"][3:]}),
        (body, good | {"webhook-signature": " ".join(["v1,eHh4"] * 1_000 + [good["webhook-signature"]])}),
        (body, signed(body, "whsec_" + base64.b64encode(b"theirs").decode())),
        (body, signed(body, age=301)),
        (body, signed(body, age=-302)),
        (b'{"challenge": "c"}', {}),
    ]
    async with client_of(app) as client:
        await followed(wanpoll, cloud, "replicate")
        for forgery, headers in forged:
            async with client.post("/webhooks/replicate", data=forgery, headers=headers) as response:
                assert (response.status, response.content_type) == (401, PROBLEM), headers
        assert cloud.asked("a-task") == 1
        both = good | {"webhook-signature": "v1,eHh4 " + good["webhook-signature"]}
        for headers in (good, both, signed(body, other), signed(body, age=290)):
            assert await status_of(client.post("/webhooks/replicate", data=body, headers=headers)) == 204
        await until(lambda: cloud.asked("a-task") == 2, 1.0)


@pytest.mark.parametrize("nothing", ["", [], ()])
async def test_no_secrets_are_not_none(nothing) -> None:
    """An empty list, of a variable that is not set say, would accept everybody."""
    wanpoll = WanPoll(DashScope("sk-x"))

    with pytest.raises(UsageError, match="no secrets for 'dashscope'"):
        wanpoll.webhooks({"dashscope": nothing})


@pytest.mark.parametrize("given", [b"whsec_eHh4", 5, [b"eHh4"], [None], [SECRET, 5], {SECRET: 1}, {SECRET}])
def test_secrets_that_are_no_text_are_refused(given: Any) -> None:
    """At once, by the name of their kind: they are not repeated."""
    with pytest.raises(UsageError, match=r"webhooks\['dashscope'\]: give a secret as text.* not a \w+$"):
        WanPoll(quick()).webhooks({"dashscope": given})


@pytest.mark.parametrize("senders", [None, "dashscope", b"dashscope", ["dashscope"], 5])
def test_senders_that_are_no_mapping_are_refused(senders: Any) -> None:
    """Not letter by letter."""
    with pytest.raises(UsageError, match="webhooks: map names to secrets"):
        WanPoll(quick()).webhooks(senders)


def test_secrets_do_not_show() -> None:
    """Not in the repr, so in no log."""
    assert repr(Secrets("p", SECRET)) == "<Secrets: 1>"


async def test_a_flood_of_calls_is_one_poll_in_each_gap() -> None:
    """Hundreds of calls, most of them about a task that is followed."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll, app = hooked(cloud)
    loop = asyncio.get_running_loop()
    async with client_of(app) as client:
        start = loop.time()
        await followed(wanpoll, cloud, "minimax")
        for call in range(12):
            bodies = [{"task_id": "a-task"}] * 20 + [{"task_id": f"unknown-{call}"}] * 5
            answers = await asyncio.gather(*(client.post("/webhooks/minimax", json=body) for body in bodies))
            assert {answer.status for answer in answers} == {204}

        assert cloud.asked("a-task") <= 1 + (loop.time() - start) / GAP
        await until(lambda: cloud.asked("a-task") >= 2)
        assert len(cloud.transport.asked) == cloud.asked("a-task")


async def test_a_call_to_an_app_that_closes_is_repeated_by_its_sender() -> None:
    """503: not accepted, so it will come again."""
    wanpoll, app = hooked(Cloud())
    async with client_of(app) as client:
        await wanpoll.poller.aclose()
        assert await status_of(client.post("/webhooks/acedata", json={"task_id": "a-task"})) == 503
