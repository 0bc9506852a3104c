"""Those who wait. They come and go without touching the work: adding and leaving are O(1).

One future for each waiter; nothing is shielded and nothing shared. A task with one waiter holds that waiter itself,
only a task with several holds a dict of them: a hundred thousand single waits are the common case.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

from wanpoll._core.account import Account
from wanpoll._core.entries import Call, Entry
from wanpoll._core.events import CallEnded
from wanpoll._core.model import Outcome, Update
from wanpoll.exceptions import WanpollError, fresh_copy

Key: TypeAlias = Entry | Call


class Waiter(Protocol):
    """Somebody to be told. None of these may block or raise."""

    def ended(self, key: Key, result: Any) -> None:
        """The task of `key` ended, or the call was answered."""

    def changed(self, update: Update) -> None:
        """Something new is known of the task."""

    def failed(self, error: WanpollError) -> None:
        """There is nothing more to wait for."""


class Wait(asyncio.Future[Any]):
    """Waits for one task or call. `key` and `timer` are what has to be let go in the end."""

    __slots__ = ("key", "timer")

    key: Key
    timer: asyncio.TimerHandle | None

    def ended(self, key: Key, result: Any) -> None:
        """Resolve with the result."""
        if not self.done():
            self.set_result(result)

    def changed(self, update: Update) -> None:
        """Not interested."""

    def failed(self, error: WanpollError) -> None:
        """Raise in whoever waits."""
        if not self.done():
            self.set_exception(error)


class Group(Wait):
    """Waits for many tasks with one future. `outcomes` fills as they end; `all_in` promises that none comes after."""

    __slots__ = ("_complete", "_open", "outcomes")

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.outcomes: dict[Key, Outcome] = {}
        self._open = 0
        self._complete = False

    def joined(self, found: Entry | Outcome) -> None:
        """One more task, or the outcome of one that had ended."""
        self._open += isinstance(found, Entry)

    def all_in(self) -> None:
        """No task comes after this."""
        self._complete = True
        self._check()

    def ended(self, key: Key, result: Outcome) -> None:
        """Keep the outcome; resolve when it was the last."""
        self.outcomes[key] = result
        self._open -= 1
        self._check()

    def _check(self) -> None:
        if self._complete and not self._open and not self.done():
            self.set_result(None)


class Stream:
    """Waits for many things in turn: `async for` takes what came. With `latest` only the newest is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, latest: bool = False) -> None:
        self._loop = loop
        self._items: deque[Any] = deque(maxlen=1 if latest else None)
        self._error: WanpollError | None = None
        self._wakeup: asyncio.Future[None] | None = None

    def joined(self, found: Entry | Outcome) -> None:
        """One more task, or the outcome of one that had ended."""
        if isinstance(found, Outcome):
            self.put(found)

    def put(self, item: Any) -> None:
        """Give `item` to the reader."""
        self._items.append(item)
        self._wake()

    def ended(self, key: Key, result: Any) -> None:
        """Give the result to the reader."""
        self.put(result)

    def changed(self, update: Update) -> None:
        """Not interested."""

    def failed(self, error: WanpollError) -> None:
        """Raise in the reader, once it has taken what came before."""
        self._error = error
        self._wake()

    async def take(self) -> Any:
        """The next item. Raises the error that ended the stream."""
        while not self._items:
            if self._error is not None:
                raise self._error
            self._wakeup = self._loop.create_future()
            await self._wakeup
        return self._items.popleft()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)


class Watcher(Stream):
    """Waits for updates of one task. Latest wins: a slow reader skips, and slows nobody."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, latest=True)

    def ended(self, key: Key, result: Outcome) -> None:
        """The last update tells the end."""
        self.put(final_update(result))

    def changed(self, update: Update) -> None:
        """Show the newest."""
        self.put(update)


def final_update(outcome: Outcome) -> Update:
    """The update that tells the end."""
    return Update(outcome.task, outcome.status, 1.0 if outcome.ok else None, None, outcome.polls)


class Waiters:
    """Who waits for what."""

    def __init__(self) -> None:
        self._waiting: dict[Key, Waiter | dict[Waiter, None]] = {}

    def __len__(self) -> int:
        """How many tasks are waited for."""
        return len(self._waiting)

    def add(self, key: Key, waiter: Waiter) -> bool:
        """`waiter` wants to be told about `key`; whether that is new."""
        there = self._waiting.get(key)
        if there is None:
            self._waiting[key] = waiter
        elif isinstance(there, dict):
            known = waiter in there
            there[waiter] = None
            return not known
        elif there is waiter:
            return False
        else:
            self._waiting[key] = {there: None, waiter: None}
        return True

    def discard(self, key: Key, waiter: Waiter) -> None:
        """`waiter` has left."""
        there = self._waiting.get(key)
        if isinstance(there, dict):
            there.pop(waiter, None)
            if not there:
                del self._waiting[key]
        elif there is waiter:
            del self._waiting[key]

    def ended(self, key: Key, result: Outcome | CallEnded) -> None:
        """Tell the end to all who wait for `key`, and let them go."""
        for waiter in self._pop(key):
            waiter.ended(key, result)

    def changed(self, key: Key, update: Update) -> None:
        """Tell an update to all who wait for `key`."""
        there = self._waiting.get(key)
        for waiter in tuple(there) if isinstance(there, dict) else (there,) if there else ():
            waiter.changed(update)

    def failed(self, key: Key, error: WanpollError) -> None:
        """Raise `error` in all who wait for `key`."""
        for waiter in self._pop(key):
            waiter.failed(fresh_copy(error))

    def fail_all(self, error: WanpollError, account: Account | None = None) -> None:
        """Raise `error` in all who wait, or in all who wait for tasks of `account`."""
        for key in [key for key in self._waiting if account is None or key.account is account]:
            self.failed(key, error)

    def _pop(self, key: Key) -> Iterator[Waiter]:
        there = self._waiting.pop(key, None)
        if isinstance(there, dict):
            yield from there
        elif there is not None:
            yield there
