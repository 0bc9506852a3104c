import ast
import asyncio
import importlib.util
import json
import re
import shlex
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

import wanpoll as package
from wanpoll.cli._parser import parser
from wanpoll.simulator import DIALECTS, FAULTS, Simulator

from ..packages import GOOD, offer, project
from .helpers import CANARY, COMMAND, ended, environment, pace, started, wanpoll

COMMANDS = ("wait", "explain", "demo", "simulate", "schedule", "providers")
HEAVY = ("aiohttp", "asyncio", "attr", "cattrs", "rich", "json", "wanpoll.providers", "wanpoll.simulator")

LOOK = f"""
import sys
from wanpoll.cli import main
try:
    main(sys.argv[1:])
finally:
    print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), *((each, "--help") for each in COMMANDS)])
async def test_help_imports_nothing_heavy(arguments):
    """Help and version come without the HTTP client, the event loop, and the rest of wanpoll."""
    async with started(sys.executable, "-c", LOOK, *arguments, env=environment()) as process:
        ran = await ended(process)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "heavy: []"


EXAMPLE = re.compile(r"^.*\bwanpoll ((?:wait|explain|demo|simulate|providers)\b.*?)(?:  |[|<]|$)", re.MULTILINE)


async def test_each_command_explains_itself_with_examples():
    """`wanpoll --help` names all commands, and the help of each has examples that the parser accepts."""
    whole = await wanpoll("--help")
    helps = {each: (await wanpoll(each, "--help")).out for each in COMMANDS}

    assert all(re.search(rf"^    {each} +\w", whole.out, re.MULTILINE) for each in COMMANDS)
    assert set(FAULTS) <= set(helps["simulate"].split())
    for text in helps.values():
        examples = EXAMPLE.findall(text.split("examples:\n")[1])
        assert examples
        assert all(parser().parse_args(shlex.split(each)) for each in examples)


async def test_the_version_is_the_packages():
    """`wanpoll --version` tells the version, and nothing else."""
    ran = await wanpoll("--version")

    assert (ran.code, ran.out) == (0, f"wanpoll {package.__version__}\n")


# -- providers ---------------------------------------------------------------------------------------------------------


async def test_providers_tell_whether_there_is_a_key_and_never_the_key():
    """The table names the variable of the key and whether it is set."""
    there = await wanpoll("providers")
    gone = await wanpoll("providers", DASHSCOPE_API_KEY=None)
    (row,) = [line for line in there.out.splitlines() if line.startswith("dashscope ")]

    assert row.split("  ")[1].startswith("https://dashscope")
    assert "DASHSCOPE_API_KEY (set)" in row
    assert "DASHSCOPE_API_KEY (not set)" in gone.out
    assert "20 / 1 s" in row
    assert there.code == gone.code == 0


async def test_providers_as_json():
    """One line of JSON for each provider."""
    ran = await wanpoll("providers", "--json")
    rows = {row["name"]: row for row in map(json.loads, ran.out.splitlines())}

    assert rows["dashscope"] == {
        "name": "dashscope",
        "base_url": "https://dashscope-intl.aliyuncs.com/api/v1",
        "key_variable": "DASHSCOPE_API_KEY",
        "key_set": True,
        "requests": 20,
        "per": 1.0,
        "interval": 15.0,
        "can_cancel": True,
        "can_refresh": False,
        "max_batch": 1,
    }


async def test_other_packages_offer_providers(tmp_path):
    """A provider of another package is listed and waited for; a package that is broken costs one line of stderr."""
    offer(tmp_path, "elsewhere", GOOD.format(name="else"))
    offer(tmp_path, "broken", "raise RuntimeError('no \\x1b[31m')\n")
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    listed = await wanpoll("providers", PYTHONPATH=path)
    asked = await wanpoll("wait", "--provider", "broken", "a", PYTHONPATH=path)
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        words = ("wait", "--provider", "else", *pace(simulator), task_id)
        waited = await wanpoll(*words, simulator=simulator, PYTHONPATH=path)

    why = "provider 'broken' of package broken cannot be imported (RuntimeError: no \\x1b[31m)"
    assert {line.split()[0] for line in listed.out.splitlines()} >= {"name", "dashscope", "else"}
    assert listed.err == f"wanpoll: {why}; update the package, or uninstall it\n"
    assert (asked.code, asked.out, asked.err) == (2, "", listed.err)
    assert (waited.code, waited.out.split()[:2]) == (0, [task_id, "SUCCEEDED"])


async def test_what_a_package_prints_is_no_result(tmp_path):
    """Standard output is for results, whatever is said while a stranger's module is imported."""
    offer(tmp_path, "loud", "print('hear, hear')\n" + GOOD.format(name="loud"))
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    listed = await wanpoll("providers", "--json", PYTHONPATH=path)

    assert "loud" in {json.loads(line)["name"] for line in listed.out.splitlines()}
    assert "hear, hear" in listed.err


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="an environment without pip installs nothing")
async def test_an_installed_package_is_found(tmp_path):
    """What pip installs from a folder can be waited for: nothing else has to be told to wanpoll."""
    target = tmp_path / "installed"
    options = (
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
        "--target",
        str(target),
    )
    source = str(project(tmp_path, "newcomer", GOOD.format(name="newcomer")))
    async with started(sys.executable, "-m", "pip", "install", *options, source, env=environment()) as process:
        installed = await ended(process)
    async with Simulator(speed=100) as simulator:
        (task_id,) = simulator.submit(duration=0)
        words = ("wait", "--provider", "newcomer", "--json", *pace(simulator), task_id)
        waited = await wanpoll(*words, simulator=simulator, PYTHONPATH=f"{environment()['PYTHONPATH']}:{target}")

    assert installed.code == 0, installed.err
    assert (waited.code, waited.err.count("newcomer")) == (0, 0)
    assert json.loads(waited.out)["provider"] == "newcomer"


# -- simulate ----------------------------------------------------------------------------------------------------------


async def obey(curl):
    """Do what a curl command line says; the document that is answered."""
    words = shlex.split(curl.replace("\\\n", " "))
    headers = dict(words[index + 1].split(": ", 1) for index, word in enumerate(words) if word == "-H")
    url = next(word for word in words if word.startswith("http"))
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, data=words[words.index("-d") + 1]) as response,
    ):
        return json.loads(await response.read())


async def welcome(process):
    """What `wanpoll simulate` prints once it listens."""
    text = ""
    while "--base-url" not in text:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert line, text
        text += line.decode()
    return text


async def test_simulate_tells_where_each_dialect_is():
    """One line for each: its name, a base URL that answers in that dialect, and the variable of the key."""
    async with started(*COMMAND, "simulate", "--port", "0", env=environment()) as process:
        text = await welcome(process)
        rows = dict(re.findall(r"^  (\w+) +(http\S+ +\w+)$", text, re.MULTILINE))
        urls, variables = zip(*(row.split() for row in rows.values()), strict=True)
        statuses = []
        async with aiohttp.ClientSession() as session:
            for url in urls:
                async with session.get(f"{url}/nowhere") as response:
                    statuses.append((response.status, response.content_type))
        process.send_signal(signal.SIGINT)
        ran = await ended(process)

    assert list(rows) == list(DIALECTS)
    assert len({*urls}) == len(urls)
    assert list(variables) == [spoken.key_variable for spoken in DIALECTS.values()]
    assert statuses == [(404, "application/json")] * len(urls)
    assert ran.code == 0


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_simulate_can_be_used_as_it_says(end):
    """The lines that it prints work: export, submit with curl, wait. Its end is a report and exit code 0."""
    words = (*COMMAND, "simulate", "--port", "0", "--speed", "200", "--median", "20", "--sigma", "0")
    async with started(*words, env=environment()) as process:
        text = await welcome(process)
        exports = dict(re.findall(r"export (\w+)=(\S+)", text))
        document = await obey(re.search(r"curl .*?}}'$", text, re.DOTALL | re.MULTILINE)[0])
        (wait,) = re.findall(r"wanpoll (wait .*) ID", text)
        waited = await wanpoll(*wait.split(), document["output"]["task_id"], **exports)
        process.send_signal(end)
        ran = await ended(process)

    assert (waited.code, ran.code) == (0, 0)
    assert "1 task submitted" in ran.out
    assert "1 SUCCEEDED" in ran.out
    assert "0 violations" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fault", "plague=1"), "give one of throttle"),
        (("--fault", "reset"), "give a kind and a probability"),
        (("--fault", "reset=2"), "at most 1"),
        (("--speed", "0"), "speed=0.0"),
        (("--quota", "0"), "requests=0"),
        (("--port", "99999"), "port"),
    ],
)
async def test_simulate_refuses_what_cannot_be_meant(arguments, words):
    """Exit code 2, and one line that says what to give."""
    ran = await wanpoll("simulate", *arguments)

    assert ran.code == 2
    assert words in ran.err.splitlines()[-1]


async def test_simulate_on_a_port_in_use_says_so():
    """A port in use is a usage error."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ran = await wanpoll("simulate", "--port", str(port))

    assert ran.code == 2
    assert ran.err.startswith(f"wanpoll: cannot listen on port {port}")


# -- schedule ----------------------------------------------------------------------------------------------------------


async def test_the_schedule_shows_its_plan(tmp_path):
    """What it knows, what a request is worth, a picture, and each question with its reason."""
    file = tmp_path / "durations.txt"
    file.write_text("\n".join(str(90 + number % 60) for number in range(200)))
    ran = await wanpoll("schedule", "--explain", str(file))
    nothing = await wanpoll("schedule", "--schedule", "fast")

    assert (ran.code, nothing.code) == (0, 0)
    assert "known   200 durations: 10% within" in ran.out
    assert re.search(r"^asked  [ |]+\|", ran.out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d s +\d+\.\d s +100\.0%  \d+% of these have ended by then", ran.out, re.MULTILINE)
    assert "nothing yet" in nothing.out


async def schedule(tmp_path, durations, *arguments):
    """What `wanpoll schedule` says of these."""
    file = tmp_path / "durations.txt"
    file.write_text("\n".join(map(str, durations)))
    ran = await wanpoll("schedule", *arguments, str(file))

    assert (ran.code, ran.err) == (0, "")
    return ran.out


@pytest.mark.parametrize("durations", [[100 + 7100 * number / 300 for number in range(300)], [60_000] * 300])
async def test_the_plan_goes_on_until_long_tasks_have_ended(tmp_path, durations):
    """What is summed up and drawn is all of it, though only some rows are printed."""
    said = await schedule(tmp_path, durations)
    plan = re.search(r"^plan    ([\d.]+) requests a task, ([\d.]+) s of lag", said, re.MULTILINE)
    until = re.search(r"^        0 +█ \d+ questions +([\d,]+) s$", said, re.MULTILINE)
    rows = re.findall(r"^ *[\d,.]+ s +[\d,.]+ s +[\d.]+%$", said, re.MULTILINE)
    more = re.search(r"^ +\.\.\. +(\d+) more, [\d.,]+ to [\d.,]+ s after one another$", said, re.MULTILINE)

    assert plan
    assert until
    assert more
    assert 150 < float(plan[1]) < 300  # every 15 s: 240, for those that are uniform
    assert 7.0 < float(plan[2]) < 8.0  # as is wanted
    assert 0.98 < float(until[1].replace(",", "")) / max(durations) < 1.1
    assert len(rows) == 60
    assert float(rows[-1].split()[-1].rstrip("%")) < 3.0
    assert int(more[1]) > 100
    assert len(said.splitlines()) < 75


async def test_durations_that_the_schedule_tells_not_apart(tmp_path):
    """It says how many are longer than the longest that counts, and which that is."""
    said = await schedule(tmp_path, [90_000] * 40 + [100] * 60, "--interval", "1")

    assert re.search(r"^ {8}40 are longer than 6,\d\d\d s, the most that counts at this interval$", said, re.MULTILINE)
    assert "are longer than" not in await schedule(tmp_path, [90_000] * 40 + [100] * 60)


async def test_the_price_of_a_request_is_told_in_digits_that_count(tmp_path):
    """However small; and before anything is known, that it is not."""
    small = await schedule(tmp_path, [100 + 24 * number for number in range(300)])
    nothing = await schedule(tmp_path, [], "--interval", "20")

    assert re.search(r"^price   a request is worth 0\.0[1-9]\d s of lag \(economy\)$", small, re.MULTILINE)
    assert "\nprice   not known before tasks have ended: until then it is asked as if fixed, every 20 s (" in nothing


@pytest.mark.parametrize("text", ["0", "-15", "nan", "inf", "1e300", "1e-300"])
async def test_an_absurd_interval_is_a_usage_error(text):
    """It says which are not."""
    ran = await wanpoll("schedule", f"--interval={text}")

    assert (ran.code, ran.out) == (2, "")
    assert re.fullmatch(r"wanpoll: --interval \S{1,6}: give seconds, from 0.1 to 86,400\n", ran.err)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e300"])
async def test_a_bad_duration_is_a_usage_error(tmp_path, text):
    """It says which line and what to give."""
    file = tmp_path / "durations.txt"
    file.write_text(f"90\n{text}\n")
    ran = await wanpoll("schedule", str(file))

    assert ran.code == 2
    assert f"{text!r}: give one duration a line" in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
async def test_a_disk_that_is_full_is_no_traceback():
    """It says that the output cannot be written."""
    with open("/dev/full", "w") as full:
        async with started(*COMMAND, "schedule", env=environment(), stdout=full) as process:
            ran = await ended(process)

    assert ran.code == 1
    assert re.fullmatch(r"wanpoll: the output cannot be written: .+\n", ran.err)


# -- demo --------------------------------------------------------------------------------------------------------------


async def test_the_demo_keeps_what_it_promises():
    """All tasks end by the provider's word, through 429s and an outage, inside the quota, with no key at hand."""
    ran = await wanpoll("demo", "--tasks", "60", "--speed", "150", "--plain", DASHSCOPE_API_KEY=None)

    assert ran.code == 0
    assert "60 tasks waited for" in ran.out
    assert "the provider's, 60 of 60" in ran.out
    assert re.search(r"quota +\d+ of 20 in the fullest second, 0 violations", ran.out)
    assert re.search(r"survived .*\d+ server error", ran.out)
    assert re.search(r"detection lag +p50 \d+ s   p95 \d+ s   p99 \d+ s", ran.out)
    for system in ("dashscope", "acedata", "anyfast", "vapi", "minimax"):
        assert re.search(rf"^  {system} +\d+ +\d+ +\d+ +\d+ of 20 +\d+ s +\d+ s$", ran.out, re.MULTILINE)
    assert re.search(r"^03:\d\d  >>> .* 429", ran.err, re.MULTILINE)


async def test_the_code_in_the_report_is_python():
    """The lines that do the same with a real key compile, and use names that exist."""
    from wanpoll.cli._demo_report import CODE

    tree = compile(CODE, "report", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]

    assert len([line for line in CODE.splitlines() if line]) <= 6
    assert names == ["Poller", "DashScope"]
    assert hasattr(package.Poller, "as_completed")


@pytest.mark.parametrize("arguments", [("--tasks", "0"), ("--tasks", "x"), ("--speed", "-1")])
async def test_the_demo_refuses_what_cannot_be_meant(arguments):
    """Exit code 2 and no report."""
    ran = await wanpoll("demo", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert CANARY not in ran.err
