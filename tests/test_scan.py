"""The list of an account's tasks on real sockets: far fewer requests, and every end as true as without it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from wanpoll import Outcome, Poller, Statistics, Status, Task
from wanpoll.simulator import Constant, Lognormal, Report, Simulator

COUNT = 300


async def follow(*, scan: bool, schedule: str, listable: bool = True) -> tuple[Report, Statistics]:
    """Wait for some hundred tasks whose submission is known, to ends that have to be those of the provider."""
    durations = Lognormal(median=60.0, sigma=0.4)
    async with Simulator(
        speed=60.0, seed=3, durations=durations, queue=Constant(2.0), failed=0.1, listable=listable
    ) as simulator:
        tasks = [Task(task_id, submitted_at=datetime.now(UTC)) for task_id in simulator.submit(COUNT)]
        async with Poller(simulator.provider(scan=scan), schedule=schedule) as poller:
            outcomes = await asyncio.wait_for(poller.wait_all(tasks), 30)
            statistics = poller.statistics()
        report = simulator.report()

        assert [outcome.task.id for outcome in outcomes] == [task.id for task in tasks]
        assert [outcome.status for outcome in outcomes] == [simulator.task(task.id).status for task in tasks]
    assert all(map(is_whole, outcomes))
    assert report.violations == 0
    assert report.peak <= report.quota.requests
    assert report.requests == statistics.requests
    return report, statistics


def is_whole(outcome: Outcome) -> bool:
    """Whether there is what no list tells."""
    return bool(outcome.media) if outcome.ok else outcome.status is Status.FAILED and outcome.failure is not None


async def test_with_the_list_far_fewer_requests_tell_the_same_ends() -> None:
    """Hardly more than one question for each task, and some pages: less than half of what single asking takes."""
    off, alone = await follow(scan=False, schedule="economy")
    on, told = await follow(scan=True, schedule="economy")

    assert "list" not in off.by_route
    assert on.by_route["list"] >= 5
    assert on.by_route["query"] >= COUNT
    assert on.requests <= off.requests / 2
    assert told.polls == on.by_route["query"]
    assert told.problems == alone.problems == {}
    saved = [statistics.accounts["dashscope"].saved for statistics in (alone, told)]
    assert saved[1] - saved[0] > (off.requests - on.requests) / 2  # about as many: lags differ, too


async def test_a_list_that_is_forbidden_costs_one_request(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, nobody is refused, and each task is asked about as ever."""
    with caplog.at_level(logging.DEBUG, "wanpoll"):
        report, statistics = await follow(scan=True, schedule="fixed", listable=False)

    assert report.by_route["list"] == report.by_answer[403] == 1
    assert report.by_route["query"] == statistics.polls > 1.5 * COUNT
    assert [record.getMessage() for record in caplog.records if record.name.startswith("wanpoll")] == [
        "dashscope gives no list of its tasks, so each is asked about: AccessDenied: Access denied."
    ]
    assert not statistics.accounts["dashscope"].refused
