"""What reading an answer costs, for every system: a plain "not yet", an end, and fifty in one; beside `json.loads`.

The answers are the simulator's.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import measure
from benchmarks.measure import Figure
from wanpoll import Task
from wanpoll.providers import Provider, Reply
from wanpoll.simulator import DIALECTS, Simulator
from wanpoll.transport import HttpTransport

MICROSECOND = 1e-6
SHAPES = {"vapi": ("minimax", "jimeng", "dashscope")}
_BATCH = 50
_REPEAT = 5


async def timed(number: int) -> dict[str, dict[str, float]]:
    """Microseconds for each kind of answer, "of" which `json.loads` alone takes so many."""
    results: dict[str, dict[str, float]] = {}
    transport = HttpTransport()
    async with Simulator() as simulator:
        for dialect in DIALECTS:
            provider = simulator.provider(dialect=dialect).bind({})
            for shape in SHAPES.get(dialect, (None,)):
                for kind, tasks in _kinds(simulator, provider, dialect, shape):
                    reply: Any = await transport.send(provider, provider.ask(tasks))
                    name = " ".join(filter(None, (dialect, shape, kind)))
                    results[name] = _times(provider, tasks, reply, number)
        await transport.aclose()
    return results


def _kinds(
    simulator: Simulator, provider: Provider, dialect: str, shape: str | None
) -> list[tuple[str, Sequence[Task]]]:
    def tasks(count: int, duration: float) -> list[Task]:
        more = {} if shape is None else {"shape": shape}
        return [Task(each, dialect) for each in simulator.submit(count, dialect=dialect, duration=duration, **more)]

    kinds: list[tuple[str, Sequence[Task]]] = [("not yet", tasks(1, 1e6)), ("end", tasks(1, 0.0))]
    if provider.max_batch > 1:
        kinds += [(f"{_BATCH} not yet", tasks(_BATCH, 1e6)), (f"{_BATCH} ends", tasks(_BATCH, 0.0))]
    return kinds


def _times(provider: Provider, tasks: Sequence[Task], reply: Reply, number: int) -> dict[str, float]:
    return {
        "read": _best(lambda: provider.read(tasks, reply), number) / len(tasks),
        "loads": _best(lambda: json.loads(reply.body), number) / len(tasks),
    }


def _best(call: Callable[[], Any], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=_REPEAT)) / number / MICROSECOND


def figures(quick: bool) -> list[Figure]:
    """Microseconds of a task, as a ratio to `json.loads`."""
    results = measure.run(timed, number=500 if quick else 5_000)
    return [_figure(name, each["read"], each["loads"]) for name, each in results.items()]


def _figure(name: str, read: float, loads: float) -> Figure:
    target = 3.0 if name.endswith("not yet") else None
    return Figure(f"{name} / json.loads", read / loads, "", target, f"{read:.2f} us, json.loads {loads:.2f} us")
