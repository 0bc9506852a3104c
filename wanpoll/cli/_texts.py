"""Small words: numbers, times and strangers' texts as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def printable(text: str) -> str:
    """`text` in one line and without control characters: a provider's message must not move anybody's cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def number(value: float) -> str:
    """`value` as a whole number with its thousands apart."""
    return f"{value:,.0f}"


def clock(seconds: float) -> str:
    """`seconds` as minutes and seconds, "06:12"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"


def duration(seconds: float) -> str:
    """`seconds` in words, "12 min 35 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def tasks(count: int) -> str:
    """`count` tasks, in words."""
    return f"{number(count)} task{'' if count == 1 else 's'}"


def counted(counts: Mapping[Any, int], gap: str = ", ") -> str:
    """What there is of each, "12 RUNNING, 3 FAILED"; what there is none of is left out."""
    return gap.join(f"{number(count)} {name}" for name, count in counts.items() if count)


def json_line(document: Any) -> str:
    """`document` as one line of JSON in ASCII, which every terminal, pipe and locale carries."""
    return json.dumps(document, allow_nan=False)
