"""`wanpoll schedule`: when a task would be asked about, and why."""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from wanpoll._core.lifetable import LifeTable
from wanpoll._core.placement import Placement, new_placement
from wanpoll.cli import OK
from wanpoll.cli._texts import number
from wanpoll.exceptions import UsageError

LEAST_LEFT = 0.005
"""The plan is shown up to where so small a part of the tasks still runs."""

_LONGEST = 100_000_000  # seconds: three years
_MOST_ROWS = 60
_WIDTH = 72
_BLOCKS = " ▁▂▃▄▅▆▇█"


@frozen
class Question:
    """One question of the plan. `left` is the part of tasks that run on to it, `ended` of those before that had not."""

    at: float
    gap: float
    left: float
    ended: float
    lag: float

    @property
    def why(self) -> str:
        """What would be lost by asking later."""
        before = self.lag / max(1e-9, self.left * self.ended)
        return f"{self.ended:.0%} of these have ended by then, {before:.1f} s before on average"


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    if not 0 < arguments.interval < math.inf:
        raise UsageError(f"--interval {arguments.interval}: give seconds above zero")
    durations = _read(arguments.durations)
    placement = _learned(durations, arguments.schedule, arguments.interval)
    plan = list(_plan(placement))
    table = placement.table
    print(_told(durations, table))
    print(f"price   a request is worth {placement.price:.1f} s of lag ({arguments.schedule})")
    print(_summary(plan, arguments.interval))
    print(_picture(table, plan))
    print(_rows(plan, explain=arguments.explain))
    return OK


def _read(file: str | None) -> list[float]:
    if file is None:
        return []
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read ({type(error).__name__})") from None
    return [_seconds(line) for line in text.splitlines() if line.strip()]


def _seconds(line: str) -> float:
    try:
        seconds = float(line)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        raise UsageError(f"{line.strip()[:40]!r}: give one duration a line, in seconds, none above {_LONGEST:,}")
    return seconds


def _learned(durations: Sequence[float], schedule: str, interval: float) -> Placement:
    placement = new_placement(interval, schedule)
    for each in durations:
        placement.table.survived(0.0, each)
        placement.table.ended(0.0, each, each)
    if durations:
        placement.solve()
    return placement


def _plan(placement: Placement) -> Iterator[Question]:
    table, at, left = placement.table, 0.0, 1.0
    for _ in range(_MOST_ROWS):
        gap = placement.step(at)
        begun, ended = table.moments(at), table.moments(at + gap)
        lag = (at + gap) * (begun[0] - ended[0]) - (begun[1] - ended[1])
        yield Question(at + gap, gap, left, (begun[0] - ended[0]) / begun[0] if begun[0] else 1.0, lag)
        at, left = at + gap, ended[0]
        if left < LEAST_LEFT:
            return


def _told(durations: Sequence[float], table: LifeTable) -> str:
    if not durations:
        return "known   nothing yet: a guess with a heavy tail"
    parts = "   ".join(f"{part:.0%} within {table.quantile(part):,.0f} s" for part in (0.1, 0.5, 0.9))
    return f"known   {number(len(durations))} durations: {parts}"


def _summary(plan: Sequence[Question], interval: float) -> str:
    requests, lag = sum(each.left for each in plan), sum(each.lag for each in plan)
    regular = f"asking every {interval:g} s: {interval / 2:g} s"
    return f"plan    {requests:.1f} requests a task, {lag:.1f} s of lag on average ({regular})"


def _picture(table: LifeTable, plan: Sequence[Question]) -> str:
    """Where tasks end, and below it where they are asked about."""
    end = plan[-1].at
    edges = [end * each / _WIDTH for each in range(_WIDTH + 1)]
    ended = [table.survival(sooner) - table.survival(later) for sooner, later in itertools.pairwise(edges)]
    highest = max(ended) or 1.0
    curve = "".join(_BLOCKS[math.ceil(each / highest * (len(_BLOCKS) - 1))] for each in ended)
    marks = {min(_WIDTH - 1, int(each.at / end * _WIDTH)) for each in plan}
    asked = "".join("|" if place in marks else " " for place in range(_WIDTH))
    return f"\nends    {curve}\nasked   {asked.rstrip()}\n        0{f'{end:,.0f} s':>{_WIDTH - 1}}\n"


def _rows(plan: Sequence[Question], *, explain: bool) -> str:
    lines = [f"{'asked at':>10}  {'after':>8}  {'still open':>10}" + ("  why" if explain else "")]
    for each in plan:
        line = f"{each.at:>8,.1f} s  {each.gap:>6,.1f} s  {each.left:>10.1%}"
        lines.append(f"{line}  {each.why}" if explain else line)
    return "\n".join(lines)
