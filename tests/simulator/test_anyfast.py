"""Every route and answer of AnyFast's dialect, over a real socket."""

import asyncio
import time

import pytest

from tests.waiting import until
from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import Constant, Simulator

from .helpers import ask, client, post

PATH = "v1/video/generations"
FIELDS = {
    "task_id",
    "action",
    "status",
    "progress",
    "fail_reason",
    "request_id",
    "submit_time",
    "start_time",
    "finish_time",
    "data",
}


async def told(simulator, **options):
    """What is told of a task that was submitted just now: `data` of a successful question."""
    (task_id,) = simulator.submit(dialect="anyfast", **options)
    async with client(simulator, "anyfast") as session:
        status, document = await ask(session, f"{PATH}/{task_id}")

    assert (status, document["code"], document["message"]) == (200, "success", "")
    assert document["data"]["task_id"] == task_id
    return document["data"]


async def test_a_pending_task():
    """Nothing has happened: times are 0, progress is a text, and there is no upstream document."""
    async with Simulator() as simulator:
        data = await told(simulator)

    assert data.keys() == FIELDS
    assert data["task_id"].startswith("asyntask_")
    assert (data["status"], data["progress"], data["data"]) == ("NOT_START", "0%", None)
    assert (data["start_time"], data["finish_time"]) == (0, 0)
    assert data["submit_time"] == pytest.approx(time.time(), abs=5)


async def test_progress():
    """A running task begins at 50 % and comes near 100 % at its end, in whole per cents."""
    async with Simulator(queue=Constant(0), speed=10_000) as simulator, client(simulator, "anyfast") as session:
        (task_id,) = simulator.submit(dialect="anyfast", duration=10_000)
        _, first = await ask(session, f"{PATH}/{task_id}")
        asked_at = simulator.now
        await until(lambda: simulator.now > asked_at + 300)
        _, later = await ask(session, f"{PATH}/{task_id}")
    early, late = (int(document["data"]["progress"].removesuffix("%")) for document in (first, later))

    assert first["data"]["status"] == later["data"]["status"] == "IN_PROGRESS"
    assert 50 <= early < late < 100
    assert first["data"]["start_time"] > 0


async def test_a_success():
    """The link stands in `result_url`, in `fail_reason` and in the upstream's document, which has another id."""
    async with Simulator() as simulator:
        data = await told(simulator, duration=0)
    inner = data["data"]["output"]

    assert data.keys() == FIELDS | {"result_url"}
    assert (data["status"], data["progress"]) == ("SUCCESS", "100%")
    assert data["result_url"] == data["fail_reason"] == inner["video_url"]
    assert data["finish_time"] > 0
    assert inner["task_status"] == "SUCCEEDED"
    assert inner["task_id"] != data["task_id"]
    assert data["data"]["usage"]["SR"] == 720


async def test_a_failure():
    """The envelope says success, there is no link, and the reason is a text."""
    async with Simulator() as simulator:
        data = await told(simulator, duration=0, status="FAILED", code="DataInspectionFailed")

    assert data.keys() == FIELDS
    assert data["status"] == "FAILURE"
    assert data["fail_reason"].startswith("DataInspectionFailed: ")
    assert data["data"]["output"]["task_status"] == "FAILED"


async def test_unknown_means_not_done():
    """UNKNOWN is a word for what has not ended, unlike at DashScope."""
    async with Simulator() as simulator:
        data = await told(simulator, duration=0, status="SUSPENDED")

    assert (data["status"], data["finish_time"]) == ("UNKNOWN", 0)


async def test_no_such_task():
    """An id that was never given, or that was forgotten, is a 400 with its own code."""
    missing = (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None})
    async with Simulator(speed=100_000, lifetime=500) as simulator, client(simulator, "anyfast") as session:
        (forgotten,) = simulator.submit(dialect="anyfast", duration=0)
        await asyncio.sleep(0.01)

        assert await ask(session, f"{PATH}/nobody") == missing
        assert await ask(session, f"{PATH}/{forgotten}") == missing


async def test_no_task_is_canceled():
    """There is no word for it, so no task can come to it."""
    with pytest.raises(UsageError, match="give one of SUCCEEDED, FAILED"):
        Simulator().submit(dialect="anyfast", status="CANCELED")


async def test_submit():
    """A submission answers with the id; one without model is a 400, one without key a 401."""
    async with Simulator() as simulator, client(simulator, "anyfast") as session:
        status, document = await post(session, PATH, json={"model": "happyhorse-1.0-i2v"})
        model = simulator.task(document["task_id"]).model
        bad, _ = await post(session, PATH, json={})
        keyless, _ = await post(session, PATH, json={"model": "m"}, headers={"Authorization": ""})

    assert (status, document["status"], model) == (200, "NOT_START", "happyhorse-1.0-i2v")
    assert (bad, keyless) == (400, 401)


async def test_refusals():
    """Refusals have the form of the gateway: an `error` with a message and its type."""
    async with Simulator(quota=Rate(1, per=1_000)) as simulator, client(simulator, "anyfast") as session:
        await ask(session, f"{PATH}/x")
        answers = [await ask(session, f"{PATH}/x"), await ask(session, "v1/videos")]
        async with session.get(f"{PATH}/x", headers={"Authorization": ""}) as response:
            answers.append((response.status, await response.json()))
        violations = simulator.report("anyfast").violations

    assert [status for status, _ in answers] == [429, 404, 401]
    for _, document in answers:
        assert document.keys() == {"error"}
        assert document["error"].keys() == {"message", "type"}
        assert document["error"]["type"] == "new_api_error"
    assert violations == 1
