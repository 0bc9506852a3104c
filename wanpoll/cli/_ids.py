"""The task ids that a command is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

STANDARD_INPUT = "-"


def read_ids(words: Sequence[str], stdin: TextIO) -> list[str]:
    """The ids in `words`, each once and in their order; - stands for those in `stdin`."""
    return list(dict.fromkeys(_ids(words, stdin)))


def _ids(words: Sequence[str], stdin: TextIO) -> Iterator[str]:
    for word in words:
        if word == STANDARD_INPUT:
            yield from _lines(stdin)
        else:
            yield word


def _lines(lines: Iterable[str]) -> Iterator[str]:
    """One id a line, without blank lines, comments and the mark that Windows puts before a text."""
    for line in lines:
        if word := line.lstrip("\ufeff").partition("#")[0].strip():
            yield word
