"""What the demo says at its end. Times are the provider's, unless they are called yours."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from wanpoll._core.model import Status
from wanpoll.cli._texts import counted, duration, number, tasks
from wanpoll.simulator import Report

CODE = """\
from wanpoll import Poller
from wanpoll.providers import DashScope

async with Poller(DashScope()) as poller:        # the key comes from DASHSCOPE_API_KEY
    async for outcome in poller.as_completed(task_ids):
        print(outcome.task.id, outcome.status, [media.url for media in outcome.media])
"""

HEADINGS = ("system", "tasks", "requests", "by loops", "fullest second", "lag p50", "p99")

_WIDTH = 18


@frozen
class Story:
    """How the demo went, in all and for each of the `systems`.

    `untrue` counts waits that ended in another way, or sooner, than the provider decided, or without a link to what
    succeeded. `wall` is the viewer's seconds.
    """

    tasks: int
    ends: Mapping[Status, int]
    untrue: int
    report: Report
    systems: Mapping[str, Report]
    problems: Mapping[str, int]
    interval: float
    wall: float

    @property
    def true(self) -> bool:
        """Whether every wait ended, by the provider's word."""
        return not self.untrue and sum(self.ends.values()) == self.tasks


def told(story: Story) -> str:
    """The report."""
    report = story.report
    head = f"{tasks(story.tasks)} waited for: {duration(report.seconds)} at the providers, {story.wall:.1f} s of yours"
    rows = [
        ("ended", counted(story.ends, "   ")),
        ("by whose word", _word(story)),
        ("requests", _requests(story)),
        ("quota", _quota(story)),
        ("detection lag", _lag(story)),
        ("survived", counted(story.problems, "   ") or "nothing went wrong"),
    ]
    table = "\n".join(f"  {name:<{_WIDTH}}{line}" for name, text in rows for name, line in _lines(name, text))
    code = "\n".join(f"  {line}".rstrip() for line in CODE.splitlines())
    return f"\n{head}\n\n{table}\n\n{_side_by_side(story)}\n\nThe same with a real key:\n\n{code}"


def _side_by_side(story: Story) -> str:
    """One row for each system."""
    told = ((system, report) for system, report in story.systems.items() if report.submissions)
    rows = [HEADINGS, *(_row(system, report, story.interval) for system, report in told)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    name, *figures = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "   ".join((f"  {name.strip():<{widths[0]}}", *figures))


def _row(system: str, report: Report, interval: float) -> tuple[str, ...]:
    return (
        system,
        number(report.submissions),
        number(report.requests),
        number(report.loop_requests(interval)),
        f"{report.peak} of {report.quota.requests}",
        f"{report.lag(0.5):.0f} s",
        f"{report.lag(0.99):.0f} s",
    )


def _lines(name: str, text: str) -> list[tuple[str, str]]:
    first, *rest = text.split("\n")
    return [(name, first), *(("", each) for each in rest)]


def _word(story: Story) -> str:
    if story.true:
        return f"the provider's, {number(story.tasks)} of {number(story.tasks)}: no 429, outage or timeout ended a wait"
    unended = story.tasks - sum(story.ends.values())
    return f"WRONG: {number(story.untrue)} waits ended untruly, {number(unended)} did not end"


def _requests(story: Story) -> str:
    asked, loops = story.report.requests, story.report.loop_requests(story.interval)
    times = loops / max(1, asked)
    compared = f", {times:.1f} times as many" if times > 1 else ""
    return f"{number(asked)}\none loop per task would have made {number(loops)}{compared}"


def _quota(story: Story) -> str:
    report = story.report
    loops = max(each.submissions for each in story.systems.values()) / story.interval
    return (
        f"{report.peak} of {report.quota.requests} in the fullest second, {number(report.violations)} violations\n"
        f"one loop per task would have asked one account {number(loops)} times a second"
    )


def _lag(story: Story) -> str:
    report = story.report
    return "   ".join(f"p{each} {report.lag(each / 100):.0f} s" for each in (50, 95, 99))
