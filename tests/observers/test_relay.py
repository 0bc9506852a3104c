"""Observers are told everything, in order, and can neither change nor delay anything."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from tests.observers.helpers import ended, eventually, missed
from wanpoll import Poller, UsageError
from wanpoll.observers import Relay, TaskEnded, _relay
from wanpoll.providers import DashScope
from wanpoll.testing import ScriptedTransport, reply


async def test_events_come_in_order():
    """Each observer gets every event, in order, in a thread that is not the event loop's."""
    first: list[Any] = []
    second: list[Any] = []
    threads: set[int] = set()
    events = [missed(f"kind {n}") for n in range(100)]
    relay = Relay([first.append, second.append, lambda _: threads.add(threading.get_ident())])
    for event in events:
        relay.put(event)
    await relay.aclose()

    assert (first, second) == (events, events)
    assert threading.get_ident() not in threads


async def test_one_observer():
    """A single observer needs no list."""
    seen: list[Any] = []
    relay = Relay(seen.append)
    relay.put(ended())
    await relay.aclose()

    assert seen == [ended()]
    assert relay.watched


async def test_no_observer():
    """Without observers there is no thread, and nothing is kept."""
    before = threading.active_count()
    relay = Relay()
    relay.put(ended())

    assert (relay.watched, threading.active_count(), relay._queue.qsize()) == (False, before, 0)
    await relay.aclose()


@pytest.mark.parametrize("observer", [5, "print", [print, None], [5]])
def test_what_is_no_observer(observer):
    """What cannot be called is refused at once, not at the first event."""
    with pytest.raises(UsageError, match="observer"):
        Relay(observer)
    with pytest.raises(UsageError, match="observer"):
        Poller(DashScope("sk-test"), observer=observer)


async def test_a_slow_observer_delays_nobody():
    """Telling an event returns at once, however long the observer takes."""
    go = threading.Event()
    relay = Relay(lambda _: go.wait(5))
    began = time.perf_counter()
    for _ in range(1000):
        relay.put(ended())
    took = time.perf_counter() - began
    go.set()
    await relay.aclose()

    assert took < 0.5


async def test_an_observer_that_raises(caplog):
    """An observer that raises is logged, goes on being called, and disturbs no other."""
    called: list[Any] = []
    other: list[Any] = []

    def bad(event: Any) -> None:
        called.append(event)
        raise RuntimeError("observer's own trouble")

    relay = Relay([bad, other.append])
    events = [ended(), missed()]
    for event in events:
        relay.put(event)
    await relay.aclose()

    assert (called, other) == (events, events)
    records = [record for record in caplog.records if "goes on being called" in record.message]
    assert [(record.levelno, record.name) for record in records] == [(logging.ERROR, "wanpoll")] * 2
    assert "observer's own trouble" in caplog.text


async def test_events_that_are_too_many(monkeypatch, caplog):
    """What an observer is too slow for is dropped and counted; the rest arrives."""
    monkeypatch.setattr(_relay, "MOST_WAITING", 5)
    go, entered = threading.Event(), threading.Event()
    seen: list[Any] = []

    def slow(event: Any) -> None:
        entered.set()
        go.wait(5)
        seen.append(event)

    relay = Relay(slow)
    relay.put(ended())
    assert eventually(entered.is_set)
    for _ in range(8):
        relay.put(ended())
    go.set()
    await relay.aclose()

    assert len(seen) == 1 + 5
    assert [record.message for record in caplog.records] == ["3 events were dropped because an observer was too slow"]


async def test_closing_hands_over_what_is_left():
    """Events told before closing reach the observer."""
    seen: list[Any] = []

    def slow(event: Any) -> None:
        time.sleep(0.002)
        seen.append(event)

    relay = Relay(slow)
    for _ in range(20):
        relay.put(ended())
    await relay.aclose()

    assert len(seen) == 20


async def test_closing_does_not_wait_for_ever(monkeypatch):
    """An observer that hangs holds closing up for the patience only, and the event loop not at all."""
    monkeypatch.setattr(_relay, "_CLOSE_PATIENCE", 0.05)
    go = threading.Event()
    relay = Relay(lambda _: go.wait(30))
    relay.put(ended())
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    began = time.perf_counter()
    await relay.aclose()
    took = time.perf_counter() - began
    turning.cancel()
    go.set()

    assert took < 1.0
    assert turns > 10
    assert _relay.MOST_WAITING == 10_000


def test_patience():
    """A second is what observers get at the end."""
    assert _relay._CLOSE_PATIENCE == 1.0


async def test_observers_of_a_poller_are_told_of_ends():
    """An end is told to the observer before the poller is closed."""
    seen: list[Any] = []
    document = {"output": {"task_id": "a", "task_status": "SUCCEEDED"}}
    transport = ScriptedTransport(lambda _: reply(document), latency=0)
    async with Poller(DashScope("sk-test"), transport=transport, observer=seen.append) as poller:
        await poller.wait_for("a", timeout=5)

    assert [event.outcome.task.id for event in seen if isinstance(event, TaskEnded)] == ["a"]
