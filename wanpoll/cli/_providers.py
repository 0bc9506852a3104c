"""`wanpoll providers`, and finding a provider by its name."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from attrs import asdict, frozen

from wanpoll import providers
from wanpoll.cli._texts import json_line
from wanpoll.exceptions import UnknownProvider
from wanpoll.providers import Provider

GROUP = "wanpoll.providers"
"""The entry points by which packages offer providers."""


@frozen
class Row:
    """What is told of a provider. Of the key only whether it is there."""

    name: str
    base_url: str
    key_variable: str
    key_set: bool
    requests: int
    per: float
    interval: float
    can_cancel: bool
    max_batch: int

    @classmethod
    def of(cls, kind: type[Provider]) -> Row:
        """The row of a class of providers."""
        return cls(
            name=kind.NAME,
            base_url=kind.BASE_URL,
            key_variable=kind.KEY_VARIABLE,
            key_set=bool(os.environ.get(kind.KEY_VARIABLE)),
            requests=kind.QUOTA.requests,
            per=kind.QUOTA.per,
            interval=kind.INTERVAL,
            can_cancel=kind.can_cancel,
            max_batch=kind.max_batch,
        )

    def cells(self) -> tuple[str, ...]:
        """The row as it stands in the table."""
        key = f"{self.key_variable} ({'set' if self.key_set else 'not set'})"
        quota = f"{self.requests} / {self.per:g} s"
        cancel = "yes" if self.can_cancel else "no"
        return self.name, self.base_url, key, quota, f"{self.interval:g} s", cancel, str(self.max_batch)


HEADINGS = ("name", "base URL", "key", "quota", "interval", "cancel", "batch")


def run(arguments: argparse.Namespace) -> int:
    """Print all providers."""
    rows = [Row.of(kind) for kind in known().values()]
    print("\n".join(map(json_line, map(asdict, rows))) if arguments.json else _table([row.cells() for row in rows]))
    return 0


def known() -> Mapping[str, type[Provider]]:
    """All classes of providers by name: wanpoll's own, and those that other packages offer."""
    return {kind.NAME: kind for kind in (*filter(_is_provider, _offered()), *_own())}


def find(name: str) -> type[Provider]:
    """The class of the provider called `name`. Raises `UnknownProvider`."""
    kinds = {kind.NAME: kind for kind in _own()}
    if name not in kinds and name not in (kinds := {**known()}):
        raise UnknownProvider(f"provider {name!r}: give one of {', '.join(kinds)}")
    return kinds[name]


def _own() -> Iterator[type[Provider]]:
    yield from filter(_is_provider, (getattr(providers, name) for name in providers.__all__))


def _offered() -> Iterator[Any]:
    for entry in entry_points(group=GROUP):
        try:
            yield entry.load()
        except Exception as error:  # a broken package must not take the others with it
            print(f"wanpoll: provider {entry.name} cannot be loaded ({type(error).__name__})", file=sys.stderr)


def _is_provider(kind: object) -> bool:
    if not (inspect.isclass(kind) and issubclass(kind, Provider)):
        return False
    return not inspect.isabstract(kind) and hasattr(kind, "NAME")  # a JsonProvider without data is none yet


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADINGS, *rows)
    )
