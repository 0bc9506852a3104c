"""How the demo looks while it runs: plain lines, or (in `_demo_live`) a picture that moves."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from attrs import frozen

from wanpoll._core.model import Rate, Statistics
from wanpoll.cli._texts import clock, counted, number, tasks
from wanpoll.exceptions import WanpollError

LINE_EVERY = 60.0
"""Provider seconds between two plain lines."""


@frozen
class Moment:
    """How things stand `now` (provider seconds)."""

    now: float
    statistics: Statistics
    problem: WanpollError | None


class DemoView(Protocol):
    """Shows how the demo goes."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and leave the terminal as it was."""
        ...

    def open(self, count: int, systems: int, quota: Rate, speed: float) -> None:
        """What is going to happen."""
        ...

    def tell(self, now: float, title: str) -> None:
        """Something happens at the provider."""
        ...

    def show(self, moment: Moment) -> None:
        """How things stand."""
        ...


class Pace:
    """Requests per provider second since the last look."""

    def __init__(self) -> None:
        self._now = 0.0
        self._requests = 0

    def since(self, moment: Moment) -> float:
        """The rate from the last call to this one."""
        seconds, requests = moment.now - self._now, moment.statistics.requests - self._requests
        self._now, self._requests = moment.now, moment.statistics.requests
        return requests / seconds if seconds > 0 else 0.0


class Plain:
    """A line for each provider minute, and one for all that happens."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._next_at = 0.0
        self._budget = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def open(self, count: int, systems: int, quota: Rate, speed: float) -> None:
        """What is going to happen."""
        self._budget = systems * quota.requests
        print(opening(count, systems, quota, speed), file=sys.stderr)
        self._next_at = LINE_EVERY

    def tell(self, now: float, title: str) -> None:
        """Something happens at the provider."""
        print(f"{clock(now)}  >>> {title}", file=sys.stderr)

    def show(self, moment: Moment) -> None:
        """A line, once a provider minute and at the end."""
        statistics = moment.statistics
        if moment.now < self._next_at and statistics.tracked:
            return
        self._next_at = moment.now - moment.now % LINE_EVERY + LINE_EVERY
        asked = f"{number(statistics.requests)} requests, {self._pace.since(moment):.1f} of {self._budget} a second"
        print(f"{clock(moment.now)}  {counted(statistics.by_status)}; {asked}", file=sys.stderr)


def opening(count: int, systems: int, quota: Rate, speed: float) -> str:
    """What is going to happen, in words."""
    return (
        f"{tasks(count)} of 5 to 12 minutes at {systems} systems, {quota.requests} requests a second each; "
        f"time runs {speed:g} times faster than yours"
    )


def chosen(*, plain: bool) -> DemoView:
    """The view that fits: a live one on a terminal when rich is installed (extra `cli`), else plain lines."""
    if not plain and sys.stderr.isatty():
        try:
            from wanpoll.cli._demo_live import DemoLive
        except ImportError:
            return Plain()
        return DemoLive()
    return Plain()
