"""The standard log: trouble is told once, and plainly."""

from __future__ import annotations

import logging

import pytest

from tests.observers.helpers import TASK, ended, missed
from wanpoll import DecodeError, ProviderRefused, Task, UsageError
from wanpoll.observers import AccountRefused, AccountThrottled, PollMissed, TaskBroken, UnknownWord, log
from wanpoll.observers.log import QUIET, Log


@pytest.fixture
def clock(monkeypatch):
    """A list whose only item is the time."""
    now = [1000.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(caplog):
    """Level and text of each line."""
    caplog.set_level(logging.DEBUG, "wanpoll")
    return lambda: [(record.levelno, record.getMessage()) for record in caplog.records]


def levels(found: list[tuple[int, str]]) -> list[int]:
    return [level for level, _ in found]


def test_misses_are_told_sparingly(clock, lines):
    """Of a thousand misses of one kind, one in a minute is a warning; the others are for debugging."""
    write = Log(logging.getLogger("wanpoll"))
    for _ in range(3):
        write(missed())
    clock[0] += QUIET - 0.1
    write(missed())
    clock[0] += 0.1
    write(missed())

    assert levels(lines()) == [logging.WARNING, logging.DEBUG, logging.DEBUG, logging.DEBUG, logging.WARNING]
    assert lines()[0][1] == "missed a poll, will ask again: dashscope: timeout (task t-1)"


def test_each_kind_and_account_is_news(clock, lines):
    """Another kind, or another account, is told at once."""
    write = Log(logging.getLogger("wanpoll"))
    write(missed("timeout"))
    write(missed("connect"))
    write(missed("timeout", Task("t-1", "other")))
    write(PollMissed(TASK, DecodeError("dashscope", "output", "x"), 1))
    write(PollMissed(TASK, DecodeError("dashscope", "the body", "y"), 2))

    assert levels(lines()) == [logging.WARNING] * 4 + [logging.DEBUG]


def test_the_first_miss_of_a_young_process(clock, lines):
    """The first miss is told, also when the machine has just started."""
    clock[0] = 0.0
    Log(logging.getLogger("wanpoll"))(missed())

    assert levels(lines()) == [logging.WARNING]


def test_refusals_and_broken_providers_are_errors(lines):
    """What a person has to mend is an error, with what to do."""
    write = Log(logging.getLogger("wanpoll"))
    write(AccountRefused("dashscope", ProviderRefused("dashscope", "InvalidApiKey", "no")))
    write(TaskBroken(TASK, UsageError("Mine.ask raised TypeError: mend the provider class")))

    assert lines() == [
        (logging.ERROR, "dashscope refused the account: InvalidApiKey: no; mend it, then wait again"),
        (logging.ERROR, "Mine.ask raised TypeError: mend the provider class"),
    ]


def test_unknown_words(lines):
    """An unknown word is a warning, and a long one is cut."""
    write = Log(logging.getLogger("wanpoll"))
    write(UnknownWord("dashscope", "BLOCKED"))
    write(UnknownWord("dashscope", "X" * 10_000))

    assert lines()[0] == (logging.WARNING, "dashscope says 'BLOCKED', which is no known status: still waiting")
    assert len(lines()[1][1]) < 200


def test_throttling(lines):
    """Being slowed down is information."""
    Log(logging.getLogger("wanpoll"))(AccountThrottled("dashscope", 0.5))

    assert lines() == [(logging.INFO, "dashscope asks for less: using 50 % of its quota")]


def test_ends_are_no_lines(lines):
    """What goes well is not told."""
    Log(logging.getLogger("wanpoll"))(ended())

    assert lines() == []


def test_lines_stay_lines(lines):
    """A provider's words cannot forge a line of the log."""
    write = Log(logging.getLogger("wanpoll"))
    write(UnknownWord("dashscope", "X\n2026-01-01 ERROR forged"))
    write(missed("timeout\n2026-01-01 ERROR forged"))
    write(AccountRefused("dashscope", ProviderRefused("dashscope", "X\r\nforged", "a\nforged")))

    assert [text for _, text in lines() if "\n" in text or "\r" in text] == []
