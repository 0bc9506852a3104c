"""Every route and answer of the DashScope dialect, over a real socket."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from wanpoll.simulator import SHAPES, Constant, Simulator

from .helpers import ASYNC, ask, client, post

ORDER = {"model": "wan2.7-r2v", "input": {"prompt": "a lake"}}
VIDEO = "services/aigc/video-generation/video-synthesis"


async def result(simulator, **options):
    (task_id,) = simulator.submit(duration=0, **options)
    async with client(simulator) as session:
        status, document = await ask(session, f"tasks/{task_id}")

    assert status == 200
    return document


async def test_submit_and_query():
    """A submission answers with a PENDING task, which a query then knows."""
    async with Simulator() as simulator, client(simulator) as session:
        status, submitted = await post(session, VIDEO, json=ORDER, headers=ASYNC)
        task_id = submitted["output"]["task_id"]
        _, queried = await ask(session, f"tasks/{task_id}")

        assert status == 200
        assert submitted == {
            "request_id": submitted["request_id"],
            "output": {"task_id": task_id, "task_status": "PENDING"},
        }
        assert queried["output"].keys() == {"task_id", "task_status", "submit_time"}
        assert simulator.task(task_id).model == "wan2.7-r2v"


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Authorization": ""}, ORDER, 401, "InvalidApiKey"),
        ({"X-DashScope-Async": "no"}, ORDER, 403, "AccessDenied"),
        ({}, {"input": {}}, 400, "InvalidParameter"),
        ({}, ["a list"], 400, "InvalidParameter"),
    ],
)
async def test_submissions_that_are_refused(headers, body, status, code):
    """Without key, asynchronous header or model nothing is submitted."""
    async with Simulator() as simulator, client(simulator) as session:
        answered, document = await post(session, VIDEO, json=body, headers=ASYNC | headers)

        assert (answered, document["code"]) == (status, code)
        assert "output" not in document
        assert simulator.report().submissions == 0


@pytest.mark.parametrize(
    ("service", "model", "shape"),
    [
        ("aigc/video-generation/video-synthesis", "wan2.7-t2v", "video"),
        ("aigc/image2video/video-synthesis", "wan2.2-animate-mix", "results_video"),
        ("aigc/image2video/video-synthesis", "wan2.2-s2v", "results_video"),
        ("aigc/text2image/image-synthesis", "wan2.5-t2i-preview", "images"),
        ("aigc/image2image/image-synthesis", "wan2.5-i2i-preview", "images"),
        ("aigc/image-generation/generation", "wan2.7-image", "choices"),
        ("aigc/image2image/image-synthesis", "aitryon-plus", "image"),
        ("aigc/image2image/out-painting", "image-out-painting", "output_image"),
        ("aigc/video-generation/video-synthesis", "video-style-transform", "output_video"),
        ("audio/asr/transcription", "paraformer-v2", "transcriptions"),
        ("audio/asr/transcription", "qwen3-asr-flash-filetrans", "transcription"),
    ],
)
async def test_service_and_model_decide_the_shape(service, model, shape):
    """What is submitted decides where the media will be."""
    async with Simulator() as simulator, client(simulator) as session:
        _, document = await post(session, f"services/{service}", json={"model": model}, headers=ASYNC)

        assert simulator.task(document["output"]["task_id"]).shape == shape


async def test_the_number_of_pictures_is_asked_for():
    """`parameters.n` of a submission is the number of results."""
    order = {"model": "wan2.5-t2i-preview", "parameters": {"n": 2}}
    async with Simulator() as simulator, client(simulator) as session:
        _, document = await post(session, "services/aigc/text2image/image-synthesis", json=order, headers=ASYNC)

        assert simulator.task(document["output"]["task_id"]).pictures == 2


async def test_a_running_task():
    """A RUNNING task tells when it was scheduled, several pictures also their metrics, and no result."""
    async with Simulator(queue=Constant(0)) as simulator, client(simulator) as session:
        (task_id,) = simulator.submit(shape="images")
        _, document = await ask(session, f"tasks/{task_id}")

        assert document.keys() == {"request_id", "output"}
        assert document["output"] | {"submit_time": "", "scheduled_time": ""} == {
            "task_id": task_id,
            "task_status": "RUNNING",
            "submit_time": "",
            "scheduled_time": "",
            "task_metrics": {"TOTAL": 4, "SUCCEEDED": 0, "FAILED": 0},
        }


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_slash_at_the_end_is_accepted(slash):
    """The official SDK asks with a slash behind the id; both ways name the same task."""
    async with Simulator() as simulator, client(simulator) as session:
        (task_id,) = simulator.submit()
        _, document = await ask(session, f"tasks/{task_id}{slash}")

        assert document["output"]["task_id"] == task_id
        assert document["output"]["task_status"] == "PENDING"


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ("video", ("video_url",)),
        ("results_video", ("results", "video_url")),
        ("output_video", ("output_video_url",)),
        ("images", ("results", 3, "url")),
        ("choices", ("choices", 3, "message", "content", 1, "image")),
        ("image", ("image_url",)),
        ("output_image", ("output_image_url",)),
        ("transcriptions", ("results", 0, "transcription_url")),
        ("transcription", ("result", "transcription_url")),
    ],
)
async def test_where_the_media_are(shape, path):
    """Each shape has its link at its own path, signed and on a host that is reserved."""
    async with Simulator() as simulator:
        found = (await result(simulator, shape=shape))["output"]
    for step in path:
        found = found[step]

    assert re.match(r"https?://[a-z.-]+\.example/1d/[0-9a-f-]+\.(mp4|png|json)\?(Expires|x-oss-date)=", found)


async def test_every_shape_has_its_test():
    """No shape is missing above, but the one without a link."""
    marks = test_where_the_media_are.pytestmark[0].args[1]

    assert {shape for shape, _ in marks} == SHAPES.keys() - {"template"}


async def test_a_success_without_a_link():
    """A template is a success that has no link at all."""
    async with Simulator() as simulator:
        output = (await result(simulator, shape="template"))["output"]

    assert output["task_status"] == "SUCCEEDED"
    assert not [value for value in output.values() if "://" in value]


async def test_partial_failures():
    """Lost pictures carry only a code and a message, and the usage counts what was kept."""
    async with Simulator(partial=1.0) as simulator:
        document = await result(simulator, shape="images", pictures=6)
    output = document["output"]
    lost = [item for item in output["results"] if "url" not in item]
    kept = [item for item in output["results"] if "url" in item]

    assert output["task_status"] == "SUCCEEDED"
    assert lost
    assert all(item.keys() == {"code", "message"} for item in lost)
    assert output["task_metrics"] == {"TOTAL": 6, "SUCCEEDED": len(kept), "FAILED": len(lost)}
    assert document["usage"] == {"image_count": len(kept)}


async def test_a_failed_video():
    """A failed task tells its reason within `output`, and has neither link nor usage."""
    async with Simulator() as simulator:
        document = await result(simulator, status="FAILED", code="DataInspectionFailed")

    assert document.keys() == {"request_id", "output"}
    assert document["output"]["task_status"] == "FAILED"
    assert document["output"]["code"] == "DataInspectionFailed"
    assert document["output"]["message"]
    assert "video_url" not in document["output"]


async def test_a_failed_image_tells_its_reason_beside_the_output():
    """Some image models put code and message at the top level."""
    async with Simulator(failed=1.0) as simulator:
        document = await result(simulator, shape="choices")

    assert document["output"]["task_status"] == "FAILED"
    assert "code" not in document["output"]
    assert document["code"]
    assert document["message"]


async def test_unknown_answers_200_without_a_code():
    """An id that was never given is UNKNOWN: status 200, no code, no times."""
    async with Simulator() as simulator, client(simulator) as session:
        status, document = await ask(session, "tasks/nobody")

        assert status == 200
        assert document == {
            "request_id": document["request_id"],
            "output": {"task_id": "nobody", "task_status": "UNKNOWN"},
        }


async def test_tasks_are_forgotten():
    """A task that ended is UNKNOWN after its lifetime, by query and in the report, and is no longer listed."""
    async with Simulator(speed=100_000, lifetime=500) as simulator, client(simulator) as session:
        (task_id,) = simulator.submit(duration=0)
        await asyncio.sleep(0.01)
        _, document = await ask(session, f"tasks/{task_id}")
        _, page = await ask(session, "tasks")

        assert document["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}
        assert page["total"] == 0
        assert simulator.report().tasks_by_status == {"UNKNOWN": 1}


async def test_cancel_a_pending_task():
    """A PENDING task can be canceled; the answer is a request id alone, the next query tells."""
    async with Simulator(queue=Constant(1_000)) as simulator, client(simulator) as session:
        (task_id,) = simulator.submit()
        status, document = await post(session, f"tasks/{task_id}/cancel")
        _, queried = await ask(session, f"tasks/{task_id}")

        assert (status, document.keys()) == (200, {"request_id"})
        assert queried["output"]["task_status"] == "CANCELED"
        assert "end_time" in queried["output"]


async def test_a_running_task_is_not_canceled():
    """A RUNNING task goes on, and the answer is a 400 with UnsupportedOperation."""
    async with Simulator(queue=Constant(0)) as simulator, client(simulator) as session:
        (task_id,) = simulator.submit()
        status, document = await post(session, f"tasks/{task_id}/cancel")

        assert (status, document["code"]) == (400, "UnsupportedOperation")
        assert simulator.report().tasks_by_status == {"RUNNING": 1}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_a_key(method):
    """Without a key nothing is told, and no quota is used."""
    async with Simulator() as simulator, client(simulator) as session:
        path = "tasks/x" if method == "GET" else "tasks/x/cancel"
        async with session.request(method, path, headers={"Authorization": "Basic abc"}) as response:
            document = await response.json()

        assert (response.status, document["code"]) == (401, "InvalidApiKey")
        assert simulator.report().peak == 0


@pytest.mark.parametrize(
    "path", ["/", "/api/v2/tasks", "/api/v1tasks", "/x/api/v1/tasks", "/api/v1/tasks/a/b", "/api/v1/tasks/a/cancel"]
)
async def test_routes_that_do_not_exist(path):
    """Anything else is a 404 in DashScope's form, and counts as no request."""
    async with Simulator() as simulator, client(simulator) as session:
        status, document = await ask(session, simulator.url + path)

        assert (status, document["code"]) == (404, "InvalidURL")
        assert simulator.report().requests == 0


async def test_dates_are_the_clients_in_beijing():
    """Dates are zone-less UTC+8 with milliseconds, and lie in the client's own time whatever the speed."""
    async with Simulator(speed=100_000) as simulator:
        await asyncio.sleep(0.01)
        output = (await result(simulator))["output"]
    submitted = datetime.strptime(output["submit_time"] + "+0800", "%Y-%m-%d %H:%M:%S.%f%z")

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", output["end_time"])
    assert abs(datetime.now(UTC) - submitted) < timedelta(seconds=5)


async def test_links_expire_a_day_after_the_end():
    """The link of a video says when it dies: 24 hours after the task ended."""
    async with Simulator() as simulator:
        output = (await result(simulator))["output"]
    expires = int(re.search(r"Expires=(\d+)", output["video_url"])[1])

    assert expires == pytest.approx(datetime.now(UTC).timestamp() + 86_400, abs=5)


async def test_request_ids_differ():
    """The request id is that of the query: it is another one each time."""
    async with Simulator() as simulator, client(simulator) as session:
        (task_id,) = simulator.submit()
        documents = [(await ask(session, f"tasks/{task_id}"))[1] for _ in range(3)]

        assert len({document["request_id"] for document in documents}) == 3
