"""Remote tasks that are being cancelled: one request to the provider at a time for each, however many ask for it."""

from __future__ import annotations

import asyncio

from wanpoll._core.model import Task
from wanpoll._poller import Poller


class Cancels:
    """Those under way of one poller. Each goes on though nobody waits for it any more."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._running: dict[tuple[str, str], asyncio.Future[None]] = {}

    def of(self, task: Task) -> asyncio.Future[None]:
        """What is under way for `task`, begun now where nothing is; it has the errors of `Poller.cancel`."""
        name = str(task.provider), task.id
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = asyncio.ensure_future(self._poller.cancel(task))
            running.add_done_callback(lambda ended: self._ended(name, ended))
        return running

    def _ended(self, name: tuple[str, str], ended: asyncio.Future[None]) -> None:
        del self._running[name]
        if not ended.cancelled():
            ended.exception()  # is nobody's where all requests were answered before
