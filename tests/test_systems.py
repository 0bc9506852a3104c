"""Every system of the simulator, through one poller, over real sockets."""

from __future__ import annotations

import pytest

from wanpoll import Outcome, Poller, Status, Task
from wanpoll.simulator import DIALECTS, Constant, Simulator

SHAPES = {
    "dashscope": ("video", "images", "choices"),
    "acedata": ("video", "images", "audio"),
    "anyfast": ("video",),
    "vapi": ("minimax", "jimeng", "dashscope"),
    "minimax": ("video",),
}
FAULTS = {"server_error": 0.05, "reset": 0.05, "garbage": 0.05, "html": 0.03, "empty": 0.03, "cut": 0.03, "echo": 0.05}


async def all_ended(simulator: Simulator, tasks: list[Task]) -> list[Outcome]:
    providers = [simulator.provider(dialect=name, interval=5.0) for name in DIALECTS]
    async with Poller(*providers) as poller:
        return await poller.wait_all(tasks)


def submitted(simulator: Simulator, count: int) -> list[Task]:
    """`count` tasks of each shape of each system; a quarter of them fail."""
    tasks = []
    for name, shapes in SHAPES.items():
        for shape in shapes:
            good = simulator.submit(count - count // 4, dialect=name, shape=shape)
            bad = simulator.submit(count // 4, dialect=name, shape=shape, status="FAILED")
            tasks += [Task(each, name) for each in (*good, *bad)]
    return tasks


@pytest.mark.parametrize("faults", [{}, FAULTS], ids=["fair weather", "bad weather"])
async def test_every_system_tells_the_truth(faults):
    """Each wait ends as the system decided, what succeeded has its media, and the quotas are kept."""
    async with Simulator(speed=100, durations=Constant(30), queue=Constant(5), faults=faults, seed=7) as simulator:
        outcomes = await all_ended(simulator, submitted(simulator, 8))
        report = simulator.report()

    assert len(outcomes) == 8 * sum(map(len, SHAPES.values()))
    for outcome in outcomes:
        assert outcome.status == simulator.task(outcome.task.id).status
        assert outcome.ok == any(media.url for media in outcome.media)
        assert outcome.ok or outcome.failure is not None
    assert report.violations == 0


async def test_many_tasks_of_one_account_go_out_together():
    """Ace is asked about fifty at once; the questions of the others are about one."""
    async with Simulator(speed=100, durations=Constant(60)) as simulator:
        tasks = [Task(each, "acedata") for each in simulator.submit(500, dialect="acedata")]
        outcomes = await all_ended(simulator, tasks)
        report = simulator.report("acedata")

    assert all(outcome.ok for outcome in outcomes)
    assert report.by_route["batch"] * 50 < 1.3 * sum(outcome.polls for outcome in outcomes)
    assert report.by_route.get("query", 0) < 10


async def test_a_link_that_died_is_asked_for_anew():
    """MiniMax's links live for an hour; the file's id in the outcome gives another one."""
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(1, dialect="minimax", duration=0)
        async with Poller(simulator.provider(dialect="minimax")) as poller:
            old = await poller.wait_for(task_id)
            fresh = await poller.refresh(old)

    assert old.status is fresh.status is Status.SUCCEEDED
    assert old.media[0].file_id == fresh.media[0].file_id
    assert old.media[0].url != fresh.media[0].url
