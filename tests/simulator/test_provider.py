"""The library's own provider reads what the simulator answers."""

import time

import pytest

from wanpoll._core.model import Rate, Status, Task
from wanpoll.exceptions import UsageError
from wanpoll.providers import Reply
from wanpoll.simulator import SHAPES, Simulator

from .helpers import client


async def read(simulator, task_id):
    """The observation that wanpoll's provider makes of this task."""
    provider, task = simulator.provider().bind({}), Task(task_id)
    request = provider.ask([task])
    async with client(simulator) as session, session.get(request.url, headers=provider.headers()) as response:
        reply = Reply(response.status, await response.read(), time.time())
    (observation,) = provider.read([task], reply).observations
    return observation


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_is_read(shape):
    """The provider finds as many results as the task has, each with its link, but a template has none."""
    async with Simulator() as simulator:
        (task_id,) = simulator.submit(shape=shape, duration=0)
        observation = await read(simulator, task_id)
    expected = 0 if shape == "template" else SHAPES[shape].pictures

    assert observation.status is Status.SUCCEEDED
    assert len([media for media in observation.media if media.url]) == expected


async def test_a_failure_is_read():
    """The provider reads code and message, beside `output` as well as within it."""
    async with Simulator() as simulator:
        for shape in ("video", "choices"):
            (task_id,) = simulator.submit(shape=shape, duration=0, status="FAILED", code="DataInspectionFailed")
            observation = await read(simulator, task_id)

            assert observation.status is Status.FAILED
            assert observation.failure.code == "DataInspectionFailed"


async def test_quota_and_interval_are_the_clients():
    """A provider is told the simulator's quota and the interval in seconds of the client."""
    async with Simulator(speed=10, quota=Rate(40, per=2.0)) as simulator:
        provider = simulator.provider("sk-another", name="second", interval=15)

        assert (provider.name, provider.base_url) == ("second", simulator.base_url())
        assert (provider.quota, provider.interval) == (Rate(40, per=0.2), 1.5)
        with pytest.raises(UsageError, match="interval"):
            simulator.provider(interval=0)
