import asyncio
import io
import json
import os
import signal
import sys

import pytest

from tests.waiting import until
from wanpoll.cli._ids import read_ids
from wanpoll.simulator import Constant, Simulator

from ..packages import offer
from .helpers import CANARY, COMMAND, cancel, ended, environment, pace, started, wait, wanpoll

FIELDS = [
    "id",
    "provider",
    "status",
    "ok",
    "media",
    "failure",
    "reason",
    "usage",
    "submitted_at",
    "started_at",
    "finished_at",
    "polls",
]
NEVER = 80_000.0
"""Provider seconds: longer than any test."""


async def test_all_succeeded_is_0_and_prints_the_links():
    """Each task that succeeded is one line of stdout with its link, and stderr tells the sum."""
    async with Simulator(speed=100) as simulator:
        ids = simulator.submit(2, duration=0) + simulator.submit(duration=40)
        ran = await wait(simulator, *ids)

    lines = [line.split() for line in ran.out.splitlines()]
    assert ran.code == 0
    assert sorted(line[0] for line in lines) == sorted(ids)
    assert {line[1] for line in lines} == {"SUCCEEDED"}
    assert all(line[2].startswith("http") and "Signature=" in line[2] for line in lines)
    assert ran.unmarked == []
    assert "3 SUCCEEDED" in ran.marked[-1]


async def test_some_did_not_is_1_and_says_why():
    """A task that failed is told with the provider's reason, and makes the exit code 1."""
    async with Simulator(speed=100) as simulator:
        (good,) = simulator.submit(duration=0)
        (bad,) = simulator.submit(duration=0, status="FAILED", code="DataInspectionFailed")
        ran = await wait(simulator, good, bad)

    assert ran.code == 1
    assert f"{bad} FAILED DataInspectionFailed: Output data may contain inappropriate content." in ran.out.splitlines()


async def test_json_lines_hold_everything_in_a_fixed_order():
    """With --json each outcome is one line: the fields of the documentation, times in ISO 8601 with their zone."""
    async with Simulator(speed=100) as simulator:
        (good,) = simulator.submit(duration=0)
        (bad,) = simulator.submit(duration=0, status="FAILED", code="InternalError.Algo")
        ran = await wait(simulator, "--json", good, bad)

    lines = {line["id"]: line for line in map(json.loads, ran.out.splitlines())}
    assert list(lines[good]) == list(lines[bad]) == FIELDS
    assert (lines[good]["provider"], lines[good]["status"], lines[good]["ok"]) == ("dashscope", "SUCCEEDED", True)
    assert list(lines[good]["media"][0]) == ["url", "kind", "expires_at", "backup_url", "failure", "file_id"]
    assert lines[good]["media"][0]["kind"] == "video"
    assert lines[good]["finished_at"].endswith("+08:00")
    assert lines[good]["usage"]["video_count"] == 1
    assert lines[bad]["failure"] == {"code": "InternalError.Algo", "message": "The algorithm process failed."}
    assert (lines[bad]["ok"], lines[bad]["media"], lines[bad]["polls"]) == (False, [], 1)


async def test_json_tells_which_picture_of_several_failed():
    """A result that failed among others that did not is told with its own reason."""
    async with Simulator(speed=100, partial=1.0) as simulator:
        (task_id,) = simulator.submit(shape="images", pictures=4, duration=0)
        lost = simulator.task(task_id).lost
        ran = await wait(simulator, "--json", task_id)

    media = json.loads(ran.out)["media"]
    assert [index for index, each in enumerate(media) if each["url"] is None] == sorted(lost)
    assert all(each["failure"]["code"] for each in media if each["url"] is None)


async def test_ids_come_from_stdin_each_once():
    """- reads one id a line; blank lines, comments and repetitions cost no question."""
    async with Simulator(speed=100) as simulator:
        first, second, third = simulator.submit(3, duration=0)
        text = f"\ufeff{first}\r\n\n# {third}\n  {second}  # a remark\n{first}\n"
        ran = await wait(simulator, "--quiet", second, "-", stdin=text)
        asked = simulator.report().by_route["query"]

    assert (ran.code, ran.err, asked) == (0, "", 2)
    assert sorted(line.split()[0] for line in ran.out.splitlines()) == sorted([first, second])


def test_ids_keep_their_order():
    """Ids of the command line and of stdin stand where they were given, each at its first place."""
    assert read_ids(["b", "-", "d"], io.StringIO("a\nb\nc\n")) == ["b", "a", "c", "d"]


async def test_no_ids_in_stdin_is_nothing_to_wait_for():
    """An empty list has succeeded: what is fed back after an interruption may be empty."""
    ran = await wanpoll("wait", "-")

    assert (ran.code, ran.out, ran.err) == (0, "", "# nothing to wait for; 0 requests\n")


async def test_timeout_is_3_and_leaves_ids_that_can_be_fed_back():
    """What ended before the timeout is printed; what did not stands on stderr, one id a line, after a mark."""
    async with Simulator(speed=100) as simulator:
        (done,), open_ids = simulator.submit(duration=0), simulator.submit(2, duration=NEVER)
        ran = await wait(simulator, "--timeout", "0.4", done, *open_ids)
        again = await wait(simulator, "--timeout", "0.1", "--quiet", "-", stdin=ran.err)

    assert (ran.code, again.code) == (3, 3)
    assert ran.out.startswith(f"{done} SUCCEEDED ")
    assert ran.unmarked == again.unmarked == open_ids
    assert "the timeout of 0.4 s came first" in ran.marked[-1]


async def test_refused_is_4_and_says_what_the_provider_said():
    """A key that the provider does not accept ends the wait with the provider's own code."""
    async with Simulator(speed=100, faults={"unauthorized": 1.0}) as simulator:
        (task_id,) = simulator.submit(duration=0)
        ran = await wait(simulator, task_id)

    assert (ran.code, ran.out, ran.unmarked) == (4, "", [task_id])
    assert "InvalidApiKey" in ran.marked[-1]


async def test_failed_questions_are_told_and_end_nothing():
    """Server errors are told on stderr, and the task still ends by the provider's word."""
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        simulator.inject("server_error", NEVER)
        async with started(*COMMAND, "wait", *pace(simulator), task_id, env=environment(simulator)) as process:
            told = await asyncio.wait_for(process.stderr.readline(), 30)
            simulator.heal()
            ran = await ended(process)

    assert ran.code == 0
    assert told.startswith(b"# ")
    assert b"last problem: dashscope: server error (HTTP 50" in told


async def test_expires_in_counts_a_task_as_expired():
    """A task that has not ended by then is EXPIRED, which is no success."""
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=NEVER)
        ran = await wait(simulator, "--expires-in", "0.3", "--json", task_id)

    line = json.loads(ran.out)
    assert (ran.code, line["status"], line["reason"]) == (1, "EXPIRED", "expired")


async def test_ctrl_c_is_130_and_prints_the_open_ids():
    """The first Ctrl-C prints what is still open, one id a line, and leaves the remote tasks alone."""
    async with Simulator(speed=100) as simulator:
        (done,), open_ids = simulator.submit(duration=0), simulator.submit(2, duration=NEVER)
        words = (*COMMAND, "wait", *pace(simulator), "--quiet", done, *open_ids)
        async with started(*words, env=environment(simulator)) as process:
            await until(lambda: len(simulator.report().lags) == 1 and simulator.report().requests > 3)
            process.send_signal(signal.SIGINT)
            ran = await ended(process)
        routes = set(simulator.report().by_route)

    assert (ran.code, ran.unmarked) == (130, open_ids)
    assert ran.out.startswith(f"{done} SUCCEEDED ")
    assert ran.marked == ["# wanpoll: interrupted; still open at the provider: 2 tasks"]
    assert routes == {"query"}


STUCK = """
import asyncio, sys, wanpoll
from wanpoll.cli import main
async def never(self):
    await asyncio.sleep(3600)
wanpoll.Poller.aclose = never
sys.exit(main(sys.argv[1:]))
"""


async def test_a_second_ctrl_c_ends_at_once():
    """Whatever the first Ctrl-C waits for, the second one does not."""
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=NEVER)
        words = (sys.executable, "-c", STUCK, "wait", *pace(simulator), task_id)
        async with started(*words, env=environment(simulator)) as process:
            await until(lambda: simulator.report().requests > 1)
            process.send_signal(signal.SIGINT)
            assert await process.stderr.readline()
            assert await process.stderr.readline() == f"{task_id}\n".encode()
            process.send_signal(signal.SIGINT)
            ran = await ended(process)

    assert ran.code == -signal.SIGINT


@pytest.mark.parametrize("json_option", [(), ("--json",)])
async def test_a_reader_that_leaves_ends_the_command_quietly(json_option):
    """`| head -1` ends the command at its next line: no message, and the exit code of a closed pipe."""
    async with Simulator(speed=100, queue=Constant(NEVER)) as simulator:
        (done,), (pending,) = simulator.submit(duration=0), simulator.submit()
        reader, writer = os.pipe()
        words = (*COMMAND, "wait", *pace(simulator), "--quiet", *json_option, done, pending)
        async with started(*words, env=environment(simulator), stdout=writer) as process:
            os.close(writer)
            first = await asyncio.to_thread(os.read, reader, 65_536)
            os.close(reader)
            await cancel(simulator, pending)
            ran = await ended(process)

    assert done.encode() in first
    assert (ran.code, ran.err) == (141, "")


async def test_a_closed_stderr_does_not_move_peoples_text_to_stdout():
    """With 2>&- the outcomes are all there is."""
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        words = ("sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "wait", *pace(simulator), task_id)
        async with started(*words, env=environment(simulator)) as process:
            ran = await ended(process)

    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [task_id]


CHOOSY = """
from wanpoll.exceptions import UsageError
from wanpoll.providers import DashScope, Request

class Offered(DashScope):
    NAME = "choosy"

    def check_context(self, context):
        if dict(context) != {"upstream": "wan=2"}:
            raise UsageError(f"choosy: no upstream in {dict(context)}")

    def ask(self, tasks):
        assert tasks[0].context["upstream"] == "wan=2"
        return super().ask(tasks)
"""


async def test_context_goes_to_the_provider(tmp_path):
    """--context tells the provider more about the tasks; one that it cannot use is refused before any question."""
    offer(tmp_path, "choosy", CHOOSY)
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        words = ("wait", "--quiet", "--provider", "choosy", *pace(simulator), task_id)
        refused = await wanpoll(*words, simulator=simulator, PYTHONPATH=path)
        asked = simulator.report().requests
        waited = await wanpoll(*words, "--context", "upstream=wan=2", simulator=simulator, PYTHONPATH=path)

    assert (refused.code, refused.err, asked) == (2, "wanpoll: choosy: no upstream in {}\n", 0)
    assert (waited.code, waited.err) == (0, "")


WRONG = {
    "no key": (("wait", "a"), {"DASHSCOPE_API_KEY": None}, "set DASHSCOPE_API_KEY"),
    "bad id": (("wait", "a", "../b"), {}, "task id '../b'"),
    "key in the clear": (("wait", "--base-url", "http://example.com/api/v1", "a"), {}, "in the clear"),
    "unknown provider": (("wait", "--provider", "nobody", "a"), {}, "give one of dashscope"),
    "context without a value": (("wait", "--context", "upstream", "a"), {}, "give KEY=VALUE"),
    "context without a key": (("wait", "--context", "=minimax", "a"), {}, "give KEY=VALUE"),
    "context twice": (("wait", "--context", "a=1", "--context", "a=2", "a"), {}, "a is given twice"),
    "negative timeout": (("wait", "--timeout", "-1", "a"), {}, "timeout=-1.0"),
    "interval of nothing": (("wait", "--interval", "0", "a"), {}, "interval=0.0"),
    "no ids": (("wait",), {}, "required: ID"),
    "a key as an argument": (("wait", "--api-key", "x", "a"), {}, "unrecognized arguments"),
    "no command": ((), {}, "required: command"),
    "unknown command": (("waitt", "a"), {}, "invalid choice"),
}


@pytest.mark.parametrize(("arguments", "variables", "words"), WRONG.values(), ids=list(WRONG))
async def test_a_wrong_command_is_2_and_one_clear_line(arguments, variables, words):
    """What cannot be meant is refused before any question, in a line that says what to do."""
    async with Simulator(speed=100) as simulator:
        ran = await wanpoll(*arguments, simulator=simulator, **variables)
        asked = simulator.report().requests

    assert (ran.code, ran.out, asked) == (2, "", 0)
    assert words in ran.err.splitlines()[-1]
    assert ran.err.splitlines()[-1].startswith("wanpoll")
    if not ran.err.startswith("usage:"):
        assert len(ran.err.splitlines()) == 1


async def test_an_odd_byte_in_stdin_is_a_bad_id():
    """Ids that are not text are named as what they are: no ids."""
    async with started(*COMMAND, "wait", "-", env=environment()) as process:
        out, err = await process.communicate(b"\xff\xfe\n")

    assert (process.returncode, out) == (2, b"")
    assert err.decode().startswith("wanpoll: task id ")
    assert CANARY not in err.decode()
