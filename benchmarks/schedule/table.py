"""Results as lines of text: one for each workload, three ratios for each policy."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.schedule.scores import Result, Score

_NAME = 26
_CELL = 22


def header(policies: Sequence[str]) -> str:
    """What the columns are."""
    cells = "".join(f"  {policy:^{_CELL}}" for policy in policies)
    units = "".join(f"  {'req   lag   p99   us':>{_CELL}}" for _ in policies)
    return f"{'':<{_NAME}}{cells}\n{'ratios to a fixed 15 s':<{_NAME}}{units}"


def line(results: Sequence[Result]) -> str:
    """One workload: the results of all policies on it."""
    workload = results[0].workload
    name = f"{workload.name}{'' if workload.times else ' ~'}"
    return f"{name:<{_NAME}}{''.join(f'  {_cell(result.ratio)}' for result in results)}"


def after(results: Sequence[Result]) -> str:
    """The tasks right after a step."""
    cells = "".join(f"  {_cell(result.after)}" for result in results if result.after)
    return f"{'  next 100 after the step':<{_NAME}}{cells}"


def summary(rows: Sequence[Sequence[Result]]) -> list[str]:
    """Median, 90th percentile and worst over workloads, each column by itself."""
    lines = []
    for name, pick in (("median", statistics.median), ("90 %", _ninetieth), ("worst", max)):
        cells = "".join(f"  {_cell(_combined(pick, [row[column].ratio for row in rows]))}" for column in _columns(rows))
        lines.append(f"{name:<{_NAME}}{cells}")
    return lines


def _columns(rows: Sequence[Sequence[Result]]) -> range:
    return range(len(rows[0]))


def _combined(pick, scores: Sequence[Score]) -> Score:
    return Score(*(pick([getattr(score, key) for score in scores]) for key in ("requests", "lag", "p99", "cpu")))


def _ninetieth(values: Sequence[float]) -> float:
    return sorted(values)[int(0.9 * (len(values) - 1) + 0.5)]


def _cell(score: Score) -> str:
    cpu = f"{score.cpu:4.0f}" if score.cpu else "    "
    return f"{score.requests:5.2f} {score.lag:5.2f} {score.p99:5.2f} {cpu}".rjust(_CELL)
