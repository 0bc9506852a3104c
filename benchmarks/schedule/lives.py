"""What really happens to tasks, whoever asks about them: submitted, started, finished.

Lives do not depend on polling (a task's *end* submits the next, not the news of it), so that all policies are judged
on the same draws at the same times.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias

from attrs import frozen

from benchmarks.schedule.laws import Law, draw

IN_FLIGHT = 50
SPREAD = 60.0
"""Seconds over which the first tasks are submitted."""


@frozen
class Life:
    """One task, in virtual seconds. `kind` is what the user tells of its class."""

    submitted: float
    started: float
    finished: float
    kind: str | None = None

    @property
    def duration(self) -> float:
        """Seconds from the submission to the end."""
        return self.finished - self.submitted


@frozen
class Draw:
    """What a task needs: seconds of running, and of waiting before that."""

    runs: float
    waits: float = 0.0
    kind: str | None = None


Stream: TypeAlias = Callable[[Random, int], Iterator[Draw]]
"""Draws of `count` tasks, in the order of submission."""

Flow: TypeAlias = Callable[[Random, int], list[Life]]
"""Lives of `count` tasks, in the order of submission."""


def steady(law: Law) -> Stream:
    """One law for all."""
    return changing(lambda _: law)


def changing(law_at: Callable[[float], Law]) -> Stream:
    """The law depends on the share of tasks that were submitted before, 0..1."""
    return lambda rng, count: (Draw(draw(law_at(index / count), rng)) for index in range(count))


def phases(waiting: Law, running: Law) -> Stream:
    """A wait of its own before each run."""
    return lambda rng, count: (Draw(draw(running, rng), draw(waiting, rng)) for _ in range(count))


def classes(laws: tuple[tuple[float, Law], ...], told: bool) -> Stream:
    """Several laws with their weights; `told` is whether the user names them."""
    weights = [weight for weight, _ in laws]

    def stream(rng: Random, count: int) -> Iterator[Draw]:
        for index in rng.choices(range(len(laws)), weights, k=count):
            yield Draw(draw(laws[index][1], rng), kind=f"model-{index}" if told else None)

    return stream


def closed(stream: Stream, in_flight: int = IN_FLIGHT) -> Flow:
    """So many tasks at any time: the end of one submits the next."""

    def flow(rng: Random, count: int) -> list[Life]:
        free = _first_slots(rng, in_flight)
        lives = []
        for each in stream(rng, count):
            lives.append(_unhindered(free[0], each))
            heapq.heapreplace(free, lives[-1].finished)
        return lives

    return flow


def bursts(stream: Stream, size: int = IN_FLIGHT) -> Flow:
    """So many tasks are submitted together; the end of the last submits the next burst."""

    def flow(rng: Random, count: int) -> list[Life]:
        at = 0.0
        lives: list[Life] = []
        for index, each in enumerate(stream(rng, count)):
            if index and index % size == 0:
                at = max(life.finished for life in lives[-size:])
            lives.append(_unhindered(at, each))
        return lives

    return flow


def queue(law: Law, servers: int, load: float, mean: float) -> Flow:
    """M/G/k: tasks come at random, `load` of what the servers can do, and run in the order of submission."""

    def flow(rng: Random, count: int) -> list[Life]:
        at, free, lives = 0.0, [0.0] * servers, []
        for _ in range(count):
            at += rng.expovariate(load * servers / mean)
            lives.append(_served(at, draw(law, rng), free))
        return lives

    return flow


def closed_queue(law: Law, servers: int, in_flight: int = IN_FLIGHT) -> Flow:
    """A long queue of one's own: so many tasks at any time, of which `servers` run, in the order of submission."""

    def flow(rng: Random, count: int) -> list[Life]:
        slots, free, lives = _first_slots(rng, in_flight), [0.0] * servers, []
        for _ in range(count):
            lives.append(_served(slots[0], draw(law, rng), free))
            heapq.heapreplace(slots, lives[-1].finished)
        return lives

    return flow


def queued_bursts(law: Law, servers: int, size: int = IN_FLIGHT) -> Flow:
    """So many tasks are submitted together to few servers; the end of the last submits the next burst."""

    def flow(rng: Random, count: int) -> list[Life]:
        at, free, lives = 0.0, [0.0] * servers, []
        for index in range(count):
            if index % size == 0:
                at = max(free)
            lives.append(_served(at, draw(law, rng), free))
        return lives

    return flow


def _first_slots(rng: Random, in_flight: int) -> list[float]:
    return sorted(rng.uniform(0.0, SPREAD) for _ in range(in_flight))


def _unhindered(at: float, each: Draw) -> Life:
    return Life(at, at + each.waits, at + each.waits + each.runs, each.kind)


def _served(at: float, runs: float, free: list[float]) -> Life:
    start = max(at, free[0])
    heapq.heapreplace(free, start + runs)
    return Life(at, start, start + runs)
