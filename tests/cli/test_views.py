import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios

import attrs
import pytest

from tests.waiting import until
from wanpoll import Failure, Media, Outcome, Statistics, Status, Task, TransportError
from wanpoll.cli._demo_report import Story, told
from wanpoll.cli._lines import for_machines, for_people
from wanpoll.cli._texts import clock, counted, duration, number, printable
from wanpoll.cli._views import Plain
from wanpoll.simulator import Simulator

from .helpers import CANARY, COMMAND, environment, pace

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
"""What hides and shows a terminal's cursor."""


def statistics(**changes):
    """Statistics of one running task."""
    nothing = Statistics(1, {Status.RUNNING: 1}, 1, 1, 0.5, 20.0, 0.0, {}, {})
    return attrs.evolve(nothing, **changes)


def test_plain_lines_come_now_and_then(capsys):
    """A change is told once in ten seconds at most, a new kind of problem at once, and what is not new never."""
    now = 0.0
    view = Plain(lambda: now)
    reset = TransportError("dashscope", "disconnected")
    for seconds, counts, problem in (
        (1, {Status.RUNNING: 1}, None),
        (2, {Status.RUNNING: 1}, reset),
        (3, {Status.RUNNING: 2}, reset),
        (13, {Status.RUNNING: 2}, reset),
        (14, {Status.RUNNING: 3}, reset),
        (30, {Status.RUNNING: 3}, TransportError("dashscope", "timeout")),
        (90, {Status.RUNNING: 3}, reset and TransportError("dashscope", "timeout")),
    ):
        now = seconds
        view.show(statistics(by_status=counts), problem)

    assert capsys.readouterr().err.splitlines() == [
        "# 2 s: 1 RUNNING; 0.5 of 20 requests/s; last problem: dashscope: disconnected",
        "# 13 s: 2 RUNNING; 0.5 of 20 requests/s",
        "# 30 s: 3 RUNNING; 0.5 of 20 requests/s; last problem: dashscope: timeout",
    ]


def test_a_strangers_text_moves_no_cursor():
    """Control characters and line breaks in a provider's message are shown as what they are, on one line."""
    failure = Failure("Bad\x1b[2J", "two\nlines \u202e")
    line = for_people(Outcome(Task("a", "dashscope"), Status.FAILED, failure=failure))

    assert line == r"a FAILED Bad\x1b[2J: two\nlines \u202e"
    assert printable("katzen 猫") == "katzen 猫"


def test_lines_for_people_tell_links_and_reasons():
    """Links stand behind the status, lost results in brackets, and the reason at the end."""
    task = Task("a", "dashscope")
    media = (Media("https://x/1.png?s=1", "image"), Media(None, "image", failure=Failure("Lost", "it is")))

    assert for_people(Outcome(task, Status.SUCCEEDED, media)) == "a SUCCEEDED https://x/1.png?s=1 (Lost: it is)"
    assert for_people(Outcome(task, Status.EXPIRED, reason="unknown")) == "a EXPIRED unknown"


def test_json_is_ascii():
    """Every locale and pipe carries the lines, whatever a provider says."""
    outcome = Outcome(Task("a", "dashscope"), Status.FAILED, failure=Failure("Nö", "猫"), usage={"text": "é"})

    assert for_machines(outcome).isascii()


def test_small_words():
    """Numbers and times as people read them."""
    assert (clock(0), clock(372.9), clock(6000)) == ("00:00", "06:12", "100:00")
    assert (duration(59.6), duration(755)) == ("1 min 0 s", "12 min 35 s")
    assert number(71066.7) == "71,067"
    assert counted({"a": 0, "b": 1200}) == "1,200 b"


async def test_the_report_does_not_gloss_over_an_untrue_end():
    """Were a wait to end against the provider's word, the report says so, and the command would exit with 1."""
    async with Simulator() as simulator:
        report = simulator.report()
    one_open = Story(2, {Status.SUCCEEDED: 1}, 0, report, {"dashscope": report}, {}, 15.0, 1.0)
    untrue = attrs.evolve(one_open, ends={Status.SUCCEEDED: 2}, untrue=1)

    assert "WRONG: 0 waits ended untruly, 1 did not end" in told(one_open)
    assert "WRONG: 1 waits ended untruly, 0 did not end" in told(untrue)
    assert not one_open.true
    assert not untrue.true
    assert attrs.evolve(untrue, untrue=0).true


# -- terminals ---------------------------------------------------------------------------------------------------------


async def on_terminal(*arguments, stdout_too, env):
    """Run wanpoll with a terminal for stderr (and stdout): exit code, what the terminal got, what stdout got."""
    outside, inside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env=env, stdin=-3, stdout=inside if stdout_too else -1, stderr=inside
    )
    os.close(inside)
    reading = asyncio.create_task(asyncio.to_thread(read_all, outside))
    out, _ = await process.communicate()
    screen = await reading
    os.close(outside)
    assert CANARY not in screen
    return process.returncode, screen, (out or b"").decode()


def read_all(terminal):
    """All that a terminal gets until nobody writes to it."""
    got = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65_536):
            got += piece
    return got.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="terminals end differently elsewhere")
@pytest.mark.parametrize("stdout_too", [True, False])
async def test_a_terminal_gets_a_live_view(stdout_too):
    """The live view shows counts, leaves results whole on stdout, and gives the cursor back."""
    pytest.importorskip("rich")
    async with Simulator(speed=100) as simulator:
        first, last = simulator.submit(2, duration=0)
        simulator.inject("server_error", 80_000)
        env = environment(simulator, TERM="xterm-256color")
        running = on_terminal("wait", "--interval", "0.1", first, last, stdout_too=stdout_too, env=env)
        command = asyncio.create_task(running)
        await until(lambda: simulator.report().requests > 7)  # several pictures later, whatever the machine
        simulator.heal()
        code, screen, out = await command

    results = screen if stdout_too else out
    lines = [line.split("\x1b[2K")[-1] for line in results.splitlines()]
    assert code == 0
    assert "PENDING" in screen
    assert "of 20 requests/s" in screen
    assert "last problem: dashscope: server error" in screen
    assert sum(each in line and "Signature=" in line for line in lines for each in (first, last)) == 2
    assert ("Signature=" in screen) is stdout_too
    assert screen.rindex(SHOW) > screen.rindex(HIDE)


@pytest.mark.skipif(sys.platform != "linux", reason="terminals end differently elsewhere")
async def test_without_rich_a_terminal_gets_plain_lines(tmp_path):
    """The extra `cli` is optional: without it the same command works, in plain lines."""
    (tmp_path / "rich.py").write_text("raise ImportError('not here')\n")
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        base = environment(simulator)
        env = base | {"PYTHONPATH": f"{tmp_path}:{base['PYTHONPATH']}", "TERM": "xterm-256color"}
        code, screen, out = await on_terminal("wait", *pace(simulator), task_id, stdout_too=False, env=env)

    assert code == 0
    assert out.startswith(task_id)
    assert screen == "# 1 SUCCEEDED; 1 requests\r\n"


@pytest.mark.skipif(sys.platform != "linux", reason="terminals end differently elsewhere")
async def test_the_demo_moves_on_a_terminal():
    """On a terminal the demo draws bars and a curve, and the report stays pure text."""
    pytest.importorskip("rich")
    env = environment(TERM="xterm-256color")
    code, screen, out = await on_terminal("demo", "--tasks", "20", "--speed", "300", stdout_too=False, env=env)

    assert code == 0
    assert "wanpoll demo" in screen
    assert "RUNNING" in screen
    assert "\x1b" not in out
    assert "0 violations" in out
