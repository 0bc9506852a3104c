"""The moving picture of the demo (extra `cli`)."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from wanpoll._core.model import Rate
from wanpoll.cli._demo_views import Moment, Pace, opening
from wanpoll.cli._live import statuses
from wanpoll.cli._texts import clock, number, printable

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SAMPLES = 40


class DemoLive:
    """Bars for the tasks, a curve for the requests, and a diary of what happens at the provider."""

    def __init__(self) -> None:
        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._pace = Pace()
        self._curve: deque[tuple[str, str]] = deque(maxlen=_SAMPLES)
        self._problems = 0
        self._diary: list[Text] = []
        self._title = ""
        self._budget = 1

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def open(self, count: int, systems: int, quota: Rate, speed: float) -> None:
        """What is going to happen."""
        self._title = opening(count, systems, quota, speed)
        self._budget = systems * quota.requests

    def tell(self, now: float, title: str) -> None:
        """Add a line to the diary."""
        self._diary.append(Text(f"{clock(now)}  {title}", "yellow"))

    def show(self, moment: Moment) -> None:
        """Draw how things stand."""
        body = Group(
            Text(self._title, "dim"),
            Text(""),
            statuses(moment.statistics),
            Text(""),
            self._requests(moment),
            *self._diary,
            self._problem(moment),
        )
        self._live.update(Panel(body, title=f"wanpoll demo  {clock(moment.now)}", border_style="blue"), refresh=True)

    def _requests(self, moment: Moment) -> Text:
        """The curve: red where questions failed."""
        rate, problems = self._pace.since(moment), sum(moment.statistics.problems.values())
        self._curve.append((_block(rate / self._budget), "red" if problems > self._problems else "cyan"))
        self._problems = problems
        asked = (f"  {rate:.1f} of {self._budget} a second", "bold")
        return Text.assemble(*self._curve, asked, (f", {number(moment.statistics.requests)} requests", "dim"))

    def _problem(self, moment: Moment) -> Text:
        if moment.problem is None or not moment.statistics.tracked:
            return Text("")
        return Text(f"last problem: {printable(str(moment.problem))}", "dim", overflow="ellipsis", no_wrap=True)


def _block(part: float) -> str:
    return _BLOCKS[max(0, min(len(_BLOCKS) - 1, round(part * (len(_BLOCKS) - 1))))]
