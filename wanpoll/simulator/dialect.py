"""What a provider's dialect has to offer: the seam between the simulator and one file per provider.

A dialect is pure: it reads what was asked, asks the world and writes the answer's bytes. Clock, wire, quota and
faults are the server's.
"""

from __future__ import annotations

import abc
import enum
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from attrs import frozen

from wanpoll.exceptions import UsageError
from wanpoll.simulator._checks import check_count
from wanpoll.simulator.world import CANCELED, VERDICTS, SimulatedTask, World, as_uuid, check_verdict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOBODY = "00000000-0000-4000-8000-000000000000"
"""A task id that is never given."""

NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({})

NEVER_CANCELED = tuple(word for word in VERDICTS if word != CANCELED)
"""What tasks come to where the provider has no word for a canceled one."""


class Route(enum.StrEnum):
    """What can be asked of a provider."""

    SUBMIT = "submit"
    QUERY = "query"
    BATCH = "batch"
    LIST = "list"
    FILE = "file"
    CANCEL = "cancel"


class Refusal(enum.Enum):
    """Why the server refuses before it looks at any task."""

    THROTTLED = enum.auto()
    UNAUTHORIZED = enum.auto()
    BROKEN = enum.auto()
    UNAVAILABLE = enum.auto()
    NOT_FOUND = enum.auto()
    FORBIDDEN = enum.auto()
    """Said by dialects with a list only: the account may not see it."""


@frozen
class Arrival:
    """A request as it arrived. `path` begins where the dialect is mounted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def key(self) -> str | None:
        """The bearer key, None where there is none."""
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    def document(self) -> Mapping[str, Any]:
        """The JSON object in the body, an empty one where there is none."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


@frozen
class Asked:
    """A request as the dialect read it.

    `subject` is the task's id, the file's id, or what was submitted to; `parameters` is what was said beside it.
    """

    route: Route
    subject: str = ""
    parameters: Mapping[str, Any] = NO_PARAMETERS


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


@frozen
class Form:
    """What is submitted when tasks of one shape are.

    `model` is a model that answers so, `failures` are the codes of its failed tasks with their messages, `pictures`
    is how many results it makes, `verdicts` what its tasks can come to; `new_id` makes an id of 128 random bits.
    """

    model: str
    failures: Mapping[str, str]
    pictures: int = 1
    verdicts: Sequence[str] = VERDICTS
    new_id: Callable[[int], str] = as_uuid

    def submit(
        self,
        world: World,
        now: float,
        shape: str,
        *,
        model: str | None = None,
        pictures: int | None = None,
        duration: float | None = None,
        status: str | None = None,
        code: str | None = None,
    ) -> SimulatedTask:
        """A new task of the shape that is called `shape`. Raises `UsageError` for what no such task can be."""
        return world.submit(
            now,
            shape=shape,
            model=model or self.model,
            pictures=self.pictures if pictures is None else check_count("pictures", pictures),
            duration=duration,
            status=status and check_verdict(status, self.verdicts),
            code=code and self._checked(code),
            codes=tuple(self.failures),
            new_id=self.new_id,
        )

    def _checked(self, code: str) -> str:
        """Codes that are numbers on the wire cannot be anything else."""
        example = next(iter(self.failures))
        if example.isdecimal() and not (code.isascii() and code.isdecimal() and len(code) < 10):
            raise UsageError(f"code={code!r}: give the text of a number, as in {example!r}")
        return code


class Dialect(abc.ABC):
    """One provider's way to ask and answer. `now` is always in provider seconds."""

    FORMS: ClassVar[Mapping[str, Form]]
    """Every shape by the name that `Simulator.submit(shape=...)` takes, that of the default first."""

    def __init__(self, world: World, calendar: Calendar) -> None:
        self._world = world
        self._calendar = calendar
        self._serials = itertools.count(1)

    @abc.abstractmethod
    def read(self, arrival: Arrival) -> Asked | None:
        """What is asked, None where the provider has no such route."""

    @abc.abstractmethod
    def submit(self, asked: Asked, arrival: Arrival, now: float) -> Answer:
        """Accept a new task."""

    @abc.abstractmethod
    def query(self, task_id: str, now: float) -> Answer:
        """Tell about one task."""

    @abc.abstractmethod
    def refuse(self, refusal: Refusal) -> Answer:
        """The provider's words for a refusal."""

    def answer(self, asked: Asked, now: float) -> Answer:
        """The true answer to anything but a submission."""
        return self.query(asked.subject, now)

    def echo(self, asked: Asked, now: float) -> Answer:
        """The answer about another task: what a confused cache would say."""
        return self.query(self._other(asked.subject), now)

    def _other(self, *ids: str) -> str:
        """The id of a task that is none of `ids`."""
        other = self._world.neighbour(ids)
        return NOBODY if other is None else other.id

    def _request_id(self) -> str:
        """An id that is another one in every answer."""
        return f"{next(self._serials):08x}-0000-9000-8000-000000000000"


def answered(status: int, document: Mapping[str, Any], ended: tuple[str, ...] = ()) -> Answer:
    """An answer with `document` as its JSON body."""
    return Answer(status, json.dumps(document).encode(), ended)
