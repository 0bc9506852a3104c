"""The live view of a wait (extra `cli`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wanpoll._core.model import Statistics, Status
from wanpoll.cli._texts import number, printable
from wanpoll.cli._views import remark
from wanpoll.exceptions import WanpollError

COLOURS = {
    Status.PENDING: "dim",
    Status.RUNNING: "cyan",
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.CANCELED: "magenta",
    Status.EXPIRED: "yellow",
}
_BAR = 40


class Live:
    """Counts, rate and the last problem, in their place on stderr, gone when the wait is over."""

    def __init__(self) -> None:
        self._live = RichLive(
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, statistics: Statistics, problem: WanpollError | None) -> None:
        """Draw how things stand."""
        self._live.update(Group(statuses(statistics), _footer(statistics, problem)), refresh=True)

    def say(self, text: str) -> None:
        """Write a line."""
        remark(text)

    def aside(self) -> AbstractContextManager[Any]:
        """Step aside where stdout is the same terminal; results in a pipe disturb nobody."""
        return self._hidden() if sys.stdout.isatty() else nullcontext()

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live.start(refresh=True)


def statuses(statistics: Statistics) -> Table:
    """A bar for each status that any task has."""
    table = Table.grid(padding=(0, 2))
    total = sum(statistics.by_status.values())
    for status, count in statistics.by_status.items():
        if count:
            bar = ProgressBar(total=total, completed=count, width=_BAR, complete_style=COLOURS[status])
            table.add_row(Text(status, COLOURS[status]), Text(number(count), justify="right"), bar)
    return table


def _footer(statistics: Statistics, problem: WanpollError | None) -> Text:
    rate = f"{statistics.request_rate:.1f} of {statistics.request_budget:g} requests/s"
    footer = Text(f"{number(statistics.requests)} requests, {rate}", "dim")
    if problem is not None:
        footer.append(f"\nlast problem: {printable(str(problem))}", "yellow")
    return footer
