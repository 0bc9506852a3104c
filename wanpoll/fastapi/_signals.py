"""When the server is asked to stop.

uvicorn finishes open responses *before* it runs the shutdown of a lifespan, so waiting for that would hold long polls
to their end and streams for ever. What comes first is the signal: its handler is wrapped while a lifespan runs. uvicorn
sets its handlers before the startup of a lifespan, in each worker process (`Server.serve`, `capture_signals`).
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_NAMES = ("SIGTERM", "SIGINT", "SIGBREAK")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class SignalWatch:
    """Calls `tell` on the event loop when a signal asks the server to stop, then does what was done before.

    Only handlers that somebody installed are wrapped: where there is none, a signal ends the process anyway. In other
    threads than the main one there are no signals, so there nothing is done.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def start(self) -> None:
        """Watch from now on."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                self._before[number] = handler
                signal.signal(number, self._handle)

    def stop(self) -> None:
        """Put back what was there. A wrapper that somebody put around ours stays, and passes through it."""
        self._loop = None
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)
        self._before[number](number, frame)
