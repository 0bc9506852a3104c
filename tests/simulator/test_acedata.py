"""Every route and answer of the dialect of Ace Data Cloud, over a real socket."""

import asyncio
import time

import pytest

from wanpoll._core.model import Rate
from wanpoll.simulator import Constant, Simulator

from .helpers import client, post

RUNNING = {"duration": 1e6}


async def retrieve(session, task_id, service="wan"):
    return await post(session, f"{service}/tasks", json={"action": "retrieve", "id": task_id})


async def batch(session, ids, **more):
    return await post(session, "wan/tasks", json={"action": "retrieve_batch", "ids": ids, **more})


async def record(simulator, **options):
    """The record of a task that was submitted just now."""
    (task_id,) = simulator.submit(dialect="acedata", **options)
    async with client(simulator, "acedata") as session:
        status, document = await retrieve(session, task_id)

    assert status == 200
    assert document["id"] == task_id
    return document


async def test_a_pending_record_has_no_response():
    """Before a task runs there is no `response` and no end; times are float Unix seconds."""
    async with Simulator() as simulator:
        found = await record(simulator)

    assert not found.keys() & {"response", "finished_at", "duration", "state", "status"}
    assert isinstance(found["created_at"], float)
    assert found["created_at"] == pytest.approx(time.time(), abs=5)


async def test_a_running_video_says_so():
    """The state stands within `response`, and there is no link."""
    async with Simulator(queue=Constant(0)) as simulator:
        found = await record(simulator)

    assert found["response"] == {"success": True, "state": "processing", "task_id": found["id"]}
    assert "finished_at" not in found


async def test_a_video():
    """A video has the fields of the documented record: link, word and id in `response`, times beside it."""
    async with Simulator() as simulator:
        found = await record(simulator, duration=0)
    response = found["response"]

    assert response.keys() == {"success", "video_url", "state", "task_id"}
    assert (response["success"], response["state"], response["task_id"]) == (True, "completed", found["id"])
    assert response["video_url"].endswith("%2Fa%2Bb%3D")
    assert isinstance(found["finished_at"], float)
    assert isinstance(found["duration"], float)
    assert found["type"] == "videos"


async def test_the_echo_of_the_request_holds_urls():
    """`request` tells what was submitted, with links that are no results."""
    async with Simulator() as simulator:
        found = await record(simulator, duration=0)

    assert found["request"]["image_url"].startswith("https://inputs.example/")
    assert found["request"]["callback_url"].endswith(".mp4")


async def test_images_have_no_word():
    """Pictures come in `data`, those that were lost with a state of their own; before the end it is empty."""
    async with Simulator(queue=Constant(0), partial=1.0) as simulator:
        running = (await record(simulator, shape="images", **RUNNING))["response"]
        found = await record(simulator, shape="images", pictures=6, duration=0)
        lost = simulator.task(found["id"]).lost
    items = found["response"]["data"]

    assert (running["success"], running["data"]) == (True, [])
    assert not {"state", "status"} & found["response"].keys()
    assert "finished_at" in found
    assert [index for index, item in enumerate(items) if item["state"] == "failed"] == sorted(lost)
    assert all((item["image_url"] is None) == (item["state"] == "failed") for item in items)


async def test_audio_streams_before_the_end():
    """The links of an unfinished record are streams, and those of the end are others."""
    async with Simulator(queue=Constant(0)) as simulator:
        early = await record(simulator, shape="audio", **RUNNING)
        found = await record(simulator, shape="audio", duration=0)

    assert "finished_at" not in early
    assert {item["state"] for item in early["response"]["data"]} == {"running"}
    assert all(item["audio_url"].startswith("https://streams.example/") for item in early["response"]["data"])
    assert [item["state"] for item in found["response"]["data"]] == ["succeeded", "succeeded"]
    assert all(".mp3?" in item["audio_url"] for item in found["response"]["data"])


@pytest.mark.parametrize("shape", ["video", "images", "audio"])
async def test_a_failure(shape):
    """`success` is false and `error` an object with code and message, whatever should have been made."""
    async with Simulator() as simulator:
        found = await record(simulator, shape=shape, duration=0, status="FAILED", code="timeout")

    assert found["response"]["success"] is False
    assert found["response"]["error"] == {"code": "timeout", "message": "The task took too long."}
    assert not [key for key in found["response"] if key.endswith("url")]
    assert "finished_at" in found


@pytest.mark.parametrize(
    ("status", "word", "ended"), [("CANCELED", "cancelled", True), ("SUSPENDED", "suspended", False)]
)
async def test_other_words(status, word, ended):
    """A canceled task says so and has an end; a word that nobody documented is no end."""
    async with Simulator() as simulator:
        found = await record(simulator, duration=0, status=status)

    assert found["response"] == {"state": word, "task_id": found["id"]}
    assert ("finished_at" in found) == ended


async def test_an_unknown_id_is_an_empty_object():
    """An id that was never given, and one that was forgotten, answer `{}` with status 200."""
    async with Simulator(speed=100_000, lifetime=500) as simulator, client(simulator, "acedata") as session:
        (forgotten,) = simulator.submit(dialect="acedata", duration=0)
        await asyncio.sleep(0.01)

        assert await retrieve(session, "nobody") == (200, {})
        assert await retrieve(session, forgotten) == (200, {})
        assert await batch(session, ["nobody", forgotten]) == (200, {"items": [], "count": 0})


async def test_a_batch_is_in_an_order_of_its_own():
    """Newest first; what is not known is absent, and what is asked twice comes twice."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        first, second, third = simulator.submit(3, dialect="acedata")
        status, page = await batch(session, [first, "nobody", third, second, first])

    assert status == 200
    assert page.keys() == {"items", "count"}
    assert [item["id"] for item in page["items"]] == [third, second, first, first]
    assert page["count"] == 4


async def test_a_batch_has_twelve_items_unless_it_says_more():
    """`limit` is 12 by default, `offset` moves on, and `count` is that of all pages."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        ids = simulator.submit(30, dialect="acedata")
        pages = [
            (await batch(session, ids, **asked))[1]
            for asked in ({}, {"offset": 0, "limit": 30}, {"offset": 25, "limit": 10}, {"limit": 0}, {"offset": 99})
        ]

    assert [len(page["items"]) for page in pages] == [12, 30, 5, 0, 0]
    assert {page["count"] for page in pages} == {30}
    assert [item["id"] for item in pages[2]["items"]] == ids[:5][::-1]


async def test_a_batch_tells_of_ends():
    """Every end on the page counts as told, those that were cut off do not; the report has a route for batches."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        ids = simulator.submit(5, dialect="acedata", duration=0)
        await batch(session, ids, limit=3)
        report = simulator.report("acedata")

    assert len(report.lags) == 3
    assert report.by_route == {"batch": 1}
    assert report.requests == 1


@pytest.mark.parametrize(
    "question",
    [
        {"id": "a"},
        {"action": "retrieve"},
        {"action": "retrieve", "id": 5},
        {"action": "retrieve_batch", "id": "a"},
        {"action": "retrieve_batch", "ids": "a"},
        {"action": "retrieve_batch", "ids": ["a"], "limit": -1},
        {"action": "retrieve_batch", "ids": ["a"], "limit": "9"},
        {"action": "retrieve_batch", "ids": ["a"], "offset": True},
        {"action": "dance", "id": "a"},
        ["a"],
    ],
)
async def test_questions_that_cannot_be_meant(question):
    """Without a known action and what it needs the answer is a 400 in the form of all errors."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        status, document = await post(session, "wan/tasks", json=question)

    assert (status, document["error"]["code"]) == (400, "bad_request")
    assert document.keys() == {"success", "error", "trace_id"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
async def test_bodies_that_are_no_json(body):
    """A body that cannot be read is a 400, not an error of the server."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        status, document = await post(session, "wan/tasks", data=body)

    assert (status, document["success"]) == (400, False)


async def test_every_service_sees_all_tasks():
    """The service is a part of the path and no more."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        (task_id,) = simulator.submit(dialect="acedata", shape="audio")

        for service in ("wan", "suno"):
            assert (await retrieve(session, task_id, service))[1]["type"] == "audios"


@pytest.mark.parametrize(
    ("path", "shape"), [("wan/videos", "video"), ("flux/images", "images"), ("suno/audios", "audio")]
)
async def test_submit(path, shape):
    """What is submitted to has the name of what is made; the model is kept, and needs no quota."""
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        status, document = await post(session, path, json={"action": "generate", "model": "a-model"})
        task = simulator.task(document["task_id"])
        refused, _ = await post(session, path, json={}, headers={"Authorization": ""})
        report = simulator.report("acedata")

    assert (status, document["success"]) == (200, True)
    assert (task.shape, task.model) == (shape, "a-model")
    assert refused == 401
    assert (report.submissions, report.requests, report.by_route) == (1, 0, {"submit": 2})


async def test_refusals():
    """Too many requests, no key and no route, each with the documented code."""
    async with Simulator(quota=Rate(2, per=1_000)) as simulator, client(simulator, "acedata") as session:
        good = [(await retrieve(session, "x"))[0], (await batch(session, ["x"]))[0]]
        throttled = await retrieve(session, "x")
        unauthorized = await post(session, "wan/tasks", json={}, headers={"Authorization": ""})
        lost = await post(session, "wan/tusks", json={})
        report = simulator.report("acedata")

    assert good == [200, 200]
    assert [(status, document["error"]["code"]) for status, document in (throttled, unauthorized, lost)] == [
        (429, "too_many_requests"),
        (401, "invalid_token"),
        (404, "no_api"),
    ]
    assert (report.violations, report.peak) == (1, 3)


async def test_server_errors():
    """api_error with 500 and timeout with 504 come by turns."""
    async with Simulator(faults={"server_error": 1.0}) as simulator, client(simulator, "acedata") as session:
        answers = [await retrieve(session, "x") for _ in range(2)]

    assert [(status, document["error"]["code"]) for status, document in answers] == [
        (500, "api_error"),
        (504, "timeout"),
    ]


async def test_a_confused_batch():
    """The echo of a batch is a batch about a task that was not asked about."""
    async with Simulator(faults={"echo": 1.0}) as simulator, client(simulator, "acedata") as session:
        ids = simulator.submit(3, dialect="acedata", duration=0)
        _, page = await batch(session, ids[:2])
        _, single = await retrieve(session, ids[0])

        assert [item["id"] for item in page["items"]] == [ids[2]]
        assert single["id"] == ids[1]
        assert simulator.report("acedata").lags == ()
