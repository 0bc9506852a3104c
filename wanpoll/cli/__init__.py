"""The command line: prints what the poller says, and decides nothing.

Results go to stdout, people's text to stderr. What a command needs is imported when it runs, because the HTTP client
alone takes a third of a second to import and nobody waits that long for `--help`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from wanpoll.exceptions import ProviderRefused, UsageError, WaitTimeout, WanpollError

__all__ = ["main"]

OK, SOME_FAILED, USAGE, TIMEOUT, REFUSED = range(5)
INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell shows of a command that SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (by default that of this process) and return its exit code."""
    _open_closed_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except WanpollError as error:
        from wanpoll.cli._texts import printable  # too late to be light: json is part of it

        print(f"wanpoll: {printable(str(error))}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # of the output: what else can fail in this way says so by an error of ours
        # Python flushes stdout once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return PIPE_CLOSED
        print(f"wanpoll: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return SOME_FAILED


def exit_code(error: WanpollError) -> int:
    """The exit code that tells of `error`."""
    for kind, code in ((WaitTimeout, TIMEOUT), (ProviderRefused, REFUSED), (UsageError, USAGE)):
        if isinstance(error, kind):
            return code
    return SOME_FAILED


def _run(argv: Sequence[str] | None) -> int:
    from wanpoll.cli._parser import parser

    arguments = parser().parse_args(argv)
    command = importlib.import_module(f"wanpoll.cli._{arguments.command}")
    code: int = command.run(arguments)
    return code


def _open_closed_streams() -> None:
    """A stream that was closed (`2>&-`) is None, and `print(file=None)` would write people's text to stdout."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - for good
    # An odd character in a provider's message, or in a file of ids, is no reason to end.
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors=errors)
