"""What the contract of a provider is checked with: recorded answers, and what they mean."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from wanpoll._core.model import NOTHING, Status, Task
from wanpoll._core.readings import Missed, NoSuchTask, Observation, Reading, Refused, Rejected, checked
from wanpoll.exceptions import UsageError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply

SEEN_AT = 1_750_000_000.0
"""When answers come, in Unix seconds."""

LEAST_KEY = 16
"""Characters of a key that can be looked for: a shorter one stands in texts by chance."""

KEY = "canary-0123456789abcdef0123456789"
"""The key of an account that was given none, or a short one."""

Means: TypeAlias = Status | type[NoSuchTask] | type[Missed] | type[Refused] | type[Rejected] | None
"""What an answer means for a task: its status, or what else it is. None is a word that the provider's table has not."""


def as_task(task: Task | str) -> Task:
    """`task`, or the task with that id."""
    return Task(task) if isinstance(task, str) else task


@frozen
class Sample:
    """A recorded answer about one task, and what it means.

    `document` is the JSON document, or the bytes of the body. `means` is a `Status`, one of `NoSuchTask`, `Missed`,
    `Refused` and `Rejected`, or None for a word that the provider's table has not. `task` (or its id) is the task
    asked about, with the context that the provider needs. Where they are given, `media` are the links in their order,
    and `failure` is the code of the failure.

    `rest` is the answer to the second request, for a success that needs one; `fresh` that to the request for fresh
    links, where the provider has them.
    """

    document: Any = field(repr=False)
    means: Means
    http: int = 200
    task: Task = field(default=Task("a-task"), converter=as_task)
    media: tuple[str, ...] | None = field(default=None, repr=False)
    failure: str | None = None
    rest: Any = field(default=None, repr=False)
    fresh: Any = field(default=None, repr=False)

    @property
    def is_json(self) -> bool:
        """Whether keys can be reordered, dropped and added."""
        return not isinstance(self.document, bytes)


@frozen
class BatchSample:
    """A recorded answer about several tasks: what it means for each id that was asked about and that it names."""

    document: Any = field(repr=False)
    means: Mapping[str, Means]
    http: int = 200
    context: Mapping[str, Any] = NOTHING

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks asked about, in the order of `means`."""
        return tuple(Task(each, context=self.context) for each in self.means)


@frozen
class Check:
    """One truth about a provider: call it; it raises `AssertionError` where that is none. Its text says the truth."""

    name: str
    _check: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        """Raise `AssertionError` where the provider breaks this part of the contract."""
        self._check()

    def __str__(self) -> str:
        return self.name


@frozen
class Subject:
    """The provider in question, with a key, and its samples."""

    provider: Provider
    samples: tuple[Sample, ...]
    batches: tuple[BatchSample, ...]

    @classmethod
    def of(cls, provider: Provider, samples: Iterable[Sample | BatchSample]) -> "Subject":
        """`provider` with a key that can be looked for."""
        given = tuple(samples)
        named = tuple(evolve(each, task=_named(each.task, provider)) for each in given if isinstance(each, Sample))
        return cls(_with_key(provider), named, tuple(each for each in given if isinstance(each, BatchSample)))

    @property
    def key(self) -> str:
        """The key of the account."""
        return str(self.provider.api_key)

    @property
    def contexts(self) -> tuple[Mapping[str, Any], ...]:
        """The contexts of the samples, each once."""
        contexts: list[Mapping[str, Any]] = []
        for each in (*(sample.task.context for sample in self.samples), *(batch.context for batch in self.batches)):
            if each not in contexts:
                contexts.append(each)
        return tuple(contexts) or (NOTHING,)

    def about(self, *samples: Sample) -> "Subject":
        """The same provider, with these samples only."""
        return Subject(self.provider, samples, ())

    def task(self, task_id: str, context: Mapping[str, Any] = NOTHING) -> Task:
        """A task of this provider."""
        return Task(task_id, self.provider.name, context)

    def read(self, tasks: Sequence[Task], document: Any, http: int = 200) -> Reading:
        """What `document` means for `tasks`. Raises `AssertionError` where that is no reading."""
        return reading_of(lambda: self.provider.read(tasks, as_reply(document, http)), document)

    def read_sample(self, sample: Sample) -> Reading:
        """What `sample` means to the provider."""
        return self.read([sample.task], sample.document, sample.http)


def as_reply(document: Any, http: int = 200) -> Reply:
    """The answer with `document` as its body."""
    return Reply(http, document if isinstance(document, bytes) else json.dumps(document).encode(), SEEN_AT)


def reading_of(read: Callable[[], Any], document: Any) -> Reading:
    """What `read` makes of `document`. Raises `AssertionError` where that is no reading."""
    try:
        return checked(read())
    except Exception as error:
        shown = document if isinstance(document, bytes) else json.dumps(document).encode()
        raise AssertionError(f"{type(error).__name__} ({error}) instead of a reading of {shown[:200]!r}") from error


def holds(truth: Any, otherwise: str) -> None:
    """Raise `AssertionError` unless `truth` holds. (An `assert` vanishes under `python -O`.)"""
    if not truth:
        raise AssertionError(otherwise)


def followed(reading: Reading) -> Observation | None:
    """What was seen, where a second request must complete it."""
    for part in getattr(reading, "observations", ()):
        if isinstance(part, Observation) and part.follow_up is not None:
            return part
    return None


def _named(task: Task, provider: Provider) -> Task:
    return evolve(task, provider=provider.name)


def _with_key(provider: Provider) -> Provider:
    if provider.api_key is None or len(provider.api_key) < LEAST_KEY:
        provider = provider.configured(KEY)
    try:
        return provider.bind({})
    except UsageError as error:
        raise UsageError(f"contract: {error}") from None
