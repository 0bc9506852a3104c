"""What a provider's dialect has to offer: the seam between the simulator and one file per provider.

A dialect is pure: it reads what was asked, asks the world and writes the answer's bytes. Clock, wire, quota and
faults are the server's.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from attrs import frozen

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Route(enum.StrEnum):
    """What can be asked of a provider."""

    SUBMIT = "submit"
    QUERY = "query"
    LIST = "list"
    CANCEL = "cancel"


class Refusal(enum.Enum):
    """Why the server refuses before it looks at any task."""

    THROTTLED = enum.auto()
    UNAUTHORIZED = enum.auto()
    BROKEN = enum.auto()
    UNAVAILABLE = enum.auto()
    NOT_FOUND = enum.auto()


@frozen
class Asked:
    """A request as the dialect read it. `subject` is the task's id, or the service submitted to."""

    route: Route
    subject: str = ""


@frozen
class Answer:
    """An answer for the wire. `ended` are the tasks of whose end it tells."""

    status: int
    body: bytes
    ended: tuple[str, ...] = ()


@frozen
class Calendar:
    """Provider seconds as dates, on the client's own clock.

    A simulator of speed 60 packs a provider's minute into a second of the client. Dates, like every duration that
    a client can measure, are those of the client: `epoch` (Unix seconds) plus provider seconds over `speed`.
    """

    epoch: float
    speed: float = 1.0

    def unix(self, seconds: float) -> float:
        """Unix seconds of a provider second."""
        return self.epoch + seconds / self.speed

    def date(self, seconds: float) -> datetime:
        """The aware UTC date of a provider second."""
        return EPOCH + timedelta(seconds=self.unix(seconds))


class Dialect(Protocol):
    """One provider's way to ask and answer. `now` is always in provider seconds."""

    def read(self, method: str, path: str) -> Asked | None:
        """What is asked, None where the provider has no such route."""
        ...

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The API key of a request, None where it has none."""
        ...

    def submit(self, service: str, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
        """Accept a new task."""
        ...

    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task."""
        ...

    def list(self, parameters: Mapping[str, str], now: float) -> Answer:
        """Tell about many tasks."""
        ...

    def cancel(self, task_id: str, now: float) -> Answer:
        """Cancel a task."""
        ...

    def refuse(self, refusal: Refusal) -> Answer:
        """The provider's words for a refusal."""
        ...
