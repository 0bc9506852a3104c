"""Every route and answer of MiniMax's dialect, over a real socket."""

import asyncio
import re
import time

import pytest

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import Constant, Simulator

from .helpers import ask, client, post

OK = {"status_code": 0, "status_msg": "success"}


async def query(session, task_id):
    return await ask(session, "query/video_generation", task_id=task_id)


async def retrieve(session, file_id):
    return await ask(session, "files/retrieve", file_id=file_id)


async def told(simulator, **options):
    """What is told of a task that was submitted just now."""
    (task_id,) = simulator.submit(dialect="minimax", **options)
    async with client(simulator, "minimax") as session:
        status, document = await query(session, task_id)

    assert (status, document["task_id"]) == (200, task_id)
    return document


async def test_the_base_url_is_that_of_the_first_version():
    """Clients are given the whole prefix."""
    async with Simulator() as simulator:
        assert simulator.base_url("minimax") == f"{simulator.url}/minimax/v1"


@pytest.mark.parametrize(
    ("options", "word"),
    [({}, "Queueing"), ({"duration": 0, "status": "SUSPENDED"}, "Suspended")],
)
async def test_words_that_are_no_end(options, word):
    """A task that has not ended has no file."""
    async with Simulator() as simulator:
        document = await told(simulator, **options)

    assert document == {"task_id": document["task_id"], "status": word, "file_id": "", "base_resp": OK}


async def test_a_running_task():
    """A running task is Processing."""
    async with Simulator(queue=Constant(0)) as simulator:
        assert (await told(simulator))["status"] == "Processing"


async def test_a_success_names_a_file():
    """A success has the documented fields, and no link anywhere; both ids are numbers in text."""
    async with Simulator() as simulator:
        document = await told(simulator, duration=0)

    assert document.keys() == {"task_id", "status", "file_id", "video_width", "video_height", "base_resp"}
    assert (document["status"], document["base_resp"]) == ("Success", OK)
    assert re.fullmatch(r"\d{15}", document["task_id"])
    assert re.fullmatch(r"\d{15,16}", document["file_id"])
    assert "://" not in str(document)


async def test_a_file():
    """The file has a link and a spare one; its id is a number here."""
    async with Simulator() as simulator, client(simulator, "minimax") as session:
        file_id = (await told(simulator, duration=0))["file_id"]
        status, document = await retrieve(session, file_id)
    file = document["file"]

    assert (status, document["base_resp"]) == (200, OK)
    assert file["file_id"] == int(file_id)
    assert file["download_url"].startswith("http")
    assert file["backup_download_url"] != file["download_url"]


@pytest.mark.parametrize("speed", [1, 60])
async def test_links_are_fresh_and_short_lived(speed):
    """Each question gives another link, which lives for an hour of the provider from then on."""
    async with Simulator(speed=speed) as simulator, client(simulator, "minimax") as session:
        file_id = (await told(simulator, duration=0))["file_id"]
        links = [(await retrieve(session, file_id))[1]["file"]["download_url"] for _ in range(3)]
    expires = [int(re.search(r"Expires=(\d+)", link)[1]) for link in links]

    assert len(set(links)) == 3
    assert expires == [pytest.approx(time.time() + 3_600 / speed, abs=5)] * 3


async def test_files_that_there_are_not():
    """No file for the id of a task, for a task that runs or failed, for nonsense and for nothing."""
    async with Simulator() as simulator, client(simulator, "minimax") as session:
        document = await told(simulator, duration=0)
        offset = int(document["file_id"]) - int(document["task_id"])
        others = [await told(simulator), await told(simulator, duration=0, status="FAILED")]
        ids = [document["task_id"], *(str(int(other["task_id"]) + offset) for other in others), "x", "", "9" * 5_000]
        answers = [await retrieve(session, file_id) for file_id in ids]

    assert {status for status, _ in answers} == {200}
    assert all(answer == {"base_resp": answer["base_resp"]} for _, answer in answers)
    assert {answer["base_resp"]["status_code"] for _, answer in answers} == {2013}


async def test_a_failure():
    """A failed task says Fail, with its code in `base_resp`."""
    async with Simulator() as simulator:
        document = await told(simulator, duration=0, status="FAILED", code="1026")

    assert (document["status"], document["file_id"]) == ("Fail", "")
    assert document["base_resp"] == {"status_code": 1026, "status_msg": "The prompt has sensitive content."}


async def test_drawn_failures_have_codes_of_the_dialect():
    """A failure that nobody asked for has one of MiniMax's numbers."""
    async with Simulator(failed=1.0) as simulator:
        document = await told(simulator, duration=0)

    assert document["base_resp"]["status_code"] in (1026, 1027)


async def test_no_such_task():
    """An id that was never given, or that was forgotten: status 200, an error in `base_resp`, an empty status."""
    async with Simulator(speed=100_000, lifetime=500) as simulator, client(simulator, "minimax") as session:
        (forgotten,) = simulator.submit(dialect="minimax", duration=0)
        await asyncio.sleep(0.01)
        answers = [await query(session, "123456789012345"), await query(session, forgotten), await query(session, "")]

    for status, document in answers:
        assert (status, document["status"], document["file_id"]) == (200, "", "")
        assert document["base_resp"]["status_code"] == 2013


@pytest.mark.parametrize(
    ("options", "message"),
    [({"status": "CANCELED"}, "give one of"), ({"status": "FAILED", "code": "Oops"}, "text of a number, as in '1026'")],
)
def test_what_no_task_can_come_to(options, message):
    """There is no word for a canceled task, and codes are numbers."""
    with pytest.raises(UsageError, match=message):
        Simulator().submit(dialect="minimax", **options)


async def test_submit():
    """A submission answers with the id, or with an error in `base_resp`."""
    async with Simulator() as simulator, client(simulator, "minimax") as session:
        status, document = await post(session, "video_generation", json={"model": "T2V-01"})
        model = simulator.task(document["task_id"]).model
        _, bad = await post(session, "video_generation", json={})
        _, keyless = await post(session, "video_generation", json={"model": "m"}, headers={"Authorization": ""})

    assert (status, document["base_resp"], model) == (200, OK, "T2V-01")
    assert (bad["base_resp"]["status_code"], keyless["base_resp"]["status_code"]) == (2013, 1004)


async def test_refusals_have_status_200():
    """Too many requests, files included, and a missing key are told in `base_resp`; only the route can be a 404."""
    async with Simulator(quota=Rate(2, per=1_000)) as simulator, client(simulator, "minimax") as session:
        await query(session, "1")
        await retrieve(session, "1")
        answers = [await query(session, "1"), await retrieve(session, "1")]
        lost, _ = await ask(session, "nowhere")
        async with session.get("files/retrieve", headers={"Authorization": ""}) as response:
            answers.append((response.status, await response.json()))
        report = simulator.report("minimax")

    assert [(status, document["base_resp"]["status_code"]) for status, document in answers] == [
        (200, 1002),
        (200, 1002),
        (200, 1004),
    ]
    assert lost == 404
    assert report.by_route == {"query": 2, "file": 3}
    assert (report.violations, report.peak) == (2, 4)


async def test_server_errors_have_status_200():
    """1000 and 1033 come by turns."""
    async with Simulator(faults={"server_error": 1.0}) as simulator, client(simulator, "minimax") as session:
        answers = [await query(session, "1") for _ in range(2)]

    assert [(status, document["base_resp"]["status_code"]) for status, document in answers] == [
        (200, 1000),
        (200, 1033),
    ]


async def test_a_confused_file():
    """The echo about a file is another file."""
    async with Simulator() as simulator, client(simulator, "minimax") as session:
        first, second = [(await told(simulator, duration=0))["file_id"] for _ in range(2)]
        simulator.inject("echo", seconds=1e6)
        _, document = await retrieve(session, first)
        _, alike = await retrieve(session, second)

    assert document["file"]["file_id"] == int(second)
    assert alike["file"]["file_id"] == int(first)


async def test_only_the_word_tells_the_end():
    """The lag ends with the answer that says Success, and the file does not count again."""
    async with Simulator() as simulator, client(simulator, "minimax") as session:
        file_id = (await told(simulator, duration=0))["file_id"]
        await retrieve(session, file_id)

        assert len(simulator.report("minimax").lags) == 1
