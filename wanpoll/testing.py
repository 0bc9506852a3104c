"""Tools for tests of code that waits, ours and yours: virtual time, a scripted transport, a cancellation sweep.

    async def main():
        transport = ScriptedTransport(lambda request: reply({"output": {...}}))
        async with Poller(DashScope("key"), transport=transport) as poller:
            ...

    run_virtually(main())  # a day of polls passes in seconds

For tests over real sockets see `wanpoll.simulator`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import selectors
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeAlias, TypeVar

from wanpoll._core.readings import Missed
from wanpoll.exceptions import TransportError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply, Request

__all__ = [
    "ScriptedTransport",
    "VirtualLoop",
    "cancel_everywhere",
    "missed",
    "reply",
    "run_virtually",
]

T = TypeVar("T")
Answer: TypeAlias = Reply | Missed
Script: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]


class _JumpingSelector(selectors.DefaultSelector):
    """Polls sockets without waiting, and lets virtual time pass instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; when nothing is, `timeout` seconds have passed at once."""
        events: list[tuple[selectors.SelectorKey, int]] = super().select(timeout if timeout is None else 0)
        if not events and timeout:
            self.loop.virtual_time += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing else is ready. Sockets are real."""

    def __init__(self) -> None:
        self.virtual_time: float = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.virtual_time


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, on a `VirtualLoop`."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def reply(document: Any, status: int = 200, *, retry_after: float | None = None) -> Reply:
    """An answer with `document` as its JSON body; bytes are sent as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, body, received_at=1_750_000_000.0, retry_after=retry_after)


def missed(kind: str = "disconnected", provider: str = "dashscope") -> Missed:
    """No answer: what the transport says of a connection that broke."""
    return Missed(TransportError(provider, kind))


class ScriptedTransport:
    """Answers questions by a function, after `latency` seconds, and keeps a record of them.

    `script` gets each `Request` and returns a `Reply` or `Missed`, or an awaitable of one.
    `asked` lists (time, request); `most_under_way` is the highest number of questions at once.
    """

    def __init__(self, script: Script, *, latency: float = 0.05) -> None:
        self._script = script
        self._latency = latency
        self._under_way = 0
        self.most_under_way: int = 0
        self.asked: list[tuple[float, Request]] = []
        self.closed: bool = False

    async def send(self, provider: Provider, request: Request) -> Answer:
        """Ask the script."""
        self.asked.append((asyncio.get_running_loop().time(), request))
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            await asyncio.sleep(self._latency)
            said = self._script(request)
            return said if isinstance(said, Reply | Missed) else await said
        finally:
            self._under_way -= 1

    async def aclose(self) -> None:
        """Note that the transport was closed."""
        self.closed = True

    def times(self) -> list[float]:
        """When questions were asked."""
        return [at for at, _ in self.asked]


def cancel_everywhere(make: Callable[[], Coroutine[Any, Any, Any]], check: Callable[[], None] | None = None) -> int:
    """Run `make()` in virtual time, canceling it once at each of its suspensions; how many there are.

    Each is tried twice: canceled before the awaited thing is done, and at the moment when it is. `check` is called
    after each run. A coroutine that swallows its cancellation raises `AssertionError`.
    """
    suspensions = 0
    while True:
        for late in (False, True):
            ended, swallowed = _run_canceled(make(), suspensions, late=late)
            if swallowed:
                raise AssertionError(f"cancellation at suspension {suspensions} was swallowed")
            if check is not None:
                check()
            if ended:
                return suspensions
        suspensions += 1


def _run_canceled(work: Coroutine[Any, Any, Any], at: int, *, late: bool) -> tuple[bool, bool]:
    """Whether `work` ended before its suspension number `at`, and whether it swallowed the cancellation there."""
    canceled: list[object] = []

    async def run() -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        cancel = task.cancel if task is not None else list
        await _counted(work, at, lambda awaited: _at_once_or_late(awaited, lambda: canceled.append(cancel()), late))

    try:
        run_virtually(run())
    except asyncio.CancelledError:
        return False, False
    return not canceled, bool(canceled)


def _at_once_or_late(awaited: Any, cancel: Callable[[], None], late: bool) -> None:
    if late and isinstance(awaited, asyncio.Future):
        # registered before the task's own wake-up, so it runs just before that, when the result is there
        awaited.add_done_callback(lambda _: cancel())
    else:
        asyncio.get_running_loop().call_soon(cancel)


@types.coroutine
def _counted(work: Coroutine[Any, Any, Any], at: int, act: Callable[[Any], None]) -> Generator[Any, Any, None]:
    """Drive `work`, calling `act` with what it awaits at its suspension number `at`."""
    thrown: BaseException | None = None
    for number in itertools.count():
        try:
            awaited = work.send(None) if thrown is None else work.throw(thrown)
        except StopIteration:
            return
        if number == at:
            act(awaited)
        thrown = None
        try:
            yield awaited
        except BaseException as error:  # the cancellation; it goes where it belongs
            thrown = error
