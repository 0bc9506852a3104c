"""Results as lines of text: one for each workload, three ratios for each policy."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.schedule.scores import Result, Score

_NAME = 27
_CELL = 24

Row = Sequence[Result]


def header(policies: Sequence[str], against: str) -> str:
    """What the columns are."""
    cells = "".join(f"{policy:>{_CELL}}" for policy in policies)
    units = "".join(f"{'req   lag   p99   us':>{_CELL}}" for _ in policies)
    return f"{'':<{_NAME}}{against:>14}{cells}\n{'':<{_NAME}}{'req     lag':>14}{units}"


def line(row: Row) -> str:
    """One workload: what the reference did, and the ratios of all policies."""
    workload, reference = row[0].workload, row[0].reference
    name = f"{workload.name}{'' if workload.times else ' ~'}"
    cells = "".join(_cell(result.ratio) for result in row)
    return f"{name:<{_NAME}}{reference.requests:6.1f} {reference.lag:6.2f}s{cells}"


def after(row: Row) -> str:
    """The tasks right after a step."""
    return _line("  next 100 after the step", [result.after for result in row if result.after])


def summary(rows: Sequence[Row]) -> list[str]:
    """Median, 90th percentile and worst over workloads, each column by itself; then which the worst are."""
    columns = [[row[column].ratio for row in rows] for column in range(len(rows[0]))]
    picks: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "90 %": _ninetieth, "worst": max}
    lines = [_line(name, [_each(pick, column) for column in columns]) for name, pick in picks.items()]
    for column, result in enumerate(rows[0]):
        names = (f"{key} {_worst(rows, column, key)}" for key in ("requests", "lag", "p99"))
        lines.append(f"worst of {result.policy}: {', '.join(names)}")
    return lines


def _worst(rows: Sequence[Row], column: int, key: str) -> str:
    return max((row[column] for row in rows), key=lambda result: getattr(result.ratio, key)).workload.name


def _each(pick: Callable[[list[float]], float], scores: Sequence[Score]) -> Score:
    return Score(*(pick([getattr(score, key) for score in scores]) for key in ("requests", "lag", "p99", "cpu")))


def _ninetieth(values: list[float]) -> float:
    return sorted(values)[round(0.9 * (len(values) - 1))]


def _line(name: str, scores: Sequence[Score]) -> str:
    return f"{name:<{_NAME}}{'':>14}{''.join(map(_cell, scores))}"


def _cell(score: Score) -> str:
    cpu = f"{score.cpu:4.0f}" if score.cpu else "    "
    return f"{score.requests:5.2f} {score.lag:5.2f} {score.p99:5.2f} {cpu}".rjust(_CELL)
