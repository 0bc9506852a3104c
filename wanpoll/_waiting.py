"""The ways to wait: for one, for all, for each as it ends, for each change. Whoever leaves, leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from wanpoll._core.entries import Entry
from wanpoll._core.model import Outcome, Task, Update
from wanpoll._waiters import Group, Key, Stream, Wait, Waiter, Waiters, Watcher, final_update
from wanpoll.exceptions import WaitTimeout

Found: TypeAlias = Entry | Outcome
"""What following a task gives: its entry, or its outcome if it had ended."""

_BREATHE_EVERY = 500  # tasks followed in bulk between two turns of the event loop


class Waiting:
    """Lets callers wait on one event loop. `follow` starts to follow a task."""

    def __init__(self, waiters: Waiters, follow: Callable[[Task], Found], loop: asyncio.AbstractEventLoop) -> None:
        self._waiters = waiters
        self._follow = follow
        self._loop = loop

    async def one(self, key: Key, timeout: float | None = None) -> Any:
        """The outcome of a task, or the reading of a call."""
        wait = Wait(loop=self._loop)
        timer = None if timeout is None else self._limit(wait, [key], timeout)
        self._waiters.add(key, wait)
        try:
            return await wait
        finally:
            self._leave(wait, (key,), timer)

    async def all(self, wanted: Sequence[Task], timeout: float | None) -> list[Outcome]:
        """The outcomes of all `wanted`, in their order."""
        group, found = Group(loop=self._loop), list[Found]()
        timer = self._limit(group, found, timeout)
        try:
            await self._join(group, wanted, found)
            group.all_in()
            await group
            return [each if isinstance(each, Outcome) else group.outcomes[each] for each in found]
        finally:
            self._leave(group, found, timer)

    async def each(self, wanted: Sequence[Task], timeout: float | None) -> AsyncGenerator[Outcome, None]:
        """The outcomes of all `wanted`, as they come."""
        stream, found = Stream(self._loop), list[Found]()
        timer = self._limit(stream, found, timeout)
        try:
            await self._join(stream, wanted, found)
            for _ in wanted:
                yield await stream.take()
        finally:
            self._leave(stream, found, timer)

    async def changes(self, task: Task) -> AsyncGenerator[Update, None]:
        """What is known of `task` now, then each change; the last one is its end."""
        found = self._follow(task)
        if isinstance(found, Outcome):
            yield final_update(found)
            return
        watcher = Watcher(self._loop)
        watcher.put(found.update())
        self._waiters.add(found, watcher)
        try:
            while True:
                update = await watcher.take()
                yield update
                if update.status.is_final:
                    return
        finally:
            self._leave(watcher, (found,), None)

    async def _join(self, waiter: Group | Stream, wanted: Iterable[Task], found: list[Found]) -> None:
        """Follow all `wanted`, and let `waiter` wait for them. The event loop breathes in between."""
        for joined, task in enumerate(wanted, start=1):
            each = self._follow(task)
            found.append(each)
            if isinstance(each, Outcome) or self._waiters.add(each, waiter):
                waiter.joined(each)
            if joined % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)

    def _limit(
        self, waiter: Waiter, found: Sequence[Key | Outcome], timeout: float | None
    ) -> asyncio.TimerHandle | None:
        """Let `waiter` fail after `timeout` seconds, with what is open then of `found`."""
        return None if timeout is None else self._loop.call_later(timeout, _time_out, waiter, found, timeout)

    def _leave(self, waiter: Waiter, found: Iterable[Key | Outcome], timer: asyncio.TimerHandle | None) -> None:
        """`waiter` is going. Its tasks stay followed."""
        if timer is not None:
            timer.cancel()
        for key in found:
            if not isinstance(key, Outcome):
                self._waiters.discard(key, waiter)
        if isinstance(waiter, Wait) and waiter.done() and not waiter.cancelled():
            waiter.exception()  # an error that came with the caller's own cancellation is nobody's news


def _time_out(waiter: Waiter, found: Sequence[Key | Outcome], timeout: float) -> None:
    still_open = [key for key in found if isinstance(key, Entry) and key.alive]
    update = still_open[0].update() if len(found) == 1 and still_open else None
    waiter.failed(WaitTimeout(timeout, [key.task for key in still_open], update))
