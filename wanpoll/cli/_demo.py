"""`wanpoll demo`: two thousand tasks at five systems, bad weather, and a report that tells how it went."""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections import Counter
from datetime import UTC, datetime

from attrs import frozen

from wanpoll import Outcome, Poller, Status, Task
from wanpoll.cli import OK, SOME_FAILED
from wanpoll.cli._demo_report import Story, told
from wanpoll.cli._demo_views import DemoView, Moment, chosen
from wanpoll.cli._views import Problems
from wanpoll.simulator import Lognormal, Simulator, Uniform

FRAME = 0.2
"""Seconds between two pictures."""

INTERVAL = 15.0
"""Provider seconds: the advised interval for videos."""

RENDERING = Uniform(300.0, 720.0)
"""Provider seconds. The documented examples of videos took 7 to 17 minutes."""

QUEUE = Lognormal(median=10.0, sigma=0.5)
FAILED = 0.03


@frozen
class Share:
    """What part of the tasks (the weight of `parts`) goes to a system, and how their results look there."""

    system: str
    shape: str
    parts: int


SHARES = (
    Share("dashscope", "video", 6),
    Share("dashscope", "images", 2),
    Share("acedata", "video", 3),
    Share("acedata", "images", 1),
    Share("anyfast", "video", 3),
    Share("vapi", "minimax", 1),
    Share("vapi", "jimeng", 1),
    Share("vapi", "dashscope", 1),
    Share("minimax", "video", 2),
)
SYSTEMS = tuple(dict.fromkeys(share.system for share in SHARES))


@frozen
class Weather:
    """A fault that befalls all requests: when it begins and for how long (provider seconds), and how it is told."""

    at: float
    kind: str
    seconds: float
    title: str


WEATHER = (
    Weather(180.0, "throttle", 5.0, "the provider answers 429 to everything, for 5 s"),
    Weather(330.0, "server_error", 20.0, "an outage begins: 500 and 503 to everything, for 20 s"),
    Weather(350.0, "reset", 10.0, "the outage goes on: every connection is reset, for 10 s"),
    Weather(360.0, "server_error", 0.0, "the provider is well again"),
)


def run(arguments: argparse.Namespace) -> int:
    """Play the demo; the report goes to stdout."""
    # What the log would say is said by the view.
    logging.getLogger("wanpoll").addHandler(logging.NullHandler())
    demo = Demo(arguments, chosen(plain=arguments.plain))
    story = asyncio.run(demo.run())
    print(told(story))
    return OK if story.true and not story.report.violations else SOME_FAILED


class Demo:
    """One run: the simulator, the poller, and those who look on. Each system is one account, with its own quota."""

    def __init__(self, arguments: argparse.Namespace, view: DemoView) -> None:
        self._began = time.monotonic()
        self._count: int = arguments.tasks
        self._view = view
        self._problems = Problems()
        self._ends: Counter[Status] = Counter()
        self._untrue = 0
        self._simulator = Simulator(
            speed=arguments.speed, seed=arguments.seed, durations=RENDERING, queue=QUEUE, failed=FAILED
        )

    async def run(self) -> Story:
        """Submit, wait for all, and tell the story."""
        async with self._simulator as simulator:
            providers = [simulator.provider(dialect=system, interval=INTERVAL) for system in SYSTEMS]
            async with Poller(*providers, observer=self._problems) as poller:
                with self._view:
                    await self._play(poller)
                problems = poller.statistics().problems
            return Story(
                tasks=self._count,
                ends=self._ends,
                untrue=self._untrue,
                report=simulator.report(),
                systems={system: simulator.report(system) for system in SYSTEMS},
                problems=problems,
                interval=INTERVAL,
                wall=time.monotonic() - self._began,
            )

    async def _play(self, poller: Poller) -> None:
        self._view.open(self._count, len(SYSTEMS), self._simulator.quota, self._simulator.speed)
        extras = [asyncio.ensure_future(each) for each in (self._make_weather(), self._look(poller))]
        try:
            async for outcome in poller.as_completed(self._submit()):
                self._note(outcome)
        finally:
            self._view.show(self._moment(poller))
            for extra in extras:
                extra.cancel()
            await asyncio.gather(*extras, return_exceptions=True)

    def _submit(self) -> list[Task]:
        """All tasks; the first share takes what the division leaves over."""
        parts = sum(share.parts for share in SHARES)
        counts = [self._count * share.parts // parts for share in SHARES]
        counts[0] += self._count - sum(counts)
        return [
            Task(task_id, share.system, kind=share.shape, submitted_at=datetime.now(UTC))
            for share, count in zip(SHARES, counts, strict=True)
            for task_id in self._simulator.submit(count, dialect=share.system, shape=share.shape)
        ]

    def _note(self, outcome: Outcome) -> None:
        self._ends[outcome.status] += 1
        task = self._simulator.task(outcome.task.id)
        without = outcome.ok and not any(media.url for media in outcome.media)
        self._untrue += outcome.status != task.status or self._simulator.now < task.ends_at or without

    async def _make_weather(self) -> None:
        for each in WEATHER:
            await asyncio.sleep((each.at - self._simulator.now) / self._simulator.speed)
            self._simulator.inject(each.kind, each.seconds)
            self._view.tell(self._simulator.now, each.title)

    async def _look(self, poller: Poller) -> None:
        while True:
            await asyncio.sleep(FRAME)
            self._view.show(self._moment(poller))

    def _moment(self, poller: Poller) -> Moment:
        return Moment(self._simulator.now, poller.statistics(), self._problems.last)
