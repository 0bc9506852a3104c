"""Every route and answer of V-API's dialect, over a real socket."""

import asyncio
import json
import re

import pytest

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import Constant, Simulator

from .helpers import ask, client, post

FILES = "task/minimax/v1/files/retrieve"
ENVELOPE = {"code", "data", "message", "request_id", "status", "time_elapsed"}
NOTHING = {"resp_data": "", "video_url": "", "image_urls": None, "binary_data_base64": []}


async def told(simulator, shape, **options):
    """The id of a task that was submitted just now, and what is told of it."""
    (task_id,) = simulator.submit(dialect="vapi", shape=shape, **options)
    async with client(simulator, "vapi") as session:
        status, document = await ask(session, f"task/{task_id}")

    assert status == 200
    return task_id, document


async def test_minimax_is_the_first_shape():
    """Who names no upstream gets the one of the documented example."""
    async with Simulator() as simulator:
        (task_id,) = simulator.submit(dialect="vapi", duration=0)

        assert simulator.task(task_id).shape == "minimax"


async def test_a_success_of_minimax_needs_a_second_request():
    """The first answer has the documented fields and no link, the second the file; both draw on one quota."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        task_id, document = await told(simulator, "minimax", duration=0)
        status, file = await ask(session, FILES, file_id=document["file_id"])
        report = simulator.report("vapi")

    assert document.keys() == {"task_id", "status", "file_id", "video_width", "video_height", "base_resp"}
    assert (document["task_id"], document["status"]) == (task_id, "Success")
    assert (status, file["file"]["file_id"]) == (200, int(document["file_id"]))
    assert file["file"]["download_url"] != file["file"]["backup_download_url"]
    assert (report.by_route, report.peak) == ({"query": 1, "file": 1}, 2)


async def test_minimax_failed_in_the_words_of_v_api():
    """V-API's documentation writes Failed, where MiniMax writes Fail."""
    async with Simulator() as simulator:
        _, document = await told(simulator, "minimax", duration=0, status="FAILED", code="1027")

    assert (document["status"], document["base_resp"]["status_code"]) == ("Failed", 1027)


@pytest.mark.parametrize(
    ("queue", "options", "word"),
    [(1_000, {}, "in_queue"), (0, {}, "generating"), (0, {"duration": 0, "status": "SUSPENDED"}, "suspended")],
)
async def test_a_task_of_jimeng_that_has_not_ended(queue, options, word):
    """The envelope says 10000 twice and nothing of the task, whose fields are all there and empty."""
    async with Simulator(queue=Constant(queue)) as simulator:
        task_id, document = await told(simulator, "jimeng", **options)

    assert re.fullmatch(r"[1-9]\d{19}", task_id)
    assert document.keys() == ENVELOPE
    assert (document["code"], document["status"]) == (10000, 10000)
    assert document["data"] == {"status": word, **NOTHING}


async def test_a_success_of_jimeng():
    """`done` with a link, and JSON within a text."""
    async with Simulator() as simulator:
        _, document = await told(simulator, "jimeng", duration=0)

    assert (document["code"], document["data"]["status"]) == (10000, "done")
    assert document["data"]["video_url"].startswith("http")
    assert json.loads(document["data"]["resp_data"]) == {"urls": []}


@pytest.mark.parametrize(("code", "data"), [("50411", None), ("50511", {"status": "done", **NOTHING})])
async def test_a_failure_of_jimeng(code, data):
    """Another code says so: without data when the input was at fault, "done" when the result was."""
    async with Simulator() as simulator:
        _, document = await told(simulator, "jimeng", duration=0, status="FAILED", code=code)

    assert document.keys() == ENVELOPE
    assert (document["code"], document["status"]) == (int(code), int(code))
    assert document["message"].endswith("Risk Not Pass")
    assert document["data"] == data


async def test_dashscope_behind_v_api():
    """The body is DashScope's own, of a success, a failure and a canceled task."""
    async with Simulator() as simulator:
        task_id, done = await told(simulator, "dashscope", duration=0)
        _, failed = await told(simulator, "dashscope", duration=0, status="FAILED", code="InternalError.Algo")
        _, canceled = await told(simulator, "dashscope", duration=0, status="CANCELED")

    assert done.keys() == {"request_id", "output", "usage"}
    assert (done["output"]["task_id"], done["output"]["task_status"]) == (task_id, "SUCCEEDED")
    assert done["output"]["video_url"].startswith("http")
    assert (failed["output"]["task_status"], failed["output"]["code"]) == ("FAILED", "InternalError.Algo")
    assert canceled["output"]["task_status"] == "CANCELED"


async def test_ids_that_nobody_knows():
    """The upstream that ids of this form belong to says so in its own way."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        _, minimax = await ask(session, "task/123456789012345")
        _, jimeng = await ask(session, "task/12345678901234567890")
        _, dashscope = await ask(session, "task/nobody")

    assert (minimax["status"], minimax["base_resp"]["status_code"]) == ("", 2013)
    assert jimeng["data"] == {"status": "not_found", **NOTHING}
    assert dashscope["output"] == {"task_id": "nobody", "task_status": "UNKNOWN"}


async def test_tasks_are_forgotten():
    """After its lifetime a task is as good as unknown; Jimeng calls it expired."""
    async with Simulator(speed=100_000, lifetime=500) as simulator:
        ids = [simulator.submit(dialect="vapi", shape=shape)[0] for shape in ("minimax", "jimeng", "dashscope")]
        await asyncio.sleep(0.01)
        async with client(simulator, "vapi") as session:
            minimax, jimeng, dashscope = [(await ask(session, f"task/{task_id}"))[1] for task_id in ids]

    assert (minimax["status"], minimax["base_resp"]["status_code"]) == ("", 2013)
    assert jimeng["data"]["status"] == "expired"
    assert dashscope["output"]["task_status"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("shape", "path"),
    [("minimax", ("task_id",)), ("jimeng", ("data", "task_id")), ("dashscope", ("output", "task_id"))],
)
async def test_submit(shape, path):
    """Each upstream is submitted to by a path of its own and answers in its own form."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        status, found = await post(session, f"{shape}/v1/video_generation", json={"model": "a-model"})
        bad, _ = await post(session, f"{shape}/v1/video_generation", json={})
        keyless, _ = await post(session, f"{shape}/v1/video_generation", headers={"Authorization": ""})
        for step in path:
            found = found[step]
        task = simulator.task(found)

    assert (status, bad, keyless) == (200, 400, 401)
    assert (task.shape, task.model) == (shape, "a-model")


async def test_an_upstream_that_there_is_not():
    """It cannot be submitted to, by HTTP or without."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        status, _ = await post(session, "kling/v1/video_generation", json={"model": "m"})

        assert status == 404
        with pytest.raises(UsageError, match="'kling': give one of minimax, jimeng, dashscope"):
            simulator.submit(dialect="vapi", shape="kling")


async def test_refusals():
    """V-API's own refusals are the gateway's, whatever the upstream."""
    async with Simulator(quota=Rate(1, per=1_000)) as simulator, client(simulator, "vapi") as session:
        await ask(session, "task/1")
        answers = [await ask(session, "task/1"), await ask(session, FILES, file_id="1"), await ask(session, "tusk/1")]
        async with session.get("task/1", headers={"Authorization": ""}) as response:
            answers.append((response.status, await response.json()))

    assert [status for status, _ in answers] == [429, 429, 404, 401]
    assert {document["error"]["type"] for _, document in answers} == {"new_api_error"}


async def test_the_tasks_of_other_upstreams_have_no_file():
    """Whatever is asked for, the answer is MiniMax's, and no error of the server."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        for shape in ("jimeng", "dashscope"):
            task_id, _ = await told(simulator, shape, duration=0)
            status, document = await ask(session, FILES, file_id=task_id)

            assert (status, document["base_resp"]["status_code"]) == (200, 2013)


async def test_confusions():
    """The echo is about another task, whoever made it; the file of another upstream's task is none."""
    async with Simulator() as simulator, client(simulator, "vapi") as session:
        task_id, document = await told(simulator, "minimax", duration=0)
        (other,) = simulator.submit(dialect="vapi", shape="jimeng", duration=0)
        simulator.inject("echo", seconds=1e6)
        _, about_other = await ask(session, f"task/{task_id}")
        _, about_first = await ask(session, f"task/{other}")
        _, file = await ask(session, FILES, file_id=document["file_id"])

    assert about_other["data"]["status"] == "done"
    assert about_first["task_id"] == task_id
    assert file["base_resp"]["status_code"] == 2013
