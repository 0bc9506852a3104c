"""The frontier as a picture: requests per task against mean lag, both logarithmic, for some of the workloads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from attrs import frozen

from benchmarks.schedule.oracle import Oracle
from benchmarks.schedule.replay import Run
from benchmarks.schedule.rivals import RIVALS, every
from benchmarks.schedule.scores import REFERENCE, Score, run_of
from benchmarks.schedule.workloads import Workload, named_workloads

PATH = Path(__file__).parents[1] / "schedule.svg"
SHOWN = ("lognormal-120-0.3", "lognormal-90-0.6", "exponential-120", "bimodal-60-240", "classes-told", "queue-60-3")

_INTERVALS = (2.5, 4.0, 6.0, 9.0, 12.0, 15.0, 20.0, 30.0, 45.0, 60.0)
_PRICES = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 25.0, 40.0)
_MARKS = {"economy": "#0a7d4f", "fast": "#c2410c", REFERENCE: "#444", "sdk": "#7c3aed", "doubling": "#0369a1"}
_LABELS = {REFERENCE: "every 15 s", "sdk": "SDK, 1 to 5 s", "doubling": "1.5 s to 60 s"}
_COLUMNS = 3
_WIDTH, _HEIGHT = 300, 260
_LEFT, _TOP, _RIGHT, _BOTTOM = 48, 34, 14, 40
_LAGS = 0.4, 60.0
_TICKS = tuple(each * 10**power for power in (-1, 0, 1, 2, 3) for each in (1, 2, 5))

Point: TypeAlias = tuple[float, float]


@frozen
class Panel:
    """One workload: what a fixed interval and the oracle can choose from, and where the policies are."""

    workload: Workload
    fixed: list[Point]
    bound: list[Point]
    marks: Mapping[str, Point]

    @property
    def requests(self) -> tuple[float, float]:
        """The part of the axis that is shown."""
        shown = [requests for requests, lag in (*self.fixed, *self.bound, *self.marks.values()) if _is_shown(lag)]
        return min(shown) / 1.3, max(shown) * 1.3


def write() -> Path:
    """Run what is shown, and draw it."""
    workloads = named_workloads()
    PATH.write_text(_drawing([_panel(workloads[name]) for name in SHOWN]), encoding="utf-8")
    return PATH


def _panel(workload: Workload) -> Panel:
    lives = workload.lives(1)
    regular, oracle = RIVALS[REFERENCE](lives), Oracle(workload)
    return Panel(
        workload,
        [_point(every(interval)(lives)) for interval in _INTERVALS],
        [_point(oracle.at(lives, price)) for price in _PRICES],
        {policy: _point(run_of(policy, workload, lives, regular)) for policy in _MARKS},
    )


def _point(run: Run) -> Point:
    score = Score.of(run)
    return score.requests, score.lag


def _is_shown(lag: float) -> bool:
    return _LAGS[0] <= lag <= _LAGS[1]


# -- drawing -----------------------------------------------------------------------------------------------------------


def _drawing(panels: Sequence[Panel]) -> str:
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT + 30
    body = []
    for index, panel in enumerate(panels):
        row, column = divmod(index, _COLUMNS)
        body.append(_moved(column * _WIDTH, row * _HEIGHT, _shapes(panel)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="#222">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(body)
        + f"\n{_moved(0, height - 20, _legend())}\n</svg>\n"
    )


def _moved(x: float, y: float, shapes: Iterable[str]) -> str:
    body = "\n".join(shapes)
    return f'<g transform="translate({x} {y})">\n{body}\n</g>'


def _shapes(panel: Panel) -> Iterator[str]:
    low, high = panel.requests
    yield _text(_LEFT, _TOP - 12, panel.workload.name, weight="bold")
    yield f'<rect x="{_LEFT}" y="{_TOP}" width="{_inner()[0]}" height="{_inner()[1]}" fill="none" stroke="#bbb"/>'
    for tick in _TICKS:
        if low <= tick <= high:
            x, _ = _place((tick, _LAGS[0]), panel)
            yield f'<path d="M{x:.1f} {_TOP}V{_TOP + _inner()[1]}" stroke="#eee"/>'
            yield _text(x, _TOP + _inner()[1] + 14, f"{tick:g}", anchor="middle")
        if _is_shown(tick):
            _, y = _place((low, tick), panel)
            yield f'<path d="M{_LEFT} {y:.1f}h{_inner()[0]}" stroke="#eee"/>'
            yield _text(_LEFT - 5, y + 4, f"{tick:g}", anchor="end")
    yield _text(_LEFT + _inner()[0] / 2, _HEIGHT - 10, "requests per task", anchor="middle")
    yield _text(_LEFT + 5, _TOP + 14, "mean lag, s")
    yield _line(panel.fixed, panel, "#999", "4 3")
    yield _line(panel.bound, panel, "#222", "none")
    for policy, point in panel.marks.items():
        x, y = _place(point, panel)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{_MARKS[policy]}"/>'


def _line(points: Iterable[Point], panel: Panel, color: str, dashes: str) -> str:
    places = (_place(point, panel) for point in points if _is_shown(point[1]))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.3" stroke-dasharray="{dashes}"/>'


def _legend() -> Iterator[str]:
    x = _LEFT
    for name, color, dashes in (("any fixed interval", "#999", "4 3"), ("law known, no states", "#222", "none")):
        yield f'<path d="M{x} 6h24" stroke="{color}" stroke-width="1.3" stroke-dasharray="{dashes}"/>'
        yield _text(x + 30, 10, name)
        x += 160
    for policy, color in _MARKS.items():
        yield f'<circle cx="{x}" cy="6" r="4.5" fill="{color}"/>'
        yield _text(x + 9, 10, _LABELS.get(policy, policy))
        x += 105


def _place(point: Point, panel: Panel) -> Point:
    low, high = panel.requests
    across = math.log(point[0] / low) / math.log(high / low)
    up = math.log(point[1] / _LAGS[0]) / math.log(_LAGS[1] / _LAGS[0])
    return _LEFT + _inner()[0] * across, _TOP + _inner()[1] * (1 - min(1.0, max(0.0, up)))


def _inner() -> tuple[int, int]:
    return _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{text}</text>'
