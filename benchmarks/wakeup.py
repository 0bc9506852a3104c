"""How soon a caller goes on: from the moment at which the transport has the answer until `wait_for` returns.

A thousand tasks end each second, each at its first poll, with a result of 1.0 kB.
"""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

from benchmarks import measure, peers
from benchmarks.measure import Figure
from benchmarks.server import serving, task_id
from wanpoll import Poller, Task
from wanpoll.transport import HttpTransport

RATE = 1_000
MILLISECOND = 1e-3
_LEAD = 1.0  # seconds before the first end


class _Watched(HttpTransport):
    """Notes when each answer was there."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: dict[str, float] = {}

    async def send(self, provider: Any, request: Any) -> Any:
        reply = await super().send(provider, request)
        self.answered[request.url.rpartition("/")[2]] = asyncio.get_running_loop().time()
        return reply


async def woken(port: int, seconds: float) -> dict[str, float]:
    """Percentiles in milliseconds."""
    transport = _Watched()
    count = int(RATE * seconds)
    tasks = peers.aged((task_id(0) for _ in range(count)), count, spread=seconds)
    async with Poller(peers.dashscope(port, interval=seconds + _LEAD), transport=transport) as poller:
        resumed = await asyncio.gather(*(_waited(poller, task) for task in tasks))
    values = [at - transport.answered[task.id] for task, at in zip(tasks, resumed, strict=True)]
    return {"p50": measure.percentile(values, 50) / MILLISECOND, "p99": measure.percentile(values, 99) / MILLISECOND}


async def _waited(poller: Poller, task: Task) -> float:
    await poller.wait_for(task)
    return asyncio.get_running_loop().time()


def figures(quick: bool) -> list[Figure]:
    """Milliseconds from answer to caller."""
    seconds, repetitions = (3.0, 1) if quick else (5.0, 5)
    with serving() as port:
        results = [measure.run(woken, port=port, seconds=seconds) for _ in range(repetitions)]
    p50, p99 = (statistics.median(each[key] for each in results) for key in ("p50", "p99"))
    return [Figure("wake-up of a caller, p99", p99, "ms", 5.0, f"p50 {p50:.2f} ms")]
