"""Everything at once, over real sockets: hiccups of every kind, and still only the provider's word ends a task."""

from __future__ import annotations

import asyncio

import pytest

from wanpoll import Outcome, Poller, ProviderRefused, Status
from wanpoll.simulator import FAULTS, Constant, Lognormal, Simulator

PASSING = sorted(set(FAULTS) - {"unauthorized"})
MIX = dict.fromkeys(PASSING, 0.02)
DURATIONS = Lognormal(median=60.0, sigma=0.4)


def wrong(simulator: Simulator, outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes that are not what the provider said."""
    return [outcome for outcome in outcomes if outcome.status != simulator.task(outcome.task.id).status]


async def test_under_a_mix_of_all_faults_the_truth_is_told() -> None:
    """No wait is ended by a hiccup, and the quota is never exceeded at the server."""
    async with Simulator(speed=40.0, seed=5, durations=DURATIONS, faults=MIX, failed=0.1) as simulator:
        ids = simulator.submit(150)
        async with Poller(simulator.provider(), poll_timeout=0.4) as poller:
            outcomes = await poller.wait_all(ids)
            problems = poller.statistics().problems
        report = simulator.report()

    assert wrong(simulator, outcomes) == []
    assert report.violations == 0
    assert report.peak <= report.quota.requests
    assert len(problems) >= 4


@pytest.mark.parametrize("kind", PASSING)
async def test_each_kind_of_outage_is_survived(kind: str) -> None:
    """The provider does nothing else for a while; then the task succeeds."""
    async with Simulator(speed=200.0, durations=Constant(10.0), slow=400.0) as simulator:
        ids = simulator.submit(3)
        simulator.inject(kind, seconds=60.0)
        async with Poller(simulator.provider(), poll_timeout=0.2) as poller:
            outcomes = await asyncio.wait_for(poller.wait_all(ids), 20)

    assert [outcome.status for outcome in outcomes] == [Status.SUCCEEDED] * 3
    assert simulator.report().violations == 0


async def test_a_burst_of_429_slows_the_account_and_loses_nothing() -> None:
    """Asking goes on within the quota, and recovers."""
    async with Simulator(speed=60.0, durations=Constant(120.0)) as simulator:
        ids = simulator.submit(200)
        async with Poller(simulator.provider()) as poller:
            waiting = asyncio.create_task(poller.wait_all(ids))
            await asyncio.sleep(0.05)
            simulator.inject("throttle", seconds=3.0)
            outcomes = await waiting

    assert all(outcome.ok for outcome in outcomes)
    assert simulator.report().violations == 0


async def test_a_refused_key_stops_at_once_and_can_be_mended() -> None:
    """Nobody is asked any more; after the key is mended, waiting again succeeds."""
    async with Simulator(speed=100.0, durations=Constant(5.0)) as simulator:
        ids = simulator.submit(50)
        simulator.inject("unauthorized", seconds=1e6)
        async with Poller(simulator.provider()) as poller:
            with pytest.raises(ProviderRefused, match="InvalidApiKey"):
                await poller.wait_all(ids)
            await asyncio.sleep(0.04)  # those that were under way arrive
            asked = simulator.report().requests
            await asyncio.sleep(0.04)
            assert simulator.report().requests == asked < 50

            simulator.heal()
            assert all(outcome.ok for outcome in await poller.wait_all(ids))


async def test_what_the_provider_forgot_expires_as_unknown() -> None:
    """The simulator answers UNKNOWN for ids that are not its own, as DashScope does."""
    async with Simulator(speed=100.0) as simulator, Poller(simulator.provider(), unknown_grace=0.1) as poller:
        outcome = await poller.wait_for("never-submitted")

    assert (outcome.status, outcome.reason, outcome.polls) == (Status.EXPIRED, "unknown", 3)
