"""Standard output is for results: what a package prints when it is imported goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def quietly(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function`, which may import strangers' packages, returns."""
    with redirect_stdout(sys.stderr):
        return function(*args, **kwargs)
