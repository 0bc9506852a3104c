"""How a task ended, from what was seen of it."""

from __future__ import annotations

from wanpoll._core.entries import Entry
from wanpoll._core.model import Outcome, Status
from wanpoll._core.readings import Answer, Broken, CallReading, Missed, NoSuchTask, Observation, Refused, Rejected
from wanpoll.exceptions import TransportError


def by_id(reading: CallReading) -> dict[str, Observation | NoSuchTask]:
    """What an answer says of each task. One that it names twice counts once."""
    return {each.task_id: each for each in reversed(reading.observations)} if isinstance(reading, Answer) else {}


def completed(entry: Entry, said: Observation | NoSuchTask | CallReading) -> Observation | CallReading:
    """The second answer about a result: whatever it lacks, the task has neither failed nor succeeded without it."""
    if isinstance(said, Missed | Refused | Broken) or (isinstance(said, Observation) and said.follow_up is None):
        return said
    detail = f"the rest of the result was not given: {said.failure}" if isinstance(said, Rejected) else ""
    return Missed(TransportError(entry.account.name, "error answer", detail=detail or "the result is not complete yet"))


def outcome_of(entry: Entry, status: Status, seen: Observation) -> Outcome:
    """The end of `entry` by the provider's word."""
    return Outcome(
        entry.task,
        status,
        media=seen.media,
        failure=seen.failure,
        reason="expired" if status is Status.EXPIRED else None,
        usage=seen.usage,
        submitted_at=seen.submitted_at or entry.task.submitted_at,
        started_at=seen.started_at,
        finished_at=seen.finished_at,
        polls=entry.polls,
        raw=seen.raw,
    )


def lag_of(outcome: Outcome, now: float, epoch: float | None) -> float | None:
    """How late the end is known, by the provider's clock, which may not be quite ours."""
    if outcome.finished_at is None or epoch is None:
        return None
    return max(0.0, now + epoch - outcome.finished_at.timestamp())
