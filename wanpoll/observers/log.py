"""The standard log, under the name "wanpoll": what a person on call wants to read, and no more."""

from __future__ import annotations

import logging
import time

from wanpoll._core.events import (
    AccountRefused,
    AccountThrottled,
    Event,
    PollMissed,
    ScanStopped,
    TaskBroken,
    UnknownWord,
)
from wanpoll._core.model import Failure

QUIET = 60.0
"""Seconds in which misses of one kind at one provider are one line."""


class Log:
    """Writes events that tell of trouble. Misses come by the thousand in an outage, so each kind is told sparingly."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: dict[tuple[str | None, str], float] = {}

    def __call__(self, event: Event) -> None:
        """Write a line, if `event` is worth one."""
        if isinstance(event, PollMissed):
            level = logging.WARNING if self._is_news(event) else logging.DEBUG
            if self._logger.isEnabledFor(level):
                problem = _one_line(event.problem)
                self._logger.log(level, "missed a poll, will ask again: %s (task %s)", problem, event.task.id)
        elif isinstance(event, AccountThrottled):
            self._logger.info("%s asks for less: using %.0f %% of its quota", event.provider, 100 * event.share)
        elif isinstance(event, AccountRefused | TaskBroken):
            self._logger.error("%s", _one_line(event.error))
        elif isinstance(event, UnknownWord):
            self._logger.warning("%s says %.80r, which is no known status: still waiting", event.provider, event.word)

        elif isinstance(event, ScanStopped):
            reason = _one_line(event.reason)
            self._logger.warning("%s gives no list of its tasks, so each is asked about: %s", event.provider, reason)

    def _is_news(self, event: PollMissed) -> bool:
        key = (event.task.provider, getattr(event.problem, "kind", type(event.problem).__name__))
        now = time.monotonic()
        if now - self._told.get(key, -QUIET) < QUIET:
            return False
        self._told[key] = now
        return True


def _one_line(error: Exception | Failure) -> str:
    """Its text, in which a provider's words may stand: they forge no lines and steer no terminal."""
    return "".join(each if each.isprintable() else " " for each in str(error))
