"""A provider to test against: a stateful loopback server with every provider's dialect, quota and faults.

`Simulator` is the server, `Report` what it saw. Everything that decides (`world`, `quota`, `faults`, the dialects)
is pure and told the time; `server` owns the clock and the socket, `wire` is where connections are broken.
"""

from __future__ import annotations

from wanpoll.simulator.dialects import DIALECTS
from wanpoll.simulator.distributions import (
    Constant,
    Distribution,
    Exponential,
    Lognormal,
    Mixture,
    Uniform,
)
from wanpoll.simulator.faults import FAULTS, FaultKind
from wanpoll.simulator.report import Report
from wanpoll.simulator.server import Simulator
from wanpoll.simulator.shapes import SHAPES
from wanpoll.simulator.world import SimulatedTask

__all__ = [
    "Simulator",
    "SimulatedTask",
    "Report",
    "DIALECTS",
    "SHAPES",
    "FAULTS",
    "FaultKind",
    "Distribution",
    "Constant",
    "Uniform",
    "Exponential",
    "Lognormal",
    "Mixture",
]
