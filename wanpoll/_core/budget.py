"""Requests per account, as arithmetic on `now`.

The promise is about the *server's* clock: in no window of `rate.per` seconds does it see more than
`rate.requests`. The client knows only that a request reached the server somewhere between its sending and its
answer. So a request occupies its place from its sending until `per` seconds after its answer. Of any
`requests + 1` arrivals inside one window the last-sent would have found every place occupied; so there are never
that many, whatever the latency, its jitter, and the stalls of our own loop. The price is a rate of
`requests / (per + latency)`, and that a hanging request keeps its place until it is given up. One that was given up
counts as read then: what a server finds in its sockets when it comes back from a long stop is beyond this promise.

Inside the window, requests are spaced by a leaky bucket (GCRA) whose burst is a quarter of the window's requests:
providers count bursts too.

A throttled account (429, `Retry-After`) pauses, then goes on at a part of its rate: multiplicative decrease,
additive increase.
"""

from __future__ import annotations

import math
from collections import deque

from wanpoll._core.model import Rate
from wanpoll._core.schedule import RESOLUTION

LONGEST_PAUSE = 3600.0
"""Seconds. No `Retry-After` silences an account for longer."""

_BURST = 0.25
_DECREASE = 0.5
_LEAST_SHARE = 1 / 32
_RECOVERY = 0.02  # of the full rate, for each window that passes
_BIN = 10.0  # windows in one of the two bins over which the rate is measured


class Budget:
    """The quota of one account: `take` a place, `done` when the answer came."""

    __slots__ = (
        "_bin",
        "_bin_ends",
        "_cooling",
        "_eased_at",
        "_even_at",
        "_full",
        "_full_rate",
        "_hold",
        "_last_bin",
        "_open",
        "_paused_until",
        "_share",
        "_width",
        "rate",
    )

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._hold = rate.per + 2 * RESOLUTION  # early timers may not shorten a window
        self._open = 0  # places whose request is under way
        self._cooling: deque[float] = deque()  # when the other places become free
        self._even_at = -math.inf  # GCRA's theoretical arrival time
        self._share = 1.0
        self._full = self._limits_of(1.0)
        self._full_rate = rate.per_second
        self._eased_at = -math.inf
        self._paused_until = -math.inf
        self._width = _BIN * rate.per
        self._bin = 0  # requests in this bin of time
        self._last_bin: int | None = None  # and in the one before, if there was one
        self._bin_ends = -math.inf

    def take(self, now: float) -> bool:
        """Take a place for one request; False when there is none at `now`."""
        self._cool(now)
        horizon = now + RESOLUTION
        places, spacing, tolerance = self._limits(now)
        if (
            self._open + len(self._cooling) >= places
            or self._even_at - tolerance > horizon
            or self._paused_until > horizon
        ):
            return False
        self._open += 1
        self._even_at = max(now, self._even_at) + spacing
        if now >= self._bin_ends:
            self._turn_bin(now)
        self._bin += 1
        return True

    def done(self, now: float) -> None:
        """A request was answered, or given up."""
        self._open -= 1
        self._cooling.append(now + self._hold)

    def next_at(self, now: float) -> float:
        """The earliest time at which `take` can succeed, `now` when it can at once.

        Infinity when an answer has to come first: nothing is to be expected before `done`.
        """
        self._cool(now)
        places, _, tolerance = self._limits(now)
        earliest = max(now, self._even_at - tolerance, self._paused_until)
        if self._open + len(self._cooling) < places:
            return earliest
        return max(earliest, self._cooling[0]) if self._cooling else math.inf

    def throttle(self, now: float, asked_at: float, retry_after: float | None = None) -> bool:
        """The server said that it was asked too often; `asked_at` is when that request was sent.

        Answers to what was sent before the last slow-down tell nothing new: one burst halves the rate once.
        Returns whether this one was news.
        """
        is_news = asked_at >= self._eased_at
        if is_news:
            self._share = max(_LEAST_SHARE, self.share(now) * _DECREASE)
            self._eased_at = now
            self._pause(now, self.rate.per / self._share)
        if retry_after is not None:
            self._pause(now, min(retry_after, LONGEST_PAUSE))
        return is_news

    def share(self, now: float) -> float:
        """The part of the quota that is used at `now`: 1, or less after a throttled request."""
        if self._share >= 1.0:
            return 1.0
        since = max(0.0, now - max(self._eased_at, self._paused_until))
        share = min(1.0, self._share + _RECOVERY * since / self.rate.per)
        if share >= 1.0:
            self._share = 1.0
        return share

    def pauses(self, now: float) -> bool:
        """Whether the server has said to ask nothing for a while."""
        return self._paused_until > now

    def allowed(self, now: float) -> float:
        """Requests per second that the account may make now."""
        return self._full_rate if self._share >= 1.0 else self._full_rate * self.share(now)

    def measured(self, now: float) -> float:
        """Requests per second that were made lately: in this bin of time and the one before."""
        if now >= self._bin_ends:
            self._turn_bin(now)
        begun = self._bin_ends - self._width if self._last_bin is None else self._bin_ends - 2 * self._width
        return ((self._last_bin or 0) + self._bin) / max(now - begun, self.rate.per)

    def _cool(self, now: float) -> None:
        cooling = self._cooling
        while cooling and cooling[0] <= now + RESOLUTION:
            cooling.popleft()

    def _limits(self, now: float) -> tuple[int, float, float]:
        """Places in a window, seconds between even requests, and how far a burst may run ahead of even."""
        return self._full if self._share >= 1.0 else self._limits_of(self.share(now))

    def _limits_of(self, share: float) -> tuple[int, float, float]:
        places = max(1, int(self.rate.requests * share))
        spacing = self.rate.per / (self.rate.requests * share)
        return places, spacing, spacing * max(0, int(places * _BURST) - 1)

    def _pause(self, now: float, seconds: float) -> None:
        self._paused_until = max(self._paused_until, now + seconds)

    def _turn_bin(self, now: float) -> None:
        follows = now < self._bin_ends + self._width
        self._last_bin = self._bin if follows else None if self._bin_ends == -math.inf else 0
        self._bin = 0
        self._bin_ends = self._bin_ends + self._width if follows else now + self._width
