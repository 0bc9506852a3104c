"""From the event loop to the observers: one queue, one thread, and the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Iterable
from typing import Protocol

from wanpoll._core.events import Event
from wanpoll.exceptions import UsageError
from wanpoll.observers.log import Log

MOST_WAITING = 10_000
"""Events that may wait for slow observers; what comes on top of them is dropped, and counted in the log."""

_CLOSE_PATIENCE = 1.0  # seconds in which observers may take what is left at the end

logger = logging.getLogger("wanpoll")


class Observer(Protocol):
    """Any callable that takes an event."""

    def __call__(self, event: Event, /) -> None:
        """Take note of `event`."""


class Relay:
    """Logs what is worth a line, and hands every event to the observers."""

    def __init__(self, observers: Observer | Iterable[Observer] | None = None) -> None:
        self._observers = _listed(observers)
        self._log = Log(logger)
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    @property
    def watched(self) -> bool:
        """Whether there is an observer beside the log."""
        return bool(self._observers)

    def put(self, event: Event) -> None:
        """Tell `event`. Returns at once."""
        with contextlib.suppress(Exception):  # a filter of the user's logger that raises
            self._log(event)
        if not self._observers:
            return
        if self._queue.qsize() >= MOST_WAITING:
            self._dropped += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wanpoll-observers", daemon=True)
            self._thread.start()
        self._queue.put(event)

    async def aclose(self) -> None:
        """Let the observers take what is left, for a second at most."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, _CLOSE_PATIENCE)
        if self._dropped:
            logger.warning("%d events were dropped because an observer was too slow", self._dropped)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            for observer in self._observers:
                try:
                    observer(event)
                except BaseException:  # even SystemExit ends an observer's call only
                    logger.exception("observer %r raised; it goes on being called", observer)


def _listed(observers: Observer | Iterable[Observer] | None) -> tuple[Observer, ...]:
    several = observers if isinstance(observers, Iterable) else () if observers is None else (observers,)
    listed = tuple(several)
    for each in listed:
        if not callable(each):
            raise UsageError(f"observer: a {type(each).__name__} cannot be called with an event")
    return listed
