"""A coroutine, canceled at each of its suspensions."""

from __future__ import annotations

import asyncio
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from wanpoll.testing.virtual import run_virtually


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
