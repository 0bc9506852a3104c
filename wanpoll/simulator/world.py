"""The provider's tasks. Pure: told the time in provider seconds, every draw seeded.

What becomes of a task is drawn when it is submitted and depends on nothing but the seed and the serial number of
the task, so that no client, however it asks, can change the fate of another task.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Container, Iterator, Sequence

import attrs
from attrs import field, frozen

from wanpoll.exceptions import UsageError
from wanpoll.simulator._checks import between, check, positive
from wanpoll.simulator.distributions import Distribution

PENDING = "PENDING"
RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
CANCELED = "CANCELED"
UNKNOWN = "UNKNOWN"
SUSPENDED = "SUSPENDED"

ENDS = frozenset({SUCCEEDED, FAILED, CANCELED})
"""The words that end a task."""

VERDICTS = (SUCCEEDED, FAILED, CANCELED, UNKNOWN, SUSPENDED)
"""What a task can come to: an end, being forgotten (UNKNOWN), or a word that is no end (SUSPENDED)."""


def as_uuid(bits: int) -> str:
    """An id as most providers give it."""
    return str(uuid.UUID(int=bits, version=4))


def as_number(digits: int) -> Callable[[int], str]:
    """Maker of ids that are numbers of so many digits, in text."""
    least = 10 ** (digits - 1)
    return lambda bits: str(least + bits % (9 * least))


def _drawable(_: object, attribute: attrs.Attribute[Distribution], value: Distribution) -> None:
    if not callable(getattr(value, "draw", None)):
        raise UsageError(f"{attribute.name}={value!r}: give a distribution, as in Constant(180)")


@frozen
class Behaviour:
    """What the provider does with its tasks.

    `queue` and `durations` are the provider seconds that a task is PENDING, then RUNNING. `failed` is the
    probability that a task fails, `partial` that a succeeding task of several pictures loses some of them.
    `lifetime` is how many provider seconds after its submission a task is forgotten: a day, says DashScope's task
    documentation. `codes` are the failure codes to draw from.
    """

    queue: Distribution = field(validator=_drawable)
    durations: Distribution = field(validator=_drawable)
    failed: float = field(default=0.0, validator=between(0, 1))
    partial: float = field(default=0.0, validator=between(0, 1))
    lifetime: float = field(default=86_400.0, validator=positive)
    codes: tuple[str, ...] = ("InternalError",)


@frozen
class SimulatedTask:
    """One task as the provider knows it. Times are provider seconds since the simulator started.

    `status` is what the task comes to at `ends_at`, `code` why it failed, `lost` the indices of those of its
    `pictures` that failed by themselves.
    """

    id: str
    serial: int
    shape: str
    model: str
    pictures: int
    submitted_at: float
    started_at: float
    ends_at: float
    status: str
    code: str | None = None
    lost: frozenset[int] = frozenset()

    def status_at(self, now: float) -> str:
        """The task's status word at `now`."""
        if now >= self.ends_at:
            return self.status
        return PENDING if now < self.started_at else RUNNING


class World:
    """All tasks of the provider, by id and in the order of their submission."""

    def __init__(self, behaviour: Behaviour, seed: int | str = 0) -> None:
        self._behaviour = behaviour
        self._seed = seed
        self._tasks: dict[str, SimulatedTask] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def submit(
        self,
        now: float,
        *,
        shape: str,
        model: str,
        pictures: int = 1,
        duration: float | None = None,
        status: str | None = None,
        code: str | None = None,
        codes: Sequence[str] = (),
        new_id: Callable[[int], str] = as_uuid,
    ) -> SimulatedTask:
        """A new task. `duration` (provider seconds from submission to end), `status` and `code` override the draw.

        `codes` are the failure codes to draw from, if not those of the behaviour; `new_id` makes the id of 128 bits.
        """
        task = self._draw(now, shape, model, pictures, status, code, codes, new_id)
        if duration is not None:
            task = _stretched(task, check("duration", duration, 0))
        self._tasks[task.id] = task
        return task

    def get(self, task_id: str) -> SimulatedTask | None:
        """The task with this id, be it alive or forgotten."""
        return self._tasks.get(task_id)

    def find(self, task_id: str, now: float) -> SimulatedTask | None:
        """The task with this id that the provider still knows at `now`."""
        task = self._tasks.get(task_id)
        return task if task is not None and self.status(task, now) != UNKNOWN else None

    def status(self, task: SimulatedTask, now: float) -> str:
        """The status word of `task` at `now`: UNKNOWN once its lifetime is over."""
        return UNKNOWN if now >= task.submitted_at + self._behaviour.lifetime else task.status_at(now)

    def cancel(self, task_id: str, now: float) -> bool:
        """Cancel a PENDING task; False for any other, as DashScope's task documentation has it."""
        task = self.find(task_id, now)
        if task is None or task.status_at(now) != PENDING:
            return False
        self._tasks[task_id] = attrs.evolve(task, status=CANCELED, started_at=now, ends_at=now)
        return True

    def all(self) -> Iterator[SimulatedTask]:
        """Every task ever submitted, oldest first."""
        return iter(self._tasks.values())

    def neighbour(self, ids: Container[str]) -> SimulatedTask | None:
        """Another task, the oldest that is none of `ids`: what a confused cache would answer about."""
        return next((task for task in self._tasks.values() if task.id not in ids), None)

    def _draw(
        self,
        now: float,
        shape: str,
        model: str,
        pictures: int,
        status: str | None,
        code: str | None,
        codes: Sequence[str],
        new_id: Callable[[int], str],
    ) -> SimulatedTask:
        # Everything is drawn, even what is then overridden: an override must not shift the other draws.
        behaviour, serial = self._behaviour, len(self._tasks)
        dice = random.Random(f"{self._seed}/{serial}")
        task_id = new_id(dice.getrandbits(128))
        started_at = now + behaviour.queue.draw(dice)
        ends_at = started_at + behaviour.durations.draw(dice)
        drawn = FAILED if dice.random() < behaviour.failed else SUCCEEDED
        drawn_code, lost = dice.choice(codes or behaviour.codes), _lost(dice, pictures, behaviour.partial)
        verdict = check_verdict(status) if status else drawn
        return SimulatedTask(
            id=task_id,
            serial=serial,
            shape=shape,
            model=model,
            pictures=pictures,
            submitted_at=now,
            started_at=started_at,
            ends_at=ends_at,
            status=verdict,
            code=(code or drawn_code) if verdict == FAILED else None,
            lost=lost if verdict == SUCCEEDED else frozenset(),
        )


def check_verdict(status: str, among: Sequence[str] = VERDICTS) -> str:
    """Return `status` as a text if it is one of `among`, else raise `UsageError`."""
    if status in among:
        return str(status)
    raise UsageError(f"status={status!r}: give one of {', '.join(among)}, or None to draw it")


def _lost(dice: random.Random, pictures: int, probability: float) -> frozenset[int]:
    """At least one picture fails and at least one does not: a task without any is FAILED."""
    if dice.random() >= probability or pictures < 2:
        return frozenset()
    return frozenset(dice.sample(range(pictures), dice.randint(1, pictures - 1)))


def _stretched(task: SimulatedTask, duration: float) -> SimulatedTask:
    """`task` ending `duration` after its submission, PENDING for the same share of that time as it was drawn."""
    drawn = task.ends_at - task.submitted_at
    share = (task.started_at - task.submitted_at) / drawn if drawn else 0.0
    started_at, ends_at = task.submitted_at + share * duration, task.submitted_at + duration
    return attrs.evolve(task, started_at=started_at, ends_at=ends_at)
