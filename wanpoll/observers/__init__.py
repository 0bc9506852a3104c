"""Hooks: told what happens, unable to change or to delay it.

An observer is any callable that takes one event, a frozen value of `wanpoll.observers`. It runs in a thread of its
own, so a slow one delays nobody; one that raises is logged and goes on being called. Events hold no keys and no
signed URLs (an `Outcome` does hold its links: do not log those).
"""

from __future__ import annotations

from wanpoll._core.events import (
    AccountRefused,
    AccountThrottled,
    Asked,
    ClassForgotten,
    ClassLearned,
    Event,
    PollMissed,
    ScanStopped,
    TaskBroken,
    TaskChanged,
    TaskEnded,
    UnknownWord,
)
from wanpoll.observers._relay import Observer, Relay

__all__ = [
    "AccountRefused",
    "AccountThrottled",
    "Asked",
    "ClassForgotten",
    "ClassLearned",
    "Event",
    "Observer",
    "PollMissed",
    "Relay",
    "ScanStopped",
    "TaskBroken",
    "TaskChanged",
    "TaskEnded",
    "UnknownWord",
]

for _public in (
    AccountRefused,
    AccountThrottled,
    Asked,
    ClassForgotten,
    ClassLearned,
    PollMissed,
    ScanStopped,
    TaskBroken,
    TaskChanged,
    TaskEnded,
    UnknownWord,
    Observer,
):
    _public.__module__ = "wanpoll.observers"
