"""How a wait looks on stderr: nothing, plain lines, or (in `_live`) a view that stays in its place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Protocol, Self

from wanpoll._core.events import Event, PollMissed
from wanpoll._core.model import Statistics
from wanpoll.cli._texts import counted, printable
from wanpoll.exceptions import WanpollError

LINE_EVERY = 10.0
"""Seconds between two plain lines, at least; only when something changed."""


class View(Protocol):
    """Shows how a wait goes; the same view is used for all of it."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and leave the terminal as it was."""
        ...

    def show(self, statistics: Statistics, problem: WanpollError | None) -> None:
        """How things stand now, with the last problem met."""
        ...

    def say(self, text: str) -> None:
        """Something that was never asked for, so that --quiet swallows it."""
        ...

    def aside(self) -> AbstractContextManager[Any]:
        """While this is entered, others may write to the terminal."""
        ...


class Problems:
    """An observer that remembers the last missed poll."""

    last: WanpollError | None = None

    def __call__(self, event: Event) -> None:
        """Take note of `event`."""
        if isinstance(event, PollMissed):
            self.last = event.problem


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, statistics: Statistics, problem: WanpollError | None) -> None:
        """Keep it."""

    def say(self, text: str) -> None:
        """Keep it."""

    def aside(self) -> AbstractContextManager[Any]:
        """Nothing is in the way."""
        return nullcontext()


class Plain(Silent):
    """A line now and then: when something changed, and at once when a new kind of problem is met."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._said_at = clock()
        self._kind: str | None = None
        self._counts: dict[Any, int] = {}

    def show(self, statistics: Statistics, problem: WanpollError | None) -> None:
        """Write a line, if there is something new."""
        now, kind, counts = self._clock(), kind_of(problem), dict(statistics.by_status)
        changed = counts != self._counts and now - self._said_at >= LINE_EVERY
        if not changed and kind == self._kind:
            return
        trouble = f"; last problem: {printable(str(problem))}" if problem and kind != self._kind else ""
        self._said_at, self._kind, self._counts = now, kind, counts
        self.say(f"{now - self._began:.0f} s: {standing(statistics)}{trouble}")

    def say(self, text: str) -> None:
        """Write a line."""
        remark(text)


def kind_of(problem: WanpollError | None) -> str | None:
    """The word under which `problem` is counted."""
    return getattr(problem, "kind", "unreadable") if problem else None


def standing(statistics: Statistics) -> str:
    """Counts and rate in words."""
    rate = f"{statistics.request_rate:.1f} of {statistics.request_budget:g} requests/s"
    return f"{counted(statistics.by_status)}; {rate}"


def remark(text: str) -> None:
    """Write a line for people. The mark lets `wanpoll wait -` skip it when stderr is fed back for its ids."""
    print(f"# {text}", file=sys.stderr, flush=True)


def chosen(*, quiet: bool) -> View:
    """The view that fits: a live one on a terminal when rich is installed (extra `cli`), else plain lines."""
    if quiet:
        return Silent()
    if sys.stderr.isatty():
        try:
            from wanpoll.cli._live import Live
        except ImportError:
            return Plain()
        return Live()
    return Plain()
