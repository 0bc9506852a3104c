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
from wanpoll.exceptions import UsageError
from wanpoll.providers import Provider, Reply, find


def run(arguments: argparse.Namespace) -> int:
    """Explain the answer that `arguments` name; the exit code tells whether it was understood."""
    provider = _knowing_its_key(quietly(find, arguments.provider))
    tasks = _tasks(provider, arguments.ids, arguments.context)
    reply = Reply(arguments.status, _body(arguments.file, provider.max_body), time.time())
    try:
        explanation = provider.explain(reply, tasks)
    except Exception as error:  # a decoder's debugger must survive the decoder
        print(f"wanpoll: {printable(_bug(provider, error))}", file=sys.stderr)
        return SOME_FAILED
    meaning = Meaning.of(provider.name, arguments.status, explanation)
    lines = [meaning.line(explanation.notes)] if arguments.json else [*explanation.notes, *meaning.words()]
    print("\n".join(printable(_hidden(line, provider.api_key)) for line in lines))
    return OK if meaning.understood else SOME_FAILED


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
