"""What can be typed, and the words that explain it. Light: `--help` imports nothing but this."""

from __future__ import annotations

import argparse
import functools
from typing import Any

from wanpoll import __version__

DESCRIPTION = """\
Wait for remote generation tasks: one scheduler asks for all of them, inside the quota of the account.

Results go to standard output, everything else to standard error. Keys come from the environment only.
"""

EXAMPLES = """\
examples:
  wanpoll demo                             2,000 tasks against a simulated provider; needs no key and no network
  export DASHSCOPE_API_KEY=...
  wanpoll wait 0385dc79-5ff8-4d82-bcb6-...
  wanpoll wait --json - < ids.txt > outcomes.jsonl

exit codes of wait:
  0  all tasks succeeded          3  --timeout came first
  1  some did not                 4  refused by the provider (key, rights, bill)
  2  the command was wrong      130  interrupted
"""

WAIT = """\
Wait for tasks by their ids, and print how each one ended, as it ends.

The key comes from the environment (DASHSCOPE_API_KEY for dashscope). A question that fails (429, 5xx, a reset) is
asked again and ends nothing. Ctrl-C prints the ids that are still open and leaves the tasks alone.
"""

WAIT_EXAMPLES = """\
examples:
  wanpoll wait 0385dc79-5ff8-4d82-bcb6-...
  wanpoll wait --timeout 600 ID ID ID
  cat ids.txt | wanpoll wait --json - | jq -r 'select(.ok) | .media[].url'
  wanpoll wait --quiet - < ids.txt 2> open.txt        after Ctrl-C or a timeout:
  wanpoll wait --quiet - < open.txt

Every line on standard error that is not an open id begins with "#", and so is skipped when it is fed back.
"""

SIMULATE = """\
Run a provider on loopback that speaks every provider's dialect, keeps a quota and misbehaves on demand, until Ctrl-C.

Times are provider seconds, of which --speed pass in one of yours. At the end it reports what it saw.
"""

SIMULATE_EXAMPLES = """\
examples:
  wanpoll simulate
  wanpoll simulate --speed 10 --median 120 --failed 0.05
  wanpoll simulate --fault server_error=0.1 --fault reset=0.02

kinds of faults:
  throttle server_error unauthorized html empty garbage redirect echo bomb
  reset cut slow drip hang endless
"""

EXPLAIN = """\
Say what a recorded answer means, and which rule of the provider decided it. Asks nobody, and needs no key.

Without --id the answer is about the tasks that it names. Links are shown without their signatures. Where a success
needs a second request (MiniMax's, for its file), that one's answer is read with the first one beside it: --after.
"""

EXPLAIN_EXAMPLES = """\
examples:
  wanpoll explain answer.json
  wanpoll explain --status 429 --json answer.json
  curl -s ... | wanpoll explain --provider dashscope --id 0385dc79-5ff8-4d82-bcb6-... -
  wanpoll explain --provider minimax --after success.json file.json

exit codes: 0 understood, 1 a missed poll (it would be asked again), 2 the command was wrong
"""

DEMO = """\
Wait for thousands of simulated tasks at five systems of 20 requests a second, through a burst of 429s and an outage.

Provider and poller run in this process: no key, no network. It takes about 20 seconds and ends with a report.
"""

DEMO_EXAMPLES = """\
examples:
  wanpoll demo
  wanpoll demo --tasks 500 --speed 90 --plain
"""

SCHEDULE = """\
Show when a task would be asked about, and why: the plan of a schedule that has learned from durations of yours.

FILE has one duration a line, in seconds (- for standard input). Without one, nothing is known yet of the tasks.
"""

SCHEDULE_EXAMPLES = """\
examples:
  wanpoll schedule
  wanpoll schedule --explain durations.txt
  wanpoll wait --json - < ids.txt | jq '(.finished_at | fromdate) - (.submitted_at | fromdate)' | wanpoll schedule -
"""

PROVIDERS = """\
List the providers that `wanpoll wait --provider` knows, those of other packages included.
"""

PROVIDERS_EXAMPLES = """\
examples:
  wanpoll providers
  wanpoll providers --json | jq -r .name
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(prog="wanpoll", description=DESCRIPTION, epilog=EXAMPLES, **_AS_WRITTEN)
    whole.add_argument("--version", action="version", version=f"wanpoll {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, title="commands")
    _wait(commands.add_parser("wait", help="wait for tasks", description=WAIT, epilog=WAIT_EXAMPLES, **_AS_WRITTEN))
    _explain(
        commands.add_parser(
            "explain",
            help="say why an answer means what it means",
            description=EXPLAIN,
            epilog=EXPLAIN_EXAMPLES,
            **_AS_WRITTEN,
        )
    )
    _demo(commands.add_parser("demo", help="see it work", description=DEMO, epilog=DEMO_EXAMPLES, **_AS_WRITTEN))
    _simulate(
        commands.add_parser(
            "simulate",
            help="run a provider to test against",
            description=SIMULATE,
            epilog=SIMULATE_EXAMPLES,
            **_AS_WRITTEN,
        )
    )
    _schedule(
        commands.add_parser(
            "schedule",
            help="show when a task would be asked about",
            description=SCHEDULE,
            epilog=SCHEDULE_EXAMPLES,
            **_AS_WRITTEN,
        )
    )
    _providers(
        commands.add_parser(
            "providers",
            help="list what can be waited for",
            description=PROVIDERS,
            epilog=PROVIDERS_EXAMPLES,
            **_AS_WRITTEN,
        )
    )
    return whole


# A typo of an option must not silently become another option in a script.
_AS_WRITTEN: Any = {
    "formatter_class": functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=28, width=110),
    "allow_abbrev": False,
}


def _wait(wait: argparse.ArgumentParser) -> None:
    wait.add_argument("ids", nargs="+", metavar="ID", help="a task id; - reads ids from standard input, one a line")
    wait.add_argument("--provider", default="dashscope", metavar="NAME", help="where the tasks run (default dashscope)")
    wait.add_argument("--base-url", metavar="URL", help="the provider's prefix, as in https://host/api/v1")
    _context(wait)
    wait.add_argument("--timeout", type=float, metavar="S", help="stop waiting after so many seconds, with exit code 3")
    wait.add_argument("--interval", type=float, metavar="S", help="seconds between two polls of a task")
    wait.add_argument(
        "--expires-in", type=float, metavar="S", help="count what has not ended by then as EXPIRED (default a day)"
    )
    wait.add_argument("--json", action="store_true", help="print one line of JSON for each outcome")
    wait.add_argument("--quiet", action="store_true", help="show no progress")


def _context(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what the provider needs beside the id; may be repeated",
    )


def _explain(explain: argparse.ArgumentParser) -> None:
    add = explain.add_argument
    add("file", metavar="FILE", help="the body of the answer, as it was received; - reads standard input")
    add("--provider", default="dashscope", metavar="NAME", help="whose answer it is (default dashscope)")
    add("--status", type=_http, default=200, metavar="N", help="the HTTP status that came with it (default 200)")
    add("--id", action="append", default=[], dest="ids", metavar="ID", help="a task asked about; may be repeated")
    add("--after", metavar="FIRST", help="the first answer, where FILE answers the second request for its result")
    _context(explain)
    add("--json", action="store_true", help="print one line of JSON")


def _demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--tasks", type=_count, default=2000, metavar="N", help="how many (default 2000)")
    demo.add_argument("--speed", type=float, default=45.0, metavar="X", help="how often faster than life (default 45)")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other tasks (default 0)")
    demo.add_argument("--plain", action="store_true", help="plain lines, even on a terminal")


def _simulate(simulate: argparse.ArgumentParser) -> None:
    add = simulate.add_argument
    add("--port", type=int, default=8787, metavar="N", help="where to listen on 127.0.0.1; 0 for any (default 8787)")
    add("--speed", type=float, default=1.0, metavar="X", help="provider seconds in one of yours (default 1)")
    add("--seed", type=int, default=0, metavar="N", help="what is drawn depends on it alone (default 0)")
    add("--quota", type=int, default=20, metavar="N", help="requests per provider second of one key (default 20)")
    add("--median", type=float, default=180.0, metavar="S", help="half of the tasks run shorter (default 180)")
    add("--sigma", type=float, default=0.5, metavar="X", help="spread: 0 for none (default 0.5)")
    add("--failed", type=float, default=0.0, metavar="P", help="the probability that a task fails (default 0)")
    add(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND=P",
        help="the probability that this fault befalls a request; may be repeated",
    )


def _schedule(schedule: argparse.ArgumentParser) -> None:
    add = schedule.add_argument
    add("durations", nargs="?", metavar="FILE", help="one duration a line, in seconds")
    add("--schedule", choices=("economy", "fast"), default="economy", help="what to plan for (default economy)")
    add("--interval", type=float, default=15.0, metavar="S", help="the interval that is advised (default 15)")
    add("--explain", action="store_true", help="say for each question why it comes when it does")


def _providers(providers: argparse.ArgumentParser) -> None:
    providers.add_argument("--json", action="store_true", help="print one line of JSON for each provider")


def _http(text: str) -> int:
    if not text.isdecimal() or not 100 <= int(text) <= 599:
        raise argparse.ArgumentTypeError(f"{text!r}: give an HTTP status, 100 to 599")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 1 or more")
    return int(text)


def _fault(text: str) -> tuple[str, float]:
    kind, _, chance = text.partition("=")
    try:
        return kind, float(chance)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a kind and a probability, as in reset=0.1") from None
