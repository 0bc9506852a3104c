"""Workloads that are drawn at random from all families: what the figures are reached on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias

from attrs import evolve

from benchmarks.schedule import lives as flows
from benchmarks.schedule.laws import Law, gamma, lognormal, mixture, shifted, weibull
from benchmarks.schedule.lives import closed, steady
from benchmarks.schedule.workloads import Workload, drift, queued, scaled, step

Maker: TypeAlias = Callable[[Random, str], Workload]

_STATES_SHOWN = 0.7  # of the workloads with phases


def random_workloads(seed: int, count: int) -> list[Workload]:
    """So many, the families in turns, their parameters drawn. About every second tells no exact times."""
    rng = Random(f"workloads {seed}")
    families = list(_FAMILIES.items())
    drawn = []
    for index in range(count):
        family, make = families[index % len(families)]
        workload = make(rng, f"r{seed}.{index}-{family}")
        drawn.append(evolve(workload, family=family, times=rng.random() < 0.5))
    return drawn


def _log(rng: Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _lognormal(rng: Random) -> Law:
    return lognormal(_log(rng, 30.0, 600.0), rng.uniform(0.1, 0.9))


def _gamma(rng: Random) -> Law:
    return gamma(_log(rng, 40.0, 500.0), _log(rng, 1.5, 30.0))


def _weibull(rng: Random) -> Law:
    return weibull(_log(rng, 40.0, 500.0), rng.uniform(1.0, 5.0))


def _shifted(rng: Random) -> Law:
    return shifted(_log(rng, 20.0, 300.0), _log(rng, 10.0, 150.0))


def _narrow(rng: Random) -> tuple[float, Law]:
    return rng.uniform(0.2, 1.0), lognormal(_log(rng, 10.0, 600.0), rng.uniform(0.05, 0.4))


def _mixture(rng: Random) -> Law:
    return mixture(*(_narrow(rng) for _ in range(rng.randint(2, 3))))


def _any(rng: Random) -> Law:
    return rng.choice((_lognormal, _gamma, _weibull, _shifted, _mixture))(rng)


def _alike(law_of: Callable[[Random], Law]) -> Maker:
    return lambda rng, name: Workload(name, "", closed(steady(law_of(rng)), rng.randint(30, 70)))


def _classes(rng: Random, name: str) -> Workload:
    laws = tuple(_narrow(rng) for _ in range(rng.randint(2, 6)))
    return Workload(name, "", closed(flows.classes(laws, told=rng.random() < 0.5)))


def _phases(rng: Random, name: str) -> Workload:
    waiting = lognormal(_log(rng, 10.0, 300.0), rng.uniform(0.3, 1.0))
    return Workload(name, "", closed(flows.phases(waiting, _any(rng))), states=rng.random() < _STATES_SHOWN)


def _open_queue(rng: Random, name: str) -> Workload:
    mean, sigma, servers, load = _log(rng, 18.0, 1200.0), rng.uniform(0.1, 0.6), rng.randint(1, 6), rng.uniform(0.8, 1)
    return queued(name, mean, sigma, lambda law: flows.queue(law, servers, load, mean))


def _long_queue(rng: Random, name: str) -> Workload:
    sigma, servers = rng.uniform(0.1, 0.6), rng.randint(1, 6)
    mean = _log(rng, 18.0, 60.0 * servers)
    flow = rng.choice((flows.closed_queue, flows.queued_bursts))
    return queued(name, mean, sigma, lambda law: flow(law, servers))


def _step(rng: Random, name: str) -> Workload:
    return step(name, scaled(_log(rng, 60.0, 300.0), rng.uniform(0.15, 0.6)), rng.choice((2.5, 1 / 2.5)))


def _drift(rng: Random, name: str) -> Workload:
    return drift(name, scaled(_log(rng, 60.0, 300.0), rng.uniform(0.15, 0.6)), rng.uniform(1.5, 4.0))


def _bursts(rng: Random, name: str) -> Workload:
    return Workload(name, "", flows.bursts(steady(_any(rng)), rng.randint(20, 100)))


_FAMILIES: Mapping[str, Maker] = {
    "lognormal": _alike(_lognormal),
    "mixture": _alike(_mixture),
    "queue": _open_queue,
    "classes": _classes,
    "gamma": _alike(_gamma),
    "phases": _phases,
    "weibull": _alike(_weibull),
    "drift": _drift,
    "shifted": _alike(_shifted),
    "step": _step,
    "long-queue": _long_queue,
    "bursts": _bursts,
}
