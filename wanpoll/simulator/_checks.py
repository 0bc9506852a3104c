"""Arguments that cannot be meant are refused before they do harm, with a message that says what to give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wanpoll.exceptions import UsageError


def check(name: str, value: float, least: float, most: float = math.inf) -> float:
    """Return `value` as a finite float from `least` to `most`, else raise `UsageError`."""
    if _is_finite(value) and least <= value <= most:
        return float(value)
    ceiling = "" if math.isinf(most) else f" and at most {most:g}"
    raise UsageError(f"{name}={value!r}: give a finite number of at least {least:g}{ceiling}")


def check_positive(name: str, value: float) -> float:
    """Return `value` as a finite float above zero, else raise `UsageError`."""
    if _is_finite(value) and value > 0:
        return float(value)
    raise UsageError(f"{name}={value!r}: give a finite number above 0")


def check_count(name: str, value: int, least: int = 1) -> int:
    """Return `value` as a whole number of at least `least`, else raise `UsageError`."""
    if isinstance(value, int) and value >= least:
        return value
    raise UsageError(f"{name}={value!r}: give a whole number of at least {least}")


def between(least: float, most: float = math.inf) -> Callable[[Any, Any, float], None]:
    """An attrs validator for a number from `least` to `most`."""

    def validate(_: Any, attribute: Any, value: float) -> None:
        check(attribute.name, value, least, most)

    return validate


def positive(_: Any, attribute: Any, value: float) -> None:
    """An attrs validator for a finite number above zero."""
    check_positive(attribute.name, value)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
