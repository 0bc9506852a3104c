"""`wanpoll providers`: what can be waited for."""

from __future__ import annotations

import argparse
import os
import sys

from attrs import asdict, frozen

from wanpoll.cli._quietly import quietly
from wanpoll.cli._texts import json_line, printable
from wanpoll.providers import Provider, available


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
    can_refresh: bool
    max_batch: int

    @classmethod
    def of(cls, provider: Provider) -> Row:
        """The row of a provider."""
        return cls(
            name=provider.name,
            base_url=provider.base_url or provider.BASE_URL,
            key_variable=provider.KEY_VARIABLE,
            key_set=bool(os.environ.get(provider.KEY_VARIABLE)),
            requests=provider.quota.requests,
            per=provider.quota.per,
            interval=provider.interval,
            can_cancel=provider.can_cancel,
            can_refresh=provider.can_refresh,
            max_batch=provider.max_batch,
        )

    def cells(self) -> tuple[str, ...]:
        """The row as it stands in the table."""
        cells = (
            self.name,
            self.base_url,
            f"{self.key_variable} ({'set' if self.key_set else 'not set'})",
            f"{self.requests} / {self.per:g} s",
            f"{self.interval:g} s",
            str(self.max_batch),
            "yes" if self.can_cancel else "no",
            "yes" if self.can_refresh else "no",
        )
        return tuple(map(printable, cells))


HEADINGS = ("name", "base URL", "key", "quota", "interval", "batch", "cancel", "fresh links")


def run(arguments: argparse.Namespace) -> int:
    """Print all providers, and on stderr those of other packages that cannot be used."""
    found = quietly(available)
    rows = [Row.of(provider) for provider in found.providers.values()]
    print("\n".join(map(json_line, map(asdict, rows))) if arguments.json else _table([row.cells() for row in rows]))
    for each in found.broken:
        print(f"wanpoll: {printable(str(each))}", file=sys.stderr)
    return 0


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADINGS, *rows)
    )
