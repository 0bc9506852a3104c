"""How late a poll leaves: from the time for which the core had planned it until the transport is told to send it.

Tasks have different ages, so their polls are spread over the interval. The first polls are left out.
"""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

from benchmarks import measure, peers
from benchmarks.measure import Figure
from benchmarks.server import serving
from wanpoll import Poller
from wanpoll.transport import HttpTransport

INTERVAL = 2.0
_SPREAD = 1.05  # wanpoll asks after 1.0 to 1.1 intervals
MILLISECOND = 1e-3


class _Watched(HttpTransport):
    """Notes how late each question comes."""

    def __init__(self) -> None:
        super().__init__()
        self.poller: Any = None
        self.late: list[float] = []

    async def send(self, provider: Any, request: Any) -> Any:
        now = asyncio.get_running_loop().time()
        entry = self.poller._machine.accounts[provider.name].tasks[request.url.rpartition("/")[2]]
        self.late.append(now - entry.due_at)
        return await super().send(provider, request)


async def late(port: int, rate: int, seconds: float) -> dict[str, float]:
    """Percentiles of lateness in milliseconds, and the rate that was reached."""
    transport = _Watched()
    async with Poller(peers.dashscope(port, interval=INTERVAL), transport=transport) as poller:
        transport.poller = poller
        for task in peers.running_tasks(int(rate * INTERVAL * _SPREAD), spread=INTERVAL):
            await poller.track(task)
        await asyncio.sleep(1.5 * INTERVAL)
        transport.late.clear()
        await asyncio.sleep(seconds)
        values = list(transport.late)
    return {
        "p50": measure.percentile(values, 50) / MILLISECOND,
        "p99": measure.percentile(values, 99) / MILLISECOND,
        "worst": max(values) / MILLISECOND,
        "rate": len(values) / seconds,
    }


def figures(quick: bool) -> list[Figure]:
    """Milliseconds at 1,000 and at 2,000 polls a second."""
    with serving() as port:
        return [figure for rate, target in ((1_000, 10.0), (2_000, None)) for figure in _at(port, rate, target, quick)]


def _at(port: int, rate: int, target: float | None, quick: bool) -> list[Figure]:
    seconds, repetitions = (3.0, 1) if quick else (6.0, 5)
    results = [measure.run(late, port=port, rate=rate, seconds=seconds) for _ in range(repetitions)]
    p50, p99, worst, reached = (statistics.median(each[key] for each in results) for key in results[0])
    note = f"p50 {p50:.2f} ms, worst {worst:.1f} ms, {reached:,.0f} polls/s reached"
    return [Figure(f"lateness at {rate:,} polls/s, p99", p99, "ms", target, note)]
