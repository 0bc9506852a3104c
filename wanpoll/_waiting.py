"""The ways to wait: for one, for all, for each as it ends, for each change. Whoever leaves, leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import TypeAlias

from wanpoll._core.entries import Entry
from wanpoll._core.model import Outcome, Task, Update
from wanpoll._waiters import Group, Key, Stream, Wait, Waiter, Waiters, Watcher, final_update
from wanpoll.exceptions import PollerClosed, WaitTimeout

Found: TypeAlias = Entry | Outcome
"""What following a task gives: its entry, or its outcome if it had ended."""

_BREATHE_EVERY = 500  # tasks followed in bulk between two turns of the event loop


class Waiting:
    """Lets callers wait on one event loop. `follow` starts to follow a task, which may run for so many seconds."""

    def __init__(
        self, waiters: Waiters, follow: Callable[[Task, float], Found], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._waiters = waiters
        self._follow = follow
        self._loop = loop

    def one(self, key: Key, timeout: float | None = None) -> Wait:
        """The future outcome of a task, or end of a call. Whoever awaits it calls `leave` in the end.

        (It is not a coroutine: with a hundred thousand waiters, a second frame for each is 30 MB.)
        """
        wait = Wait(loop=self._loop)
        wait.key = key
        wait.timer = self._limit(wait, [key], timeout)
        self._waiters.add(key, wait)
        return wait

    def leave(self, wait: Wait) -> None:
        """The caller of `one` is going."""
        self._leave(wait, (wait.key,), wait.timer)

    async def all(self, wanted: Sequence[Task], timeout: float | None, expires_in: float) -> list[Outcome]:
        """The outcomes of all `wanted`, in their order."""
        group, found = Group(loop=self._loop), list[Found]()
        timer = self._limit(group, found, timeout, wanted)
        try:
            await self._join(group, wanted, expires_in, found)
            group.all_in()
            await group
            return [each if isinstance(each, Outcome) else group.outcomes[each] for each in found]
        finally:
            self._leave(group, found, timer)

    async def each(
        self, wanted: Sequence[Task], timeout: float | None, expires_in: float
    ) -> AsyncGenerator[Outcome, None]:
        """The outcomes of all `wanted`, as they come."""
        stream, found = Stream(self._loop), list[Found]()
        timer = self._limit(stream, found, timeout, wanted)
        try:
            await self._join(stream, wanted, expires_in, found)
            for _ in wanted:
                yield await stream.take()
        finally:
            self._leave(stream, found, timer)

    async def changes(self, task: Task, expires_in: float) -> AsyncGenerator[Update, None]:
        """What is known of `task` now, then each change; the last one is its end."""
        found = self._follow(task, expires_in)
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

    async def _join(
        self, waiter: Group | Stream, wanted: Sequence[Task], expires_in: float, found: list[Found]
    ) -> None:
        """Follow all `wanted`, and let `waiter` wait for them. The event loop breathes in between."""
        for joined, task in enumerate(wanted, start=1):
            try:
                each = self._follow(task, expires_in)
            except PollerClosed:
                raise PollerClosed(_still_open(found, wanted)) from None
            found.append(each)
            if isinstance(each, Outcome) or self._waiters.add(each, waiter):
                waiter.joined(each)
            if joined % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)

    def _limit(
        self,
        waiter: Waiter,
        found: Sequence[Key | Outcome],
        timeout: float | None,
        wanted: Sequence[Task] = (),
    ) -> asyncio.TimerHandle | None:
        """Let `waiter` fail after `timeout` seconds, with what is open then: of `found`, and the rest of `wanted`."""
        return None if timeout is None else self._loop.call_later(timeout, _time_out, waiter, found, wanted, timeout)

    def _leave(self, waiter: Waiter, found: Iterable[Key | Outcome], timer: asyncio.TimerHandle | None) -> None:
        """`waiter` is going. Its tasks stay followed."""
        if timer is not None:
            timer.cancel()
        for key in found:
            if not isinstance(key, Outcome):
                self._waiters.discard(key, waiter)
        if isinstance(waiter, Wait) and waiter.done() and not waiter.cancelled():
            waiter.exception()  # an error that came with the caller's own cancellation is nobody's news


def _time_out(waiter: Waiter, found: Sequence[Key | Outcome], wanted: Sequence[Task], timeout: float) -> None:
    only = found[0] if len(found) == 1 else None
    update = only.update() if isinstance(only, Entry) and only.alive else None
    waiter.failed(WaitTimeout(timeout, _still_open(found, wanted), update))


def _still_open(found: Sequence[Key | Outcome], wanted: Sequence[Task]) -> list[Task]:
    """The tasks that have not ended: of those `found`, and the rest of `wanted`."""
    followed = (key.task for key in found if isinstance(key, Entry) and key.alive)
    return list(dict.fromkeys([*followed, *wanted[len(found) :]]))
