"""What is told of a task beside its id: `--context KEY=VALUE`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wanpoll.exceptions import UsageError


def read_context(pairs: Sequence[str]) -> Mapping[str, str]:
    """The context in `pairs`, each "key=value". Raises `UsageError`."""
    context: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--context {pair!r}: give KEY=VALUE, as in upstream=minimax")
        if key in context:
            raise UsageError(f"--context {pair!r}: {key} is given twice")
        context[key] = value
    return context
