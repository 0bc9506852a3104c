"""Which fault, if any, befalls a request. Pure: told the time, its dice seeded.

One draw per request from one stream: the n-th request meets the same fault in every run with the same seed.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from wanpoll.exceptions import UsageError
from wanpoll.simulator._checks import check


class FaultKind(enum.StrEnum):
    """What can go wrong between a client and its provider."""

    THROTTLE = "throttle"
    """The provider's 429, or its words for that, although the quota was kept."""
    SERVER_ERROR = "server_error"
    """The provider's own 500 and 503, or its words for those, by turns."""
    UNAUTHORIZED = "unauthorized"
    """The provider's 401, or its words for that, although the key is good."""
    HTML = "html"
    """A gateway's 502, in HTML."""
    EMPTY = "empty"
    """A 200 without a body."""
    GARBAGE = "garbage"
    """A 200 whose JSON stops in the middle."""
    REDIRECT = "redirect"
    """A 302 to another host."""
    ECHO = "echo"
    """The answer about another task."""
    BOMB = "bomb"
    """A small gzip body that inflates to 64 MiB."""
    RESET = "reset"
    """A TCP reset instead of an answer."""
    CUT = "cut"
    """The connection ends in the midst of the body, by a reset and by an orderly close in turn."""
    SLOW = "slow"
    """The true answer, late."""
    DRIP = "drip"
    """The true answer, a byte at a time."""
    HANG = "hang"
    """No answer, ever."""
    ENDLESS = "endless"
    """A body without end."""


FAULTS: tuple[str, ...] = tuple(kind.value for kind in FaultKind)
"""Every kind of fault, by the word that `Simulator(faults=...)` and `inject` take."""


@frozen
class FaultWindow:
    """A fault on demand: until `until` (provider seconds), it befalls a request with `probability`."""

    kind: FaultKind
    until: float
    probability: float


class FaultPlan:
    """The mix that holds always, and the windows that were opened on demand. The latest window comes first."""

    def __init__(self, mix: Mapping[str, float], seed: int = 0) -> None:
        self._mix = _checked(mix)
        self._windows: list[FaultWindow] = []
        self._dice = random.Random(f"{seed}/faults")

    def inject(self, kind: str, now: float, seconds: float, probability: float = 1.0) -> None:
        """Open a window of `seconds` provider seconds at `now`."""
        until = now + check("seconds", seconds, 0)
        self._windows.insert(0, FaultWindow(_kind(kind), until, check("probability", probability, 0, 1)))

    def heal(self) -> None:
        """End the mix and all windows."""
        self._mix = {}
        self._windows.clear()

    def active(self, now: float) -> Mapping[str, float]:
        """The probability of each kind at `now`, as far as one is set; windows hide the mix."""
        windows = {window.kind: window.probability for window in reversed(self._open(now))}
        return MappingProxyType({str(kind): chance for kind, chance in (self._mix | windows).items()})

    def draw(self, now: float) -> FaultKind | None:
        """The fault of a request that arrives at `now`."""
        if self._windows:
            for window in self._open(now):
                if self._dice.random() < window.probability:
                    return window.kind
        return self._draw_from_mix() if self._mix else None

    def _open(self, now: float) -> list[FaultWindow]:
        self._windows = [window for window in self._windows if now < window.until]
        return self._windows

    def _draw_from_mix(self) -> FaultKind | None:
        point = self._dice.random()
        for kind, probability in self._mix.items():
            point -= probability
            if point < 0:
                return kind
        return None


def _kind(word: str) -> FaultKind:
    try:
        return FaultKind(word)
    except ValueError:
        raise UsageError(f"fault {word!r}: give one of {', '.join(FAULTS)}") from None


def _checked(mix: Mapping[str, float]) -> dict[FaultKind, float]:
    checked = {_kind(word): check(f"faults[{word!r}]", chance, 0, 1) for word, chance in mix.items()}
    total = sum(checked.values())
    if total > 1 + 1e-9:
        raise UsageError(f"faults={dict(mix)!r}: the probabilities add up to {total:g}; give 1 at most")
    return checked
