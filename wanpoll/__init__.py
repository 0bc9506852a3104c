"""One waiting room for thousands of remote generation tasks.

    async with Poller(DashScope()) as poller:
        outcome = await poller.wait_for(task_id)

Names are loaded when they are first used, so that `wanpoll --help` need not wait for the HTTP client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wanpoll._core.model import (
        AccountStatistics,
        ClassStatistics,
        Failure,
        Media,
        Outcome,
        Rate,
        Statistics,
        Status,
        Task,
        Update,
    )
    from wanpoll._poller import Poller
    from wanpoll.exceptions import (
        DecodeError,
        InvalidTaskId,
        MissingExtra,
        NotSupported,
        PollerClosed,
        ProviderRefused,
        TaskCanceled,
        TaskError,
        TaskExpired,
        TaskFailed,
        TaskForgotten,
        TransportError,
        UnknownProvider,
        UsageError,
        WaitTimeout,
        WanpollError,
        WrongLoop,
    )

__version__ = "0.1.0"

__all__ = [
    "Poller",
    "Task",
    "Outcome",
    "Status",
    "Media",
    "Failure",
    "Update",
    "Rate",
    "Statistics",
    "AccountStatistics",
    "ClassStatistics",
    "WanpollError",
    "TaskError",
    "TaskFailed",
    "TaskCanceled",
    "TaskExpired",
    "WaitTimeout",
    "ProviderRefused",
    "DecodeError",
    "TransportError",
    "UsageError",
    "PollerClosed",
    "UnknownProvider",
    "InvalidTaskId",
    "TaskForgotten",
    "NotSupported",
    "WrongLoop",
    "MissingExtra",
]

_VALUES = {
    "Task",
    "Outcome",
    "Status",
    "Media",
    "Failure",
    "Update",
    "Rate",
    "Statistics",
    "AccountStatistics",
    "ClassStatistics",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wanpoll' has no attribute {name!r}")
    home = "_poller" if name == "Poller" else "_core.model" if name in _VALUES else "exceptions"
    value = globals()[name] = getattr(importlib.import_module(f"wanpoll.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
