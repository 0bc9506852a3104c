"""A client that this project did not write: DashScope's official SDK, unchanged, waits for simulated tasks.

Its first query comes at once and the next one a second later, which is the only real wait of these tests.
"""

import asyncio
import warnings

import pytest

from wanpoll.simulator import Constant, Simulator

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    dashscope = pytest.importorskip("dashscope")
    from dashscope.aigc.video_synthesis import AioVideoSynthesis
    from dashscope.api_entities import aio_session

KEY = "sk-simulated"


def quick_simulator(**options):
    """Its tasks run for a provider second, which is a hundredth of the client's."""
    return Simulator(speed=100, queue=Constant(0), durations=Constant(1), **options)


@pytest.fixture
def direct(monkeypatch):
    """Direct the SDK to a simulator. Not every method of it takes an address, so its default is replaced."""
    return lambda simulator: monkeypatch.setattr(dashscope, "base_http_api_url", simulator.base_url())


async def test_video_synthesis(direct):
    """The synchronous SDK submits, waits through a RUNNING task and reads the video's link."""
    async with quick_simulator() as simulator:
        direct(simulator)

        def wait():
            task = dashscope.VideoSynthesis.async_call(model="wan2.7-t2v", prompt="a lake", api_key=KEY)
            return dashscope.VideoSynthesis.wait(task, api_key=KEY)

        response = await asyncio.to_thread(wait)
        report = simulator.report()

    assert response.status_code == 200
    assert response.output.task_status == "SUCCEEDED"
    assert response.output.video_url.endswith("%3D")
    assert report.violations == 0
    assert len(report.lags) == 1


async def test_image_synthesis_with_partial_failures(direct):
    """The SDK reads results of which some are only a code and a message."""
    async with quick_simulator(partial=1.0) as simulator:
        direct(simulator)
        (task_id,) = simulator.submit(shape="images", duration=0)
        response = await asyncio.to_thread(dashscope.ImageSynthesis.wait, task_id, api_key=KEY)
        lost = simulator.task(task_id).lost

    assert response.output.task_status == "SUCCEEDED"
    assert {index for index, result in enumerate(response.output.results) if not result.get("url")} == lost
    assert response.usage.image_count == 4 - len(lost)


async def test_aio_video_synthesis(direct):
    """The asynchronous SDK submits and waits with success."""
    async with quick_simulator() as simulator:
        direct(simulator)
        task = await AioVideoSynthesis.async_call(model="wan2.7-t2v", prompt="a lake", api_key=KEY)
        response = await AioVideoSynthesis.wait(task, api_key=KEY)
        await aio_session.close_shared_aio_session()

    assert response.output.task_status == "SUCCEEDED"
    assert response.output.video_url


async def test_list_and_cancel(direct):
    """The SDK cancels a PENDING task and finds it in the list."""
    async with Simulator(queue=Constant(1_000)) as simulator:
        direct(simulator)
        (task_id,) = simulator.submit()
        canceled = await asyncio.to_thread(dashscope.VideoSynthesis.cancel, task_id, api_key=KEY)
        listed = await asyncio.to_thread(dashscope.VideoSynthesis.list, status="CANCELED", api_key=KEY)

    assert canceled.status_code == 200
    assert [row["task_id"] for row in listed.output["data"]] == [task_id]
