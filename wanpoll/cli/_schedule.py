"""`wanpoll schedule`: when a task would be asked about, and why."""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections import Counter
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
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.1, 86_400.0  # seconds
_FIRST_ROWS, _LAST_ROWS = 40, 20  # of a plan that has more
_MOST_MARKS = _FIRST_ROWS + _LAST_ROWS
_WIDTH = 72
_MORE = f"{'...':>8}    "
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
        part = f"{self.ended:.1%}" if self.ended < 0.01 else f"{self.ended:.0%}"
        return f"{part} of these have ended by then, {_seconds_told(before)} s before on average"


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    if not _SHORTEST_INTERVAL <= arguments.interval <= _LONGEST_INTERVAL:
        least, most = f"{_SHORTEST_INTERVAL:g}", number(_LONGEST_INTERVAL)
        raise UsageError(f"--interval {arguments.interval:g}: give seconds, from {least} to {most}")
    durations = _read(arguments.durations)
    placement = _learned(durations, arguments.schedule, arguments.interval)
    plan = list(_plan(placement))
    table = placement.table
    print(_told(durations, table))
    print(_price(placement, arguments.schedule))
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
    """Every question until `LEAST_LEFT` is left. (No life table goes beyond some thousand intervals.)"""
    table, at, left = placement.table, 0.0, 1.0
    while left >= LEAST_LEFT:
        gap = placement.step(at)
        begun, ended = table.moments(at), table.moments(at + gap)
        lag = (at + gap) * (begun[0] - ended[0]) - (begun[1] - ended[1])
        yield Question(at + gap, gap, left, (begun[0] - ended[0]) / begun[0] if begun[0] else 1.0, lag)
        at, left = at + gap, ended[0]


def _told(durations: Sequence[float], table: LifeTable) -> str:
    if not durations:
        return "known   nothing yet: a guess with a heavy tail"
    parts = "   ".join(f"{part:.0%} within {table.quantile(part):,.0f} s" for part in (0.1, 0.5, 0.9))
    told = f"known   {number(len(durations))} durations: {parts}"
    farthest = table.quantile(1.0)
    beyond = sum(each > farthest for each in durations)
    if not beyond:
        return told
    return f"{told}\n        {number(beyond)} are longer than {farthest:,.0f} s, the most that counts at this interval"


def _price(placement: Placement, schedule: str) -> str:
    if not placement.estimates:
        every = f"every {placement.table.interval:g} s"
        return f"price   not known before tasks have ended: until then it is asked as if fixed, {every} ({schedule})"
    return f"price   a request is worth {_seconds_told(placement.price)} s of lag ({schedule})"


def _seconds_told(seconds: float) -> str:
    """Two digits that count, where there are no more before the point."""
    return f"{seconds:#.2g}" if 0.0 < seconds < 9.95 else f"{seconds:,.1f}"


def _summary(plan: Sequence[Question], interval: float) -> str:
    requests, lag = sum(each.left for each in plan), sum(each.lag for each in plan)
    regular = f"asking every {interval:g} s: {interval / 2:g} s"
    return f"plan    {requests:.1f} requests a task, {_seconds_told(lag)} s of lag on average ({regular})"


def _picture(table: LifeTable, plan: Sequence[Question]) -> str:
    """Where tasks end, and below it where they are asked about, or how densely."""
    end = plan[-1].at
    edges = [end * each / _WIDTH for each in range(_WIDTH + 1)]
    ended = [table.survival(sooner) - table.survival(later) for sooner, later in itertools.pairwise(edges)]
    places = Counter(min(_WIDTH - 1, int(each.at / end * _WIDTH)) for each in plan)
    counts = [places[each] for each in range(_WIDTH)]
    asked, legend = _bars(counts), f"{_BLOCKS[-1]} {max(counts)} questions"
    if len(plan) <= _MOST_MARKS:
        asked, legend = "".join("|" if each else " " for each in counts), ""
    until = f"{end:,.0f} s"
    axis = f"0{legend:^{_WIDTH - 1 - len(until)}}{until}"
    return f"\nends    {_bars(ended)}\nasked   {asked.rstrip()}\n        {axis}\n"


def _bars(heights: Sequence[float]) -> str:
    highest = max(heights) or 1.0
    return "".join(_BLOCKS[math.ceil(each / highest * (len(_BLOCKS) - 1))] for each in heights)


def _rows(plan: Sequence[Question], *, explain: bool) -> str:
    titles = f"{'asked at':>10}  {'after':>8}  {'still open':>10}" + ("  why" if explain else "")
    rows = [_row(each, explain=explain) for each in plan]
    between = [each.gap for each in plan[_FIRST_ROWS:-_LAST_ROWS]]
    if between:
        gaps = f"{min(between):,.1f} to {max(between):,.1f} s after one another"
        rows[_FIRST_ROWS:-_LAST_ROWS] = [f"{_MORE}{number(len(between))} more, {gaps}"]
    return "\n".join([titles, *rows, f"{_MORE}and so on for the less than {LEAST_LEFT:.1%} that are open then"])


def _row(question: Question, *, explain: bool) -> str:
    line = f"{question.at:>8,.1f} s  {question.gap:>6,.1f} s  {question.left:>10.1%}"
    return f"{line}  {question.why}" if explain else line
