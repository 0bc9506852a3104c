"""`wanpoll wait`: prints each outcome as it ends."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from wanpoll import Outcome, Poller, Task
from wanpoll.cli import OK, SOME_FAILED, exit_code
from wanpoll.cli._context import read_context
from wanpoll.cli._ids import read_ids
from wanpoll.cli._lines import for_machines, for_people
from wanpoll.cli._quietly import quietly
from wanpoll.cli._texts import counted, number, printable, tasks
from wanpoll.cli._views import Problems, View, chosen, remark
from wanpoll.exceptions import ProviderRefused, WaitTimeout
from wanpoll.providers import Provider, find

FRAME = 0.25
"""Seconds between two looks at how things stand."""


def run(arguments: argparse.Namespace) -> int:
    """Wait for the tasks that `arguments` name; the exit code tells how that went."""
    # What the log would say is said by the view.
    logging.getLogger("wanpoll").addHandler(logging.NullHandler())
    ids = read_ids(arguments.ids, sys.stdin)
    # Everything that can be wrong is found before the first question.
    found, context = quietly(find, arguments.provider), read_context(arguments.context)
    provider = found.configured(base_url=arguments.base_url, interval=arguments.interval).bind(os.environ)
    provider.check_context(context)
    wanted = [Task(provider.check_id(each), context=context) for each in ids]
    terms = {name: getattr(arguments, name) for name in ("timeout", "expires_in")}
    command = WaitCommand(wanted, chosen(quiet=arguments.quiet), for_machines if arguments.json else for_people)
    return asyncio.run(command.run(provider, {name: term for name, term in terms.items() if term is not None}))


class WaitCommand:
    """One run of the command: which tasks are still open, and how to show what ended."""

    def __init__(self, tasks: Sequence[Task], view: View, line: Callable[[Outcome], str]) -> None:
        self._tasks = tasks
        self._open = dict.fromkeys(task.id for task in tasks)
        self._view = view
        self._line = line
        self._problems = Problems()
        self._code = OK

    async def run(self, provider: Provider, terms: dict[str, Any]) -> int:
        """Wait for all, on these `terms`; the exit code."""
        async with Poller(provider, observer=self._problems) as poller:
            try:
                with self._view:
                    await self._print_ends(poller, terms)
            except asyncio.CancelledError:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next Ctrl-C ends at once
                self._leave("interrupted")
                raise
            except WaitTimeout as error:
                self._leave(f"the timeout of {error.timeout:g} s came first")
                return exit_code(error)
            except ProviderRefused as error:
                self._leave(str(error))
                return exit_code(error)
            statistics = poller.statistics()
            ends = counted(statistics.by_status) or "nothing to wait for"
            self._view.say(f"{ends}; {number(statistics.requests)} requests")
        return self._code

    async def _print_ends(self, poller: Poller, terms: dict[str, Any]) -> None:
        look = asyncio.ensure_future(self._look(poller))
        try:
            async with aclosing(poller.as_completed(self._tasks, **terms)) as ends:
                async for outcome in ends:
                    self._print(outcome)
        finally:
            look.cancel()
            await asyncio.gather(look, return_exceptions=True)

    def _print(self, outcome: Outcome) -> None:
        with self._view.aside():
            print(self._line(outcome), flush=True)
        del self._open[outcome.task.id]
        if not outcome.ok:
            self._code = SOME_FAILED

    async def _look(self, poller: Poller) -> None:
        while True:
            await asyncio.sleep(FRAME)
            self._view.show(poller.statistics(), self._problems.last)

    def _leave(self, why: str) -> None:
        """Say why this ends early, and what is open: one id a line, to be fed back."""
        remark(f"wanpoll: {printable(why)}; still open at the provider: {tasks(len(self._open))}")
        for each in self._open:
            print(each, file=sys.stderr)
        sys.stderr.flush()
