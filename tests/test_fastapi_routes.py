"""Tasks over HTTP, under uvicorn on loopback: what is known, long polls, batches, cancelling, errors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from yarl import URL

from tests.clouds import Cloud, state
from tests.fastapi_apps import PROBLEM, TASK, app_of, client_of, cloud_wanpoll, quick, status_of
from tests.waiting import until
from wanpoll import Failure, Media, Outcome, ProviderRefused, Status, Task, Update, UsageError
from wanpoll.fastapi import WanPoll
from wanpoll.fastapi._models import outcome_of, progress_of
from wanpoll.fastapi._router import _until_all_ended
from wanpoll.providers import AceData, DashScope
from wanpoll.testing import ScriptedTransport, missed, reply

FOREVER = 1e9


async def test_asking_tells_what_is_known_and_follows_the_task() -> None:
    """202 with progress and `Retry-After` at first; 200 with the outcome once it has ended."""
    cloud = Cloud(runs=0.03, latency=0.001)
    async with client_of(app_of(cloud_wanpoll(cloud))) as client:
        async with client.get(TASK) as first:
            assert first.status == 202
            assert first.headers["Retry-After"] == "1"
            assert await first.json() == {
                "provider": "dashscope",
                "id": "a-task",
                "status": "PENDING",
                "progress": None,
                "polls": 0,
                "problem": None,
            }
        async with client.get(TASK, params={"wait": "5"}) as last:
            outcome = await last.json()

    assert last.status == 200
    assert (outcome["status"], outcome["id"]) == ("SUCCEEDED", "a-task")
    assert outcome["media"][0]["url"] == "https://media.example/a-task.mp4?Signature=s"


async def test_who_does_not_wait_is_told_the_provider_s_interval() -> None:
    """Asking more often than the provider is asked tells nothing new."""
    app = app_of(cloud_wanpoll(Cloud(FOREVER), interval=14.2))
    async with client_of(app) as client, client.get(TASK) as response:
        assert response.headers["Retry-After"] == "15"


async def test_a_long_poll_ends_at_its_wait_and_at_the_cap() -> None:
    """The request's own limit, and that of the app."""
    app = app_of(cloud_wanpoll(Cloud(FOREVER, latency=0.0)), longest_wait=0.05)
    async with client_of(app) as client, asyncio.timeout(3):
        for wait in ("0.01", "3600"):
            async with client.get(TASK, params={"wait": wait}) as response:
                assert response.status == 202
                assert response.headers["Retry-After"] == "1"
                assert (await response.json())["status"] == "RUNNING"
        batch = {"tasks": [{"provider": "dashscope", "id": "a-task"}], "wait": 3600}
        async with client.post("/tasks:batch", json=batch) as response:
            assert (await response.json())["tasks"][0]["status"] == "RUNNING"


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
async def test_a_wait_that_is_none_is_refused(wait: str) -> None:
    """422, as a problem, without repeating what was given."""
    async with client_of(app_of(cloud_wanpoll(Cloud()))) as client, client.get(TASK, params={"wait": wait}) as response:
        problem = await response.json()

    assert (response.status, response.content_type) == (422, PROBLEM)
    assert problem["type"] == "urn:wanpoll:problem:invalid-request"
    assert problem["errors"][0].startswith("query.wait: ")


async def test_of_many_mistakes_some_are_told() -> None:
    """The answer does not grow with the question."""
    wrong = {"tasks": [{"provider": "dashscope", "id": "a", **{f"more{each}": 1 for each in range(200)}}]}
    app = app_of(cloud_wanpoll(Cloud()))
    async with client_of(app) as client, client.post("/tasks:batch", json=wrong) as response:
        assert response.status == 422
        assert len((await response.json())["errors"]) == 20


async def test_a_mistake_is_told_in_short() -> None:
    """A key may be what somebody pasted into the wrong field."""
    app = app_of(cloud_wanpoll(Cloud()))
    async with client_of(app) as client, client.post("/tasks:batch", json={"tasks": [], "x" * 500_000: 1}) as response:
        assert (response.status, response.content_type) == (422, PROBLEM)
        assert len(await response.read()) < 500


@pytest.mark.parametrize("word", ["FAILED", "CANCELED"])
async def test_a_task_that_failed_is_an_outcome(word: str) -> None:
    """200: the question was answered."""
    cloud = Cloud(runs=0.0, latency=0.001)
    cloud.words["a-task"] = word
    async with client_of(app_of(cloud_wanpoll(cloud))) as client, client.get(TASK, params={"wait": "5"}) as response:
        outcome = await response.json()

    assert response.status == 200
    assert (outcome["status"], outcome["media"]) == (word, [])
    assert outcome["failure"] == {"code": "Odd", "message": "it did not work"}


async def test_a_task_that_nobody_knows_is_404_after_the_streak() -> None:
    """Three answers in a row and the grace, not one."""
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: state("a-task", "UNKNOWN")
    async with client_of(app_of(cloud_wanpoll(cloud, unknown_grace=0.03))) as client:
        assert await status_of(client.get(TASK)) == 202
        async with client.get(TASK, params={"wait": "5"}) as response:
            problem = await response.json()

    assert (response.status, response.content_type) == (404, PROBLEM)
    assert (problem["type"], problem["status"]) == ("urn:wanpoll:problem:unknown-task", 404)
    assert cloud.asked("a-task") >= 3


async def test_a_task_that_expired_is_410() -> None:
    """The app follows it for a shorter time here."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))
    async with client_of(app_of(wanpoll)) as client:
        await wanpoll.poller.wait_for("a-task", expires_in=0.03)
        async with client.get(TASK) as response:
            assert (response.status, response.content_type) == (410, PROBLEM)
            assert (await response.json())["type"] == "urn:wanpoll:problem:task-expired"


@pytest.mark.parametrize("wait", [0.0, 0.01])
async def test_who_asks_gives_a_task_no_more_time_than_the_app_gave_it(wait: float) -> None:
    """On no route. One that the app did not tell of has a day."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER, latency=0.001))

    def life(task_id: str) -> float:
        entry: Any = wanpoll.poller._machine.find("dashscope", task_id)
        return entry.expires_at - entry.tracked_at

    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        await wanpoll.poller.track("a-task", expires_in=60.0)
        await status_of(client.get(TASK, params={"wait": str(wait)}))
        async with client.get(f"{TASK}/events") as response:
            await response.content.readuntil(b"RUNNING")
        tasks = [{"provider": "dashscope", "id": each} for each in ("a-task", "a-stranger-s")]
        await status_of(client.post("/tasks:batch", json={"tasks": tasks, "wait": wait}))
        await status_of(client.delete(TASK))

        assert life("a-task") == pytest.approx(60.0)
        assert life("a-stranger-s") == pytest.approx(86_400.0)


async def test_a_refused_account_is_502_with_the_code_alone() -> None:
    """What the provider says about the account is not for strangers."""
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: reply({"code": "Arrearage", "message": "pay 5,000 EUR"}, 403)
    async with client_of(app_of(cloud_wanpoll(cloud))) as client:
        for wait in ("5", "0"):
            async with client.get(TASK, params={"wait": wait}) as response:
                text = await response.text()

                assert (response.status, response.content_type) == (502, PROBLEM)
                assert (await response.json())["code"] == "Arrearage"
                assert "EUR" not in text


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/tasks/dashscope/sp ace", 422, "invalid-task-id"),
        ("/tasks/dashscope/%2e%2e", 422, "invalid-task-id"),
        ("/tasks/dashscope/" + "x" * 257, 422, "invalid-task-id"),
        ("/tasks/nobody/a-task", 404, "unknown-provider"),
        ("/tasks/nobody/a-task/events", 404, "unknown-provider"),
    ],
)
async def test_names_that_are_none_are_problems(path: str, status: int, name: str) -> None:
    """Before anything is asked of the provider."""
    cloud = Cloud()
    url = URL(path.replace(" ", "%20"), encoded=True)
    async with client_of(app_of(cloud_wanpoll(cloud))) as client, client.get(url) as response:
        problem = await response.json()

    assert (response.status, problem["type"]) == (status, f"urn:wanpoll:problem:{name}")
    assert not cloud.transport.asked


async def test_a_missed_poll_is_told_without_the_provider_s_words() -> None:
    """In `problem`, while the task goes on."""
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: missed("disconnected")
    async with client_of(app_of(cloud_wanpoll(cloud))) as client:
        await status_of(client.get(TASK))
        await until(lambda: cloud.asked("a-task"))
        await asyncio.sleep(0.01)
        progress = await (await client.get(TASK)).json()

    assert progress["status"] == "PENDING"
    assert (progress["problem"]["type"], progress["problem"]["code"]) == (
        "urn:wanpoll:problem:missed-poll",
        "disconnected",
    )


async def test_a_batch_tells_all_in_the_order_asked() -> None:
    """Ends and what goes on, and trouble with one account at its tasks alone."""
    cloud = Cloud(runs=0.05, latency=0.001)
    cloud.seconds["slow"] = FOREVER
    transport = ScriptedTransport(refusing_ace(cloud), latency=0.001)
    wanpoll = WanPoll(quick(), AceData("ace-key", interval=0.02), transport=transport)
    names = [("dashscope", "one"), ("acedata", "two"), ("dashscope", "slow"), ("dashscope", "one")]
    batch = {"tasks": [{"provider": provider, "id": task_id} for provider, task_id in names], "wait": 0.3}
    async with client_of(app_of(wanpoll)) as client, client.post("/tasks:batch", json=batch) as response:
        told = (await response.json())["tasks"]

    assert response.status == 200
    assert [(each["provider"], each["id"]) for each in told] == names
    assert [each["status"] for each in told] == ["SUCCEEDED", "PENDING", "RUNNING", "SUCCEEDED"]
    assert told[1]["problem"]["code"] == "invalid_token"


async def test_a_batch_does_not_begin_its_wait_again_after_a_refusal() -> None:
    """The rest of it is left for the tasks of other accounts."""
    waits = list[tuple[int, float]]()

    class Refusing:
        async def wait_all(self, tasks: list[Task], timeout: float) -> None:
            waits.append((len(tasks), timeout))
            await asyncio.sleep(0.02)
            raise ProviderRefused(str(tasks[0].provider), "Arrearage", "pay")

    poller: Any = Refusing()
    await _until_all_ended(poller, [Task("a", "one"), Task("b", "other"), Task("c", "one")], 60.0)

    assert [tasks for tasks, _ in waits] == [3, 1]
    assert waits[0][1] > waits[1][1] + 0.01


def test_all_that_is_known_is_told() -> None:
    """Whatever the models name."""
    task, times = Task("a-task", "dashscope"), [datetime(2026, 4, 2, 14, minute, tzinfo=UTC) for minute in range(4)]
    failure = Failure("Odd", "it did not work")
    media = Media("https://h/v", "video", expires_at=times[3], backup_url="https://other/v", failure=failure)
    outcome = Outcome(
        task,
        Status.SUCCEEDED,
        media=(media,),
        failure=failure,
        reason="expired",
        usage={"duration": 5},
        submitted_at=times[0],
        started_at=times[1],
        finished_at=times[2],
        polls=7,
    )
    told = outcome_of(outcome, None)
    progress = progress_of(Update(task, Status.RUNNING, progress=0.4, polls=7))

    for name in ("status", "reason", "usage", "submitted_at", "started_at", "finished_at", "polls"):
        assert getattr(told, name) == getattr(outcome, name)
    (one,) = told.media
    for name in ("kind", "url", "expires_at", "backup_url"):
        assert getattr(one, name) == getattr(media, name)
    assert {(each.code, each.message) for each in (told.failure, one.failure)} == {("Odd", "it did not work")}
    assert (progress.status, progress.progress, progress.polls) == (Status.RUNNING, 0.4, 7)


def refusing_ace(cloud: Cloud) -> Any:
    """Answers as `cloud`, but knows no key of Ace."""

    def answer(request: Any) -> Any:
        if request.method == "POST":
            return reply({"success": False, "error": {"code": "invalid_token", "message": "no"}}, 401)
        return cloud.answer(request)

    return answer


@pytest.mark.parametrize(
    "body",
    [
        {"tasks": [{"provider": "dashscope", "id": "a", "base_url": "http://evil.example"}]},
        {"tasks": [{"provider": "dashscope", "id": "a"}], "api_key": "sk-mine"},
        {"tasks": [{"provider": "dashscope", "id": "a"}] * 1_001},
        {"tasks": [{"provider": "dashscope", "id": "../a"}]},
    ],
)
async def test_addresses_keys_and_floods_do_not_come_in_a_batch(body: Any) -> None:
    """422: a request names tasks, and nothing else."""
    cloud = Cloud()
    async with client_of(app_of(cloud_wanpoll(cloud))) as client, client.post("/tasks:batch", json=body) as response:
        assert (response.status, response.content_type) == (422, PROBLEM)
        assert "sk-mine" not in await response.text()
    assert not cloud.transport.asked


async def test_authorize_decides_for_each_task() -> None:
    """On every route; what it raises is answered as it is."""

    async def authorize(request: Request, task: Task) -> bool:
        if "Authorization" not in request.headers:
            raise HTTPException(401, "Say who you are.", {"WWW-Authenticate": "Bearer"})
        return task.id == "mine"

    cloud, headers = Cloud(FOREVER), {"Authorization": "Bearer x"}
    async with client_of(app_of(cloud_wanpoll(cloud), authorize=authorize, allow_cancel=True)) as client:
        async with client.get("/tasks/dashscope/mine") as response:
            assert (response.status, response.content_type) == (401, PROBLEM)
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert await status_of(client.get("/tasks/dashscope/mine", headers=headers)) == 202
        for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
            async with client.request(method, f"/tasks/dashscope/yours{path}", headers=headers) as response:
                assert (response.status, response.content_type) == (403, PROBLEM)
        both = {"tasks": [{"provider": "dashscope", "id": each} for each in ("mine", "yours")]}
        assert await status_of(client.post("/tasks:batch", json=both, headers=headers)) == 403
    assert not cloud.asked("yours")


@pytest.mark.parametrize("verdict", [False, None])
async def test_an_authorize_that_does_not_say_yes_says_no(verdict: Any) -> None:
    """A forgotten `return` opens nothing; it need not be async."""
    async with client_of(app_of(cloud_wanpoll(Cloud()), authorize=lambda request, task: verdict)) as client:
        assert await status_of(client.get(TASK)) == 403


async def test_the_remote_task_is_canceled_where_the_app_allows_it() -> None:
    """DELETE does it, and does not exist otherwise."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll = cloud_wanpoll(cloud)
    async with client_of(app_of(wanpoll)) as client:
        assert await status_of(client.delete(TASK)) == 405
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        assert await status_of(client.delete(TASK)) == 202
    assert any(request.url.endswith("/a-task/cancel") for _, request in cloud.transport.asked)


async def test_a_task_that_was_canceled_is_asked_about_next() -> None:
    """Not a whole interval later."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll = cloud_wanpoll(cloud, interval=600.0)
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        await wanpoll.poller.track("a-task")
        await until(lambda: cloud.asked("a-task") and not wanpoll.poller.statistics().accounts["dashscope"].in_flight)
        entry: Any = wanpoll.poller._machine.find("dashscope", "a-task")
        assert not entry.nudged
        assert await status_of(client.delete(TASK)) == 202
        assert entry.nudged


async def test_a_task_that_cannot_be_canceled_is_409() -> None:
    """DashScope cancels what is PENDING only; Ace cancels nothing."""
    cloud = Cloud(FOREVER, latency=0.001)
    wanpoll = WanPoll(AceData("ace-key", interval=0.05), transport=cloud.transport)
    app = app_of(wanpoll, allow_cancel=True)
    async with client_of(app) as client, client.delete("/tasks/acedata/a-task") as response:
        problem = await response.json()

    assert (response.status, problem["type"]) == (409, "urn:wanpoll:problem:not-supported")


async def test_a_task_that_ended_is_not_canceled() -> None:
    """Its outcome is answered."""
    cloud = Cloud(runs=0.0, latency=0.001)
    wanpoll = cloud_wanpoll(cloud)
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        await wanpoll.poller.wait_for("a-task")
        async with client.delete(TASK) as response:
            assert (response.status, (await response.json())["status"]) == (200, "SUCCEEDED")
    assert cloud.asked("a-task") == 1


async def test_a_task_that_needs_more_than_an_id_is_known_by_its_id_once_the_app_told_of_it() -> None:
    """`context` does not come from requests."""

    class Demanding(type(quick())):
        def check_context(self, context: Any) -> None:
            if "model" not in context:
                raise UsageError("context: give the model")

    cloud = Cloud(runs=0.0, latency=0.001)
    wanpoll = WanPoll(Demanding("k", interval=0.02), transport=cloud.transport)
    async with client_of(app_of(wanpoll)) as client:
        assert await status_of(client.get(TASK)) == 422
        await wanpoll.poller.track("a-task", context={"model": "m"})
        assert await status_of(client.get(TASK, params={"wait": "5"})) == 200


async def test_the_router_stands_under_any_prefix_beside_routes_of_the_app() -> None:
    """Errors of the app's own routes keep FastAPI's shape."""
    wanpoll = cloud_wanpoll(Cloud(FOREVER))
    app = FastAPI(lifespan=wanpoll.lifespan)
    app.include_router(wanpoll.router(), prefix="/api/v1")

    @app.get("/own")
    async def own(number: int) -> int:
        return number

    async with client_of(app) as client:
        assert await status_of(client.get(f"/api/v1{TASK}")) == 202
        async with client.get("/own", params={"number": "x"}) as response:
            assert (response.status, response.content_type) == (422, "application/json")


async def test_neither_a_key_that_a_provider_echoes_nor_its_document_is_told() -> None:
    """On no route: keys are cut out of `usage`, however deep and whatever they look like; `raw` stays here."""
    usage = {
        "duration": 5,
        "exact": 0.25,
        "none": None,
        "account": {
            "key": "odd+key/42",
            "odd+key/42": [True, "Bearer odd+key/42", "sk-12345678", ["odd%2Bkey%2F42"]],
        },
        "link": "https://h.example/v?Signature=CANARY",
    }
    answer = {
        "usage": usage,
        "trace": "RAW",
        "output": {"task_id": "a-task", "task_status": "SUCCEEDED", "prompt": "RAW", "video_url": "https://h/v.mp4"},
    }
    cloud = Cloud(latency=0.001)
    cloud.trouble["a-task"] = lambda: reply(answer)
    wanpoll = WanPoll(DashScope("odd+key/42", interval=0.02), transport=cloud.transport)
    batch = {"tasks": [{"provider": "dashscope", "id": "a-task"}], "wait": 5}
    async with client_of(app_of(wanpoll, allow_cancel=True)) as client:
        texts = [
            await (await client.request(method, path, **body)).text()
            for method, path, body in (
                ("GET", f"{TASK}?wait=5", {}),
                ("GET", f"{TASK}/events", {}),
                ("POST", "/tasks:batch", {"json": batch}),
                ("DELETE", TASK, {}),
            )
        ]
        told = (await (await client.get(TASK)).json())["usage"]
        assert (await wanpoll.poller.wait_for("a-task")).usage == usage

    assert told == {
        "duration": 5,
        "exact": 0.25,
        "none": None,
        "account": {"key": "***", "***": [True, "Bearer ***", "sk-***", ["***"]]},
        "link": "https://h.example/v?***",
    }
    for text in texts:
        assert '"SUCCEEDED"' in text
        assert not any(each in text for each in ("odd+key", "odd%2B", "sk-1", "CANARY", "RAW"))
