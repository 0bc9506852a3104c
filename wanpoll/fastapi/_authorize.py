"""The app's hook that says which requests may ask for which tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeAlias

from fastapi import Request
from starlette.exceptions import HTTPException

from wanpoll._core.model import Task
from wanpoll.exceptions import UsageError

Authorize: TypeAlias = Callable[[Request, Task], bool | Awaitable[bool]]
"""Says whether a request may ask for a task: True, or False (or None), which is answered 403.

Anything else is a mistake, such as a forgotten `await`: it lets nobody through, and is raised as `UsageError`.
"""

MOST_HOOKS_AT_ONCE = 20
"""Calls of an `authorize` under way for one batch: a thousand would empty the app's pool of connections."""


def checked_hook(authorize: Any) -> Authorize | None:
    """`authorize` if it can be called, or None. Raises `UsageError`."""
    if authorize is None or callable(authorize):
        hook: Authorize | None = authorize
        return hook
    kind = type(authorize).__name__
    raise UsageError(f"authorize: give a function of a request and a task, or None, not a {kind}")


async def permit(authorize: Authorize, request: Request, tasks: Sequence[Task]) -> None:
    """Return if the request may ask for all `tasks`.

    Raises what the hook raises, a 403 where it does not agree, and `UsageError` for what is neither yes nor no.
    """
    coming = iter(tasks)
    await _together([_permit_some(authorize, request, coming) for _ in tasks[:MOST_HOOKS_AT_ONCE]])


async def _permit_some(authorize: Authorize, request: Request, tasks: Iterator[Task]) -> None:
    """Return if the request may ask for each of `tasks`, of which others take some, too."""
    for task in tasks:
        verdict = authorize(request, task)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if verdict is False or verdict is None:
            raise HTTPException(403, "This request may not ask for this task.")
        if verdict is not True:
            raise _mistake(verdict)


def _mistake(verdict: Any) -> UsageError:
    """What is neither yes nor no: nearly all of it is true, so it would let everybody through."""
    hint = ""
    if inspect.isawaitable(verdict):
        hint = "; an await is missing"
    if inspect.iscoroutine(verdict):
        verdict.close()  # else Python warns, too, that it was never awaited
    return UsageError(f"authorize: the hook must return True or False, not a {type(verdict).__name__}{hint}")


async def _together(jobs: list[Coroutine[Any, Any, None]]) -> None:
    """Run `jobs` side by side, a single one here. The first error ends the others, and is raised when they ended."""
    if len(jobs) == 1:
        await jobs[0]
        return
    running = [asyncio.ensure_future(job) for job in jobs]
    try:
        # not a TaskGroup: for that, a hook that was cancelled from within would be one that did not refuse
        await asyncio.gather(*running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
