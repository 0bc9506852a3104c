"""The workloads that have a name, to work with. (`hidden` draws others, so that nobody tunes to names.)"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random

from attrs import evolve, frozen

from benchmarks.schedule import lives as flows
from benchmarks.schedule.laws import Law, constant, exponential, gamma, lognormal, mixture, shifted, weibull
from benchmarks.schedule.lives import Flow, Life, changing, closed, phases, steady

TASKS = 2_000
STEP = 1 / 3
"""The share of tasks that are submitted before a sudden change."""


@frozen
class Workload:
    """Tasks, and what the answers about them show.

    `states`: whether answers tell PENDING from RUNNING. `times`: whether the last answer has the exact times. `blocks`:
    in how many parts of alike tasks the run falls, for the oracle. `steps`: whether there is a sudden change.
    """

    name: str
    family: str
    flow: Flow
    states: bool = False
    times: bool = True
    blocks: int = 1
    steps: bool = False
    tasks: int = TASKS

    def lives(self, seed: int) -> list[Life]:
        """The tasks, the same for the same seed."""
        return self.flow(Random(f"{self.name} {seed}"), self.tasks)


def alike(name: str, law: Law) -> Workload:
    """Tasks of one law, at first sight without a state but RUNNING."""
    return Workload(name, name.partition("-")[0], closed(steady(law)))


def queued(name: str, mean: float, sigma: float, flow_of: Callable[[Law], Flow]) -> Workload:
    """Tasks that wait for their turn, visibly, and then run lognormal times of that mean."""
    return Workload(name, "queue", flow_of(lognormal(mean * math.exp(-(sigma**2) / 2), sigma)), states=True)


def step(name: str, law_of: Callable[[float], Law], factor: float) -> Workload:
    """After a third of the tasks all new ones take `factor` times as long."""
    before, after = law_of(1.0), law_of(factor)
    stream = changing(lambda share: before if share < STEP else after)
    return Workload(name, "step", closed(stream), blocks=3, steps=True)


def drift(name: str, law_of: Callable[[float], Law], factor: float) -> Workload:
    """Durations swing slowly between their shortest and `factor` times that: a sine and a half."""
    stream = changing(lambda share: law_of(factor ** (0.5 * math.sin(3 * math.pi * share))))
    return Workload(name, "drift", closed(stream), blocks=12)


def scaled(median: float, sigma: float) -> Callable[[float], Law]:
    """A lognormal law whose times can be stretched."""
    return lambda scale: lognormal(median * scale, sigma)


def named_workloads() -> Mapping[str, Workload]:
    """All that have a name, by it."""
    return {workload.name: workload for workload in (*_alike(), *_several(), *_changing(), *_bursts(), *_queues())}


def _alike() -> list[Workload]:
    return [
        alike("lognormal-45-0.2", lognormal(45.0, 0.2)),
        alike("lognormal-120-0.3", lognormal(120.0, 0.3)),
        alike("lognormal-480-0.3", lognormal(480.0, 0.3)),
        alike("lognormal-90-0.6", lognormal(90.0, 0.6)),
        alike("lognormal-240-0.6", lognormal(240.0, 0.6)),
        alike("lognormal-120-1.0", lognormal(120.0, 1.0)),
        alike("gamma-150-4", gamma(150.0, 4.0)),
        alike("gamma-300-12", gamma(300.0, 12.0)),
        alike("weibull-200-2", weibull(200.0, 2.0)),
        alike("weibull-100-4", weibull(100.0, 4.0)),
        alike("shifted-60-60", shifted(60.0, 60.0)),
        alike("shifted-150-30", shifted(150.0, 30.0)),
        alike("exponential-120", exponential(120.0)),
        alike("constant-100", constant(100.0)),
        alike("modes-40-190", mixture((0.5, lognormal(40.0, 0.02)), (0.5, lognormal(190.0, 0.02)))),
        alike("bimodal-60-240", mixture((0.5, lognormal(60.0, 0.25)), (0.5, lognormal(240.0, 0.25)))),
        alike("fails-or-runs", mixture((0.3, lognormal(6.0, 0.4)), (0.7, lognormal(240.0, 0.2)))),
    ]


def _several() -> list[Workload]:
    laws = (
        (0.4, lognormal(40.0, 0.2)),
        (0.3, lognormal(110.0, 0.2)),
        (0.2, lognormal(300.0, 0.25)),
        (0.1, lognormal(700.0, 0.3)),
    )
    short = phases(lognormal(60.0, 0.8), lognormal(120.0, 0.2))
    long = phases(exponential(200.0), lognormal(60.0, 0.3))
    return [
        Workload("classes-told", "classes", closed(flows.classes(laws, told=True))),
        Workload("classes-untold", "classes", closed(flows.classes(laws, told=False))),
        Workload("phases-60-120", "phases", closed(short), states=True),
        Workload("phases-200-60", "phases", closed(long), states=True),
    ]


def _changing() -> list[Workload]:
    return [
        step("step-up", scaled(120.0, 0.3), 2.5),
        step("step-down", scaled(120.0, 0.3), 1 / 2.5),
        drift("drift-3", scaled(120.0, 0.3), 3.0),
    ]


def _bursts() -> list[Workload]:
    return [
        Workload("bursts-120-0.3", "bursts", flows.bursts(steady(lognormal(120.0, 0.3)))),
        Workload("bursts-90-0.6", "bursts", flows.bursts(steady(lognormal(90.0, 0.6)))),
    ]


def _queues() -> list[Workload]:
    open_60 = queued("queue-60-3", 60.0, 0.3, lambda law: flows.queue(law, 3, 0.95, 60.0))
    return [
        queued("queue-18-2", 18.0, 0.4, lambda law: flows.queue(law, 2, 0.95, 18.0)),
        open_60,
        queued("queue-300-4", 300.0, 0.3, lambda law: flows.queue(law, 4, 0.92, 300.0)),
        queued("queue-1200-3", 1200.0, 0.3, lambda law: flows.queue(law, 3, 0.9, 1200.0)),
        queued("long-queue-30-2", 30.0, 0.3, lambda law: flows.closed_queue(law, 2)),
        queued("long-queue-120-5", 120.0, 0.3, lambda law: flows.closed_queue(law, 5)),
        queued("burst-queue-60-4", 60.0, 0.3, lambda law: flows.queued_bursts(law, 4)),
        evolve(open_60, name="queue-60-3-hidden", family="hidden queue", states=False),
    ]
