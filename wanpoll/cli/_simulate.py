"""`wanpoll simulate`: a provider to test against, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal

from wanpoll import Rate
from wanpoll.cli import OK
from wanpoll.cli._texts import counted, duration, number, tasks
from wanpoll.exceptions import UsageError
from wanpoll.simulator import DIALECTS, Lognormal, Report, Simulator

KEY = "sk-simulated"

WELCOME = """\
A simulated provider listens. Ctrl-C ends it and prints what it saw. It speaks these dialects; any key is a good key:

{table}

To wait for a task of DashScope's, say

  export DASHSCOPE_HTTP_BASE_URL={base_url}
  export DASHSCOPE_API_KEY={key}

submit it, then wait for the id that is answered:

  curl -s {base_url}/services/aigc/video-generation/video-synthesis \\
    -H 'Authorization: Bearer {key}' -H 'X-DashScope-Async: enable' -H 'Content-Type: application/json' \\
    -d '{{"model": "wan2.7-t2v", "input": {{"prompt": "a cat in the rain"}}}}'
  wanpoll wait --interval {interval:g} ID

The others have their base URLs by --base-url, as in wanpoll wait --provider acedata --base-url {other_url}
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the simulator that `arguments` describe."""
    simulator = Simulator(
        speed=arguments.speed,
        seed=arguments.seed,
        quota=Rate(arguments.quota, per=1.0),
        durations=Lognormal(median=arguments.median, sigma=arguments.sigma),
        failed=arguments.failed,
        faults=dict(arguments.fault),
        port=arguments.port,
    )
    try:
        asyncio.run(_serve(simulator))
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on port {arguments.port} ({error}); give another --port") from None
    print(summary(simulator.report()))
    return OK


async def _serve(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    _stop_on_signals(asyncio.get_running_loop(), stopped)
    async with simulator:
        print(welcome(simulator), flush=True)
        await stopped.wait()


def welcome(simulator: Simulator) -> str:
    """What to do with a simulator that listens."""
    return WELCOME.format(
        table=dialects(simulator),
        base_url=simulator.base_url(),
        other_url=simulator.base_url("acedata"),
        key=KEY,
        interval=simulator.provider().interval,
    )


def dialects(simulator: Simulator) -> str:
    """The base URL of each dialect, and the variable of its key."""
    rows = [(name, simulator.base_url(name), spoken.key_variable) for name, spoken in DIALECTS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _stop_on_signals(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """The first Ctrl-C (or SIGTERM, which is what reaches a background job) ends the server, the next one ends all."""

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stopped.set)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)


def summary(report: Report) -> str:
    """What the simulator saw, in words."""
    lines = [
        f"{duration(report.seconds)} of provider time: {tasks(report.submissions)} submitted, "
        f"{number(report.requests)} requests",
    ]
    if report.tasks_by_status:
        lines.append(f"  tasks     {counted(report.tasks_by_status)}")
    if report.by_answer:
        lines.append(f"  answers   {counted(report.by_answer)}")
    lines.append(f"  quota     {report.peak} of {report.quota.requests} requests in the fullest second")
    lines.append(f"            {number(report.violations)} violations")
    if report.lags:
        lag = ", ".join(f"p{each:.0f} {report.lag(each / 100):.1f} s" for each in (50, 95, 99))
        lines.append(f"  lag       {lag} from a task's end to the answer that told it")
    return "\n".join(lines)
