"""DashScope's list of tasks: its filters, its pages and its flat rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from wanpoll.simulator.dialect import Calendar
from wanpoll.simulator.world import CANCELED, ENDS, FAILED, PENDING, RUNNING, SUCCEEDED, SimulatedTask, World

DAY = 86_400.0
LARGEST_PAGE = 100
"""No maximum is documented; clients were seen to ask for 100."""

_WORDS = frozenset({"", PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED})


class BadFilter(Exception):
    """A parameter that the provider does not take; the message is what it answers."""


@frozen
class Filters:
    """What a listing is asked for. `since` and `until` are Unix seconds, the empty text asks for all."""

    since: float
    until: float
    status: str
    model: str
    task_id: str
    page: int
    size: int


def listing(world: World, calendar: Calendar, parameters: Mapping[str, str], now: float) -> dict[str, Any]:
    """One page of the tasks that match, newest first."""
    filters = _filters(parameters, calendar.unix(now))
    found = [task for task in world.all() if _matches(task, world.status(task, now), filters, calendar)]
    found.reverse()
    first = (filters.page - 1) * filters.size
    return {
        "total": len(found),
        "total_page": math.ceil(len(found) / filters.size),
        "page_no": filters.page,
        "page_size": filters.size,
        "data": [_row(task, task.status_at(now), calendar) for task in found[first : first + filters.size]],
    }


def _filters(parameters: Mapping[str, str], now: float) -> Filters:
    since, until = _span(parameters.get("start_time", ""), parameters.get("end_time", ""), now)
    status = parameters.get("status", "")
    if status not in _WORDS:
        raise BadFilter(f"status {status} is not supported.")
    return Filters(
        since=since,
        until=until,
        status=status,
        model=parameters.get("model_name", ""),
        task_id=parameters.get("task_id", ""),
        page=_number(parameters, "page_no", 1),
        size=min(_number(parameters, "page_size", 10), LARGEST_PAGE),
    )


def _span(start: str, end: str, now: float) -> tuple[float, float]:
    """The span asked for, at most a day: the last one where neither end is given."""
    until = _unix(end) + 1 if end else (_unix(start) + DAY if start else now + 1)
    since = _unix(start) if start else until - DAY - 1
    if until - since > DAY + 1:
        raise BadFilter("the time span must not exceed 24 hours.")
    return since, until


def _unix(text: str) -> float:
    """Unix seconds of `YYYYMMDDhhmmss`, in UTC+8 like every date of DashScope."""
    try:
        date = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadFilter(f"time {text} is not of the form YYYYMMDDhhmmss.") from None
    return (date - timedelta(hours=8)).timestamp()


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name) or str(default)
    if text.isascii() and text.isdigit() and 0 < int(text) < 1_000_000:
        return int(text)
    raise BadFilter(f"{name} must be a positive number.")


def _matches(task: SimulatedTask, status: str, filters: Filters, calendar: Calendar) -> bool:
    """Whether a task is listed; one that is UNKNOWN by now never is."""
    return (
        status in _WORDS
        and filters.status in ("", status)
        and filters.model in ("", task.model)
        and filters.task_id in ("", task.id)
        and filters.since <= calendar.unix(task.submitted_at) < filters.until
    )


def _row(task: SimulatedTask, status: str, calendar: Calendar) -> dict[str, Any]:
    """Dates are integer milliseconds here, `status` is not `task_status`, links and reasons are missing."""
    row = {"task_id": task.id, "status": status, "model_name": task.model}
    times = {"gmt_create": task.submitted_at}
    if status != PENDING:
        times["start_time"] = task.started_at
    if status in ENDS:
        times["end_time"] = task.ends_at
    return row | {name: int(calendar.unix(seconds) * 1000) for name, seconds in times.items()}
