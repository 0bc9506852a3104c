"""Events as the core makes them."""

from __future__ import annotations

import time
from collections.abc import Callable

from wanpoll import Media, Outcome, Status, Task, TransportError
from wanpoll.observers import PollMissed, TaskEnded

TASK = Task("t-1", "dashscope")


def missed(kind: str = "timeout", task: Task = TASK) -> PollMissed:
    return PollMissed(task, TransportError(str(task.provider), kind), 1)


def ended(status: Status = Status.SUCCEEDED, *, waited: float = 12.5) -> TaskEnded:
    media = (Media("https://h.example/a.mp4?Signature=canary", "video"),)
    return TaskEnded(Outcome(TASK, status, media=media, polls=3), waited)


def eventually(check: Callable[[], bool]) -> bool:
    """Whether `check` holds within two seconds; threads need a moment."""
    until = time.monotonic() + 2
    while not check() and time.monotonic() < until:
        time.sleep(0.001)
    return check()
