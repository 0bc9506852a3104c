"""`wanpoll explain`: why a recorded answer means what it means."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from wanpoll import Task
from wanpoll._core.redact import redact
from wanpoll.cli import OK, SOME_FAILED
from wanpoll.cli._context import read_context
from wanpoll.cli._ids import STANDARD_INPUT
from wanpoll.cli._meaning import Meaning
from wanpoll.cli._quietly import quietly
from wanpoll.cli._texts import printable
from wanpoll.exceptions import DecodeError, UsageError
from wanpoll.providers import Answer, Explanation, Missed, Observation, Provider, Reply, find

HINT = "   if this answers a second request (for the file of a success, say), give the first answer, too: --after FILE"


def run(arguments: argparse.Namespace) -> int:
    """Explain the answer that `arguments` name; the exit code tells whether it was understood."""
    provider = _knowing_its_key(quietly(find, arguments.provider))
    tasks = _tasks(provider, arguments.ids, arguments.context)
    if arguments.file == arguments.after == STANDARD_INPUT:
        raise UsageError("--after -: standard input is the answer itself; give the first one in a file")
    reply = _reply(arguments.file, arguments.status, provider)
    first = None if arguments.after is None else _reply(arguments.after, 200, provider)
    try:
        explanation = _explained(provider, tasks, reply, first)
    except Exception as error:  # a decoder's debugger must survive the decoder
        print(f"wanpoll: {printable(_bug(provider, error))}", file=sys.stderr)
        return SOME_FAILED
    if explanation is None:
        raise UsageError(f"--after {arguments.after}: no success that needs a second request; give the one that did")
    meaning = Meaning.of(provider.name, arguments.status, explanation)
    lines = [meaning.line(explanation.notes)] if arguments.json else [*explanation.notes, *meaning.words()]
    if first is None and not arguments.json and _may_be_second(provider, explanation):
        lines.append(HINT)
    print("\n".join(printable(_hidden(line, provider.api_key)) for line in lines))
    return OK if meaning.understood else SOME_FAILED


def _explained(provider: Provider, tasks: Sequence[Task], reply: Reply, first: Reply | None) -> Explanation | None:
    """The explanation of `reply`, alone or beside the `first` answer; None where that needs no second request."""
    if first is None:
        return provider.explain(reply, tasks)
    reading = provider.explain(first, tasks).reading
    for part in reading.observations if isinstance(reading, Answer) else ():
        if isinstance(part, Observation) and part.follow_up is not None:
            named = Task(part.task_id, provider.name)
            return provider.explain_rest(next((each for each in tasks if each.id == named.id), named), part, reply)
    return None


def _may_be_second(provider: Provider, explanation: Explanation) -> bool:
    """Whether what cannot be read may be the answer to a second request."""
    reading = explanation.reading
    unread = isinstance(reading, Missed) and isinstance(reading.problem, DecodeError)
    return unread and type(provider).ask_rest is not Provider.ask_rest


def _knowing_its_key(provider: Provider) -> Provider:
    """`provider` with the key of the environment, so that an echo of it is seen and hidden. None is needed."""
    with suppress(UsageError):
        return provider.configured(os.environ.get(provider.KEY_VARIABLE))
    return provider


def _tasks(provider: Provider, ids: Sequence[str], pairs: Sequence[str]) -> list[Task]:
    context = read_context(pairs)
    if context and not ids:
        raise UsageError("--context tells more about a task: name it by --id")
    if ids:
        provider.check_context(context)
    return [Task(provider.check_id(each), provider.name, context) for each in dict.fromkeys(ids)]


def _hidden(line: str, key: str | None) -> str:
    """`line` without the key: what stands in the path of a link is nobody's to clean."""
    return line.replace(key, "***") if key else line


def _reply(file: str, status: int, provider: Provider) -> Reply:
    return Reply(status, _body(file, provider.max_body), time.time())


def _body(file: str, most: int) -> bytes:
    """What stands in `file`. Raises `UsageError`."""
    try:
        if file == STANDARD_INPUT:
            body = _read(sys.stdin.buffer, most)
        else:
            with Path(file).open("rb") as stream:
                body = _read(stream, most)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{file}: cannot be read ({why}); give a file with the body of an answer") from None
    if len(body) > most:
        raise UsageError(f"{file}: more than the {most:,} bytes that the provider's answers may have")
    return body


def _read(stream: BinaryIO, most: int) -> bytes:
    return stream.read(most + 1)


def _bug(provider: Provider, error: Exception) -> str:
    """Where a provider class raised. Not the whole traceback: what stands above is wanpoll's."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = redact(traceback.format_exception_only(error)[-1].strip(), provider.api_key or "")
    return f"{type(provider).__name__} raised, and may not, at {last.filename}:{last.lineno}: {said}"
