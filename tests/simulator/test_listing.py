from datetime import UTC, datetime, timedelta

import pytest

from wanpoll.simulator import Constant, Simulator

from .helpers import ask, client


def stamp(hours):
    return (datetime.now(UTC) + timedelta(hours=8 + hours)).strftime("%Y%m%d%H%M%S")


async def listed(simulator, **parameters):
    async with client(simulator) as session:
        return await ask(session, "tasks", **parameters)


async def test_rows_are_flat():
    """A row says `status`, has integer milliseconds, and neither a link nor a reason; the page is flat too."""
    async with Simulator() as simulator:
        (failed,) = simulator.submit(duration=0, status="FAILED")
        (pending,) = simulator.submit()
        status, page = await listed(simulator)

    assert status == 200
    assert page.keys() == {"request_id", "total", "total_page", "page_no", "page_size", "data"}
    newest, oldest = page["data"]
    assert (newest["task_id"], oldest["task_id"]) == (pending, failed)
    assert newest.keys() == {"task_id", "status", "model_name", "gmt_create"}
    assert oldest.keys() == newest.keys() | {"start_time", "end_time"}
    assert oldest["status"] == "FAILED"
    assert isinstance(oldest["end_time"], int)


async def test_pages():
    """Pages divide the tasks without gap or overlap; a page behind the last one is empty."""
    async with Simulator() as simulator:
        ids = simulator.submit(25)
        pages = [(await listed(simulator, page_no=number, page_size=10))[1] for number in (1, 2, 3, 4)]

    assert [len(page["data"]) for page in pages] == [10, 10, 5, 0]
    assert [row["task_id"] for page in pages for row in page["data"]] == ids[::-1]
    assert {(page["total"], page["total_page"], page["page_size"]) for page in pages} == {(25, 3, 10)}


async def test_a_page_has_ten_rows_and_a_hundred_at_most():
    """The documented default is 10; larger pages than 100 are cut down to it."""
    async with Simulator() as simulator:
        simulator.submit(120)
        sizes = [len((await listed(simulator, **asked))[1]["data"]) for asked in ({}, {"page_size": 5_000})]

    assert sizes == [10, 100]


async def test_filters():
    """Status, model and id each select their tasks."""
    async with Simulator(queue=Constant(0)) as simulator:
        (done,) = simulator.submit(duration=0)
        (running,) = simulator.submit(shape="images")
        found = {
            name: [row["task_id"] for row in (await listed(simulator, **{name: value}))[1]["data"]]
            for name, value in [("status", "SUCCEEDED"), ("model_name", "wan2.5-t2i-preview"), ("task_id", done)]
        }

    assert found == {"status": [done], "model_name": [running], "task_id": [done]}


@pytest.mark.parametrize(
    ("start", "end", "total"), [(-1, None, 1), (None, 1, 1), (-2, -1, 0), (1, 2, 0), (-1, 1, 1), (-12, 12, 1)]
)
async def test_spans(start, end, total):
    """Only tasks submitted within the span, in UTC+8, are listed; one end is enough."""
    span = {name: stamp(hours) for name, hours in [("start_time", start), ("end_time", end)] if hours is not None}
    async with Simulator() as simulator:
        simulator.submit()
        _, page = await listed(simulator, **span)

    assert page["total"] == total


@pytest.mark.parametrize(
    "parameters",
    [
        {"start_time": "2026-03-01"},
        {"start_time": stamp(-30), "end_time": stamp(0)},
        {"status": "DONE"},
        {"page_no": "0"},
        {"page_size": "ten"},
    ],
)
async def test_bad_filters(parameters):
    """A filter that cannot be read and a span over 24 hours are a 400."""
    async with Simulator() as simulator:
        status, document = await listed(simulator, **parameters)

    assert (status, document["code"]) == (400, "InvalidParameter")
