import json

import pytest

from ..packages import offer
from .helpers import CANARY, environment, wanpoll

LINK = f"https://user:{CANARY}@h.example:8443/1d/a.mp4?Expires=1751000000&Signature=canary"

DONE = {
    "request_id": "r",
    "output": {
        "task_id": "a-task",
        "task_status": "SUCCEEDED",
        "submit_time": "2026-03-01 17:38:24.817",
        "end_time": "soon",
        "video_url": LINK,
        "results": [{"code": "InternalError", "message": f"\x1b[31mred {CANARY}"}],
    },
    "usage": {"duration": 5},
}


async def explain(document, *arguments, **variables):
    """Run `wanpoll explain` on this answer, from standard input."""
    body = document if isinstance(document, str) else json.dumps(document)
    return await wanpoll("explain", *arguments, "-", stdin=body, **variables)


async def test_each_rule_that_decided_is_told_then_the_meaning(tmp_path):
    """Notes in the order of deciding, then the status, the media, the reason and the times; from a file as well."""
    (tmp_path / "answer.json").write_text(json.dumps(DONE))
    ran = await wanpoll("explain", str(tmp_path / "answer.json"))

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "HTTP 200",
        "output.task_id echoes an id",
        "output.task_status is 'SUCCEEDED': SUCCEEDED",
        "output.video_url: video link",
        "output.results[].url: image failed, InternalError: \\x1b[31mred ***",
        "2 media at 9 listed paths",
        "output.submit_time reads as 2026-03-01T17:38:24.817000+08:00",
        "output.end_time cannot be read as a time",
        "usage is kept as it is",
        "=> a-task: SUCCEEDED",
        "   video h.example:8443/1d/a.mp4, until 2025-06-27T04:53:20+00:00",
        "   image without a link (InternalError: \\x1b[31mred ***)",
        "   submitted 2026-03-01T17:38:24.817000+08:00",
    ]


async def test_as_json():
    """--json prints one line for machines: what it means, and the notes. No signature, no key."""
    ran = await explain(DONE, "--json")
    told = json.loads(ran.out)
    (task,) = told["tasks"]

    assert (ran.code, ran.err, len(ran.out.splitlines())) == (0, "", 1)
    assert (told["provider"], told["http"], told["understood"], told["reading"]) == ("dashscope", 200, True, "answer")
    assert (task["id"], task["status"], task["submitted_at"]) == (
        "a-task",
        "SUCCEEDED",
        "2026-03-01T17:38:24.817000+08:00",
    )
    assert task["media"][0] == {
        "kind": "video",
        "link": "h.example:8443/1d/a.mp4",
        "expires_at": "2025-06-27T04:53:20+00:00",
        "failure": None,
    }
    assert "canary" not in ran.out
    assert told["notes"][0] == "HTTP 200"


def running(**fields):
    return {"output": {"task_id": "a-task", "task_status": "RUNNING", **fields}}


MEANINGS = {
    "running": (running(task_metrics={"TOTAL": 4, "SUCCEEDED": 1}), (), 0, "=> a-task: RUNNING, not ended, 25% done"),
    "unknown word": (running(task_status="NEW"), (), 0, "=> a-task: not an end, for nobody knows the word 'NEW'"),
    "no such task": (running(task_status="UNKNOWN"), (), 0, "=> a-task: no such task"),
    "failed": (running(task_status="FAILED", code="C", message="m"), (), 0, "   because of C: m"),
    "another task": (running(), ("--id", "b-task"), 1, "the answer is about another task"),
    "refused": (
        {"code": "InvalidApiKey", "message": "m"},
        ("--status", "401"),
        0,
        "=> the account is refused: InvalidApiKey: m",
    ),
    "rejected": ({"code": "InvalidParameter"}, ("--status", "400"), 0, "=> this question is rejected"),
    "throttled": ({"code": "Throttling"}, ("--status", "429"), 1, "the account slows down"),
    "page": (
        "<html>",
        ("--status", "502"),
        1,
        "=> a missed poll, to be asked again: dashscope: server error (HTTP 502)",
    ),
    "redirect": (running(), ("--status", "302"), 1, "redirect"),
    "not JSON": ("<html>", (), 1, "not JSON"),
    "empty": ("", (), 1, "(empty)"),
    "deep": ("[" * 5000, (), 1, "not JSON"),
}


@pytest.mark.parametrize("key", [CANARY, None])
@pytest.mark.parametrize("name", MEANINGS)
async def test_meanings(name, key):
    """Whatever the answer, its meaning is told, with or without a key at hand; 1 where it would be asked again."""
    document, arguments, code, words = MEANINGS[name]
    ran = await explain(document, *arguments, DASHSCOPE_API_KEY=key)

    assert (ran.code, ran.err) == (code, "")
    assert words in ran.out
    assert ran.out.startswith(f"HTTP {arguments[1] if '--status' in arguments else 200}\n")


async def test_a_key_in_the_answer_is_not_shown():
    """What the environment holds as the key is not printed, wherever the answer echoes it."""
    key = "0123456789abcdef0123456789abcdef"
    shown = [
        await explain(running(task_status=f"x {key}"), DASHSCOPE_API_KEY=key),
        await explain({"code": key, "message": key}, "--status", "400", DASHSCOPE_API_KEY=key),
        await explain(f"<html>{key}", DASHSCOPE_API_KEY=key),
        await explain(running(task_status="SUCCEEDED", video_url=f"https://h.example/{key}"), DASHSCOPE_API_KEY=key),
    ]

    assert [key in ran.out + ran.err for ran in shown] == [False] * 4


async def test_a_key_that_is_none_is_in_nobodys_way():
    """No key is needed, so a broken one in the environment changes nothing."""
    ran = await explain(running(), DASHSCOPE_API_KEY="a b\nc")

    assert (ran.code, ran.err) == (0, "")


SUCCESS = {"task_id": "a-task", "status": "Success", "file_id": "99", "base_resp": {"status_code": 0}}
FILE = {"file": {"file_id": 99, "download_url": LINK}, "base_resp": {"status_code": 0}}


@pytest.mark.parametrize("provider", ["minimax", "vapi"])
async def test_the_answer_to_a_second_request(tmp_path, provider):
    """Beside the first answer it is read as what it is; alone, what to give is said."""
    first = tmp_path / "first.json"
    first.write_text(json.dumps(SUCCESS))
    both = await explain(FILE, "--provider", provider, "--after", str(first))
    told = await explain(FILE, "--provider", provider, "--after", str(first), "--id", "a-task", "--json")
    other = await explain({**FILE, "file": {"file_id": 98}}, "--provider", provider, "--after", str(first))
    alone = await explain(FILE, "--provider", provider)

    assert (both.code, both.err) == (0, "")
    assert "file.download_url: video link" in both.out
    assert "=> a-task: SUCCEEDED\n   video h.example:8443/1d/a.mp4" in both.out
    assert json.loads(told.out)["tasks"][0]["status"] == "SUCCEEDED"
    assert (other.code, "the answer is about another one" in other.out) == (1, True)
    assert (alone.code, "give the first answer, too: --after FILE" in alone.out) == (1, True)


async def test_first_answers_that_need_no_second_request(tmp_path):
    """A first answer that is none, and one that stands where the second does, are wrong commands."""
    first = tmp_path / "first.json"
    first.write_text(json.dumps(SUCCESS | {"status": "Processing"}))
    ran = [
        await explain(FILE, "--provider", "minimax", "--after", str(first)),
        await explain(FILE, "--provider", "minimax", "--after", "-"),
        await explain(running(), "--after", str(first)),
    ]

    assert [(each.code, each.out) for each in ran] == [(2, "")] * 3
    assert ["--after" in each.err for each in ran] == [True] * 3
    assert "--after FILE" not in (await explain("<html>")).out  # DashScope needs no second requests


LONG = "long word " * 40_000

LENGTHS = {
    "word": (running(task_status=LONG), ()),
    "id": ({"output": {"task_id": LONG, "task_status": "FAILED"}}, ()),
    "code": ({"code": LONG, "message": LONG}, ("--status", "400")),
    "reason": (running(task_status="FAILED", code=LONG, message=LONG), ()),
    "reason of a part": (running(task_status="SUCCEEDED", results=[{"code": LONG, "message": LONG}]), ()),
}


@pytest.mark.parametrize("name", LENGTHS)
async def test_long_words_are_shortened(name):
    """Whatever is long in an answer, nobody has to scroll for its meaning: it is cut, and the verdict is not."""
    document, arguments = LENGTHS[name]
    ran = await explain(document, *arguments)

    assert ran.err == ""
    assert len(ran.out) < 3_000
    assert "=> " in ran.out
    assert "characters)" in ran.out


async def test_a_long_key_is_hidden_before_it_is_cut():
    """A secret that lies across the cut does not show its beginning."""
    key = "0123456789abcdef0123456789abcdef"
    for word in ("x" * 60 + key, "x" * 60 + " Bearer " + key):
        ran = await explain(running(task_status=word), DASHSCOPE_API_KEY=key)
        assert "0123456789" not in ran.out


BUGGY = """
from wanpoll.providers import DashScope

class Offered(DashScope):
    NAME = "buggy"

    def decode(self, tasks, reply):
        raise KeyError("see https://h.example/a?Signature=canary")
"""


async def test_a_decoder_that_raises_is_told_with_its_line(tmp_path):
    """The debugger of decoders survives them, and says where one raised."""
    offer(tmp_path, "buggy", BUGGY)
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    ran = await explain(running(), "--provider", "buggy", PYTHONPATH=path)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("wanpoll: Offered raised, and may not, at ")
    assert "buggy.py:8: KeyError: " in ran.err
    assert "canary" not in ran.err


@pytest.mark.parametrize(
    "line", ["QUOTA = 5", "KEY_VARIABLE = None", "can_cancel = property(lambda self: 1 / 0)", "max_batch = None"]
)
async def test_a_badly_written_provider_harms_nobody(tmp_path, line):
    """It is told as broken, by its list and to who asks for it; all others have their rows and their explanations."""
    code = f"from wanpoll.providers import DashScope\n\nclass Offered(DashScope):\n    NAME = 'odd'\n    {line}\n"
    offer(tmp_path, "odd", code)
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    listed = await wanpoll("providers", "--json", PYTHONPATH=path)
    asked = await explain(running(), "--provider", "odd", PYTHONPATH=path)
    other = await explain(running(), PYTHONPATH=path)

    assert (listed.code, listed.err.count("\n")) == (0, 1)
    assert "provider 'odd' of package odd cannot be used (" in listed.err
    assert [json.loads(each)["name"] for each in listed.out.splitlines()][:2] == ["dashscope", "acedata"]
    assert (asked.code, asked.out) == (2, "")
    assert "provider 'odd' of package odd cannot be used (" in asked.err
    assert other.code == 0


WRONG = {
    "no file": (("nowhere.json",), "nowhere.json: cannot be read (No such file or directory)"),
    "a folder": (("/",), "/: cannot be read (Is a directory)"),
    "odd name": (("a\x01b",), "cannot be read"),
    "no provider": (("--provider", "nobody", "-"), "give one of dashscope"),
    "no status": (("--status", "99", "-"), "give an HTTP status"),
    "no number": (("--status", "ok", "-"), "give an HTTP status"),
    "no id": (("--id", "../a", "-"), "task id '../a'"),
    "context of nobody": (("--context", "a=b", "-"), "name it by --id"),
    "no context": (("--id", "a", "--context", "a", "-"), "give KEY=VALUE"),
    "nothing": ((), "required: FILE"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=list(WRONG))
async def test_a_wrong_command_is_2(arguments, words):
    """What cannot be meant is exit code 2, and a line that says what to give."""
    ran = await wanpoll("explain", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[-1]


async def test_a_file_that_is_too_large_is_2(tmp_path):
    """A file is read up to what an answer of the provider may have, and no further."""
    (tmp_path / "large").write_bytes(b" " * (1 << 20) + b"{}")
    ran = await wanpoll("explain", str(tmp_path / "large"))

    assert (ran.code, ran.out) == (2, "")
    assert "large: more than the 1,048,576 bytes" in ran.err
