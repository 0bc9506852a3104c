"""What callers give, checked: which argument, what was wrong, what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from wanpoll._core.model import NOTHING, Task
from wanpoll.exceptions import UnknownProvider, UsageError
from wanpoll.providers.base import Provider


class Registry:
    """The providers of one poller by name, and the tasks that callers mean."""

    def __init__(self, providers: Iterable[Any], environ: Mapping[str, str]) -> None:
        self.providers: dict[str, Provider] = {}
        for each in providers:
            provider = checked_provider(each).bind(environ)
            if provider.name in self.providers:
                raise UsageError(f"two providers are named {provider.name!r}: tell the accounts apart by name=...")
            self.providers[provider.name] = provider
        if not self.providers:
            raise UsageError("Poller() needs a provider, as in Poller(DashScope())")
        self._sole = next(iter(self.providers)) if len(self.providers) == 1 else None

    def task(self, task: str | Task, provider: str | None = None, context: Mapping[str, Any] | None = None) -> Task:
        """`task` as a checked `Task` that names its provider. Raises `UsageError`s."""
        if isinstance(task, Task):
            return self._completed(task, provider, context)
        name = self._name(provider)
        asked = self.providers[name]
        return Task(asked.check_id(task), name, _checked_context(asked, context))

    def _completed(self, task: Task, provider: str | None, context: Mapping[str, Any] | None) -> Task:
        if provider is not None and task.provider not in (None, provider):
            raise UsageError(f"provider={provider!r}, but the task names {task.provider!r}: give one of them")
        _check_task(task)
        name = self._name(provider or task.provider)
        asked = self.providers[name]
        asked.check_id(task.id)
        checked = _checked_context(asked, task.context if context is None else context)
        if name == task.provider and context is None:
            return task
        return attrs.evolve(task, provider=name, context=checked)

    def _name(self, provider: str | None) -> str:
        if provider is None:
            if self._sole is not None:
                return self._sole
            raise UnknownProvider(f"name the task's provider, {self._names()}: provider=... or Task(provider=...)")
        if not isinstance(provider, str) or provider not in self.providers:
            raise UnknownProvider(f"provider={provider!r}: this poller has {self._names()}")
        return provider

    def _names(self) -> str:
        return " or ".join(self.providers)


def checked_provider(provider: Any, taker: str = "Poller") -> Provider:
    """`provider` if it is one; `taker` is the class that was given it."""
    if isinstance(provider, Provider):
        return provider
    if isinstance(provider, type):
        raise UsageError(f"{taker}({provider.__name__}): give an instance, {provider.__name__}()")
    raise UsageError(f"{taker}: a {type(provider).__name__} is not a provider; give one, as in {taker}(DashScope())")


def _check_task(task: Task) -> None:
    if task.kind is not None and not isinstance(task.kind, str):
        raise UsageError(f"Task.kind={task.kind!r:.80}: give a text that names alike tasks, or None")
    if task.submitted_at is not None and (
        not isinstance(task.submitted_at, datetime) or task.submitted_at.utcoffset() is None
    ):
        raise UsageError(f"Task.submitted_at={task.submitted_at!r}: give an aware datetime, one with a time zone")


def _checked_context(provider: Provider, context: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if context is not None and not isinstance(context, Mapping):
        raise UsageError(f"context: give a mapping of what the provider needs, not a {type(context).__name__}")
    provider.check_context(context or NOTHING)
    return context or NOTHING


def switch(name: str, value: bool) -> bool:
    """`value` if it is True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r:.80}: give True or False")
    return value


def many(tasks: Iterable[str | Task]) -> Iterable[str | Task]:
    """`tasks`, if they are several."""
    if isinstance(tasks, str | Task) or not isinstance(tasks, Iterable):
        raise UsageError("tasks: give a list of ids or tasks; wait_for waits for one")
    return tasks


def seconds(name: str, value: float, *, least: float | None = None) -> float:
    """`value` if it is a number of seconds above zero (or from `least`), and finite."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or (value <= 0 if least is None else value < least):
        raise UsageError(
            f"{name}={value!r}: give a finite number of seconds, {'above 0' if least is None else '0 or more'}"
        )
    return value


def timeout_of(value: float | None) -> float | None:
    """`value` if it can be a timeout: None, or seconds from zero."""
    return None if value is None else seconds("timeout", value, least=0.0)


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """`value` if it is among the `choices`."""
    if value not in choices:
        raise UsageError(f"{name}={value!r}: give one of {', '.join(map(repr, choices))}")
    return value


def count(name: str, value: int, *, least: int) -> int:
    """`value` if it is a whole number from `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name}={value!r}: give a whole number, {least} or more")
    return value
