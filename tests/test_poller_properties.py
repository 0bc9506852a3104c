"""Whatever happens, in whatever order: each waiter gets the truth, once."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.clouds import Cloud, broken_connection, id_of
from wanpoll import Outcome, PollerClosed, ProviderRefused, Rate, TaskForgotten
from wanpoll.testing import VirtualLoop, reply

RATE = Rate(2, per=1.0)
IDS = [f"t{number}" for number in range(8)]
ids = st.sampled_from(IDS)
TROUBLE = {
    "broken": broken_connection,
    "html": lambda: reply(b"<html>", 502),
    "throttled": lambda: reply({"code": "Throttling"}, 429),
    "after": lambda: reply({"code": "Throttling"}, 429, retry_after=9.0),
    "refused": lambda: reply({"code": "InvalidApiKey"}, 401),
    "empty": lambda: reply(b""),
    "hang": lambda: asyncio.sleep(1e6),
}


class Waiting(RuleBasedStateMachine):
    """Callers wait, give up, forget and nudge, while the provider misbehaves and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.cloud = Cloud(runs=1e9, latency=0.2)
        self.poller = self.cloud.poller(quota=RATE, interval=2.0, poll_timeout=5.0)
        self.run(self.poller.__aenter__())
        self.waits: list[asyncio.Task[Any]] = []

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def start(self, work: Any) -> None:
        self.waits.append(asyncio.ensure_future(work))
        await asyncio.sleep(0)

    @rule(task_id=ids)
    def wait(self, task_id: str) -> None:
        self.run(self.start(self.poller.wait_for(task_id)))

    @rule(tasks=st.lists(ids, max_size=5))
    def wait_all(self, tasks: list[str]) -> None:
        self.run(self.start(self.poller.wait_all(tasks)))

    @rule(tasks=st.lists(ids, max_size=5))
    def iterate(self, tasks: list[str]) -> None:
        async def collect() -> list[Outcome]:
            return [outcome async for outcome in self.poller.as_completed(tasks)]

        self.run(self.start(collect()))

    @rule(pick=st.integers(0, 99))
    def give_up(self, pick: int) -> None:
        async def cancel() -> None:
            wait = self.waits.pop(pick % len(self.waits))
            wait.cancel()
            await asyncio.gather(wait, return_exceptions=True)

        if self.waits:
            self.run(cancel())

    @rule(task_id=ids)
    def nudge(self, task_id: str) -> None:
        self.run(self.call(self.poller.nudge, task_id))

    @rule(task_id=ids)
    def forget(self, task_id: str) -> None:
        self.run(self.call(self.poller.forget, task_id))

    async def call(self, function: Any, *arguments: Any) -> None:
        function(*arguments)
        await asyncio.sleep(0)

    @rule(task_id=ids, kind=st.sampled_from(sorted(TROUBLE)))
    def misbehave(self, task_id: str, kind: str) -> None:
        self.cloud.trouble[task_id] = TROUBLE[kind]

    @rule(task_id=ids)
    def behave(self, task_id: str) -> None:
        self.cloud.trouble.pop(task_id, None)

    @rule(task_id=ids, word=st.sampled_from(["SUCCEEDED", "FAILED", "CANCELED"]))
    def end(self, task_id: str, word: str) -> None:
        if task_id not in self.cloud.words:  # a provider does not change its word
            self.cloud.words[task_id] = word
            self.cloud.seconds[task_id] = 0.0

    @rule(seconds=st.sampled_from([0.01, 0.5, 3.0, 20.0, 200.0]))
    def advance(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @invariant()
    def what_waiters_got_is_the_truth(self) -> None:
        for wait in self.waits:
            if wait.done():
                self.check(wait)

    @invariant()
    def those_who_left_are_forgotten(self) -> None:
        if all(wait.done() for wait in self.waits):
            assert len(self.poller._waiters) == 0

    @invariant()
    def the_quota_holds(self) -> None:
        times = self.cloud.transport.times()
        assert all(later - earlier >= RATE.per for earlier, later in zip(times, times[2:], strict=False))

    def check(self, wait: asyncio.Task[Any]) -> None:
        if wait.exception() is not None:
            assert isinstance(wait.exception(), TaskForgotten | ProviderRefused)
            return
        result = wait.result()
        for outcome in [result] if isinstance(result, Outcome) else result:
            assert outcome.status == self.cloud.words[outcome.task.id]

    def teardown(self) -> None:
        """When the provider is well again and all tasks end, all waits do; closing wakes those that begin after."""
        self.cloud.trouble.clear()
        for task_id in IDS:
            self.end(task_id, "SUCCEEDED")
        self.run(asyncio.sleep(10_000.0))
        assert all(wait.done() for wait in self.waits)
        self.what_waiters_got_is_the_truth()
        assert len(self.poller._waiters) == 0

        self.cloud.seconds["late"] = 1e9
        self.run(self.start(self.poller.wait_for("late")))
        self.run(self.poller.aclose())
        self.run(asyncio.sleep(0))
        assert isinstance(self.waits[-1].exception(), PollerClosed)
        assert not asyncio.all_tasks(self.loop)
        assert {id_of(request) for _, request in self.cloud.transport.asked} <= {*IDS, "late"}
        self.loop.close()


Waiting.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestWaiting = Waiting.TestCase
