"""Every error of wanpoll, in one tree.

    WanpollError
      TaskError                 an ended task, raised by `Outcome.raise_for_status`
        TaskFailed, TaskCanceled, TaskExpired
      WaitTimeout               this wait ended; the task is still followed
      ProviderRefused           the account is refused: key, rights or bill
      DecodeError               an answer that cannot be read   (a missed poll)
      TransportError            a question without an answer    (a missed poll)
      UsageError                the call was wrong
        PollerClosed, UnknownProvider, InvalidTaskId, TaskForgotten,
        NotSupported, WrongLoop, MissingExtra

`DecodeError` and `TransportError` never end a wait. They are seen as `Update.problem` and by observers.
No error holds a key or a signed URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wanpoll._core.model import Outcome, Task, Update

__all__ = [
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


class WanpollError(Exception):
    """The root: catch this to catch everything that wanpoll raises on purpose."""


class TaskError(WanpollError):
    """A task ended without success. `outcome` is the whole `Outcome`."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)

    def __str__(self) -> str:
        outcome = self.outcome
        why = outcome.reason if outcome.failure is None else str(outcome.failure)
        return f"task {outcome.task.id} of {outcome.task.provider}: {outcome.status}" + (f" ({why})" if why else "")


class TaskFailed(TaskError):
    """The provider said that the task failed; `outcome.failure` has its code and message."""


class TaskCanceled(TaskError):
    """The provider said that the task was canceled."""


class TaskExpired(TaskError):
    """No end was seen in time (`outcome.reason` "expired"), or the provider does not know the task ("unknown")."""


class WaitTimeout(WanpollError, TimeoutError):
    """This wait reached its timeout. The task is still followed: wait again to go on.

    `update` is the last thing known of the task, None where a wait for several tasks ended;
    `open_tasks` are those that had not ended.
    """

    def __init__(self, timeout: float, open_tasks: Sequence[Task], update: Update | None = None) -> None:
        self.timeout = timeout
        self.open_tasks: tuple[Task, ...] = tuple(open_tasks)
        self.update = update
        super().__init__(timeout, self.open_tasks, update)

    def __str__(self) -> str:
        return (
            f"{_some_ids(self.open_tasks)} did not end within {self.timeout:g} s; still followed: wait again to go on"
        )


class ProviderRefused(WanpollError):
    """The provider refuses the account (key, rights, unpaid bill), so its polling stopped.

    The tasks are kept: a later wait or `nudge` tries again.
    """

    def __init__(self, provider: str, code: str, message: str) -> None:
        self.provider = provider
        self.code = code
        self.message = message
        super().__init__(provider, code, message)

    def __str__(self) -> str:
        return f"{self.provider} refused the account: {self.code}: {self.message}; mend it, then wait again"


class DecodeError(WanpollError):
    """An answer that could not be read: a missed poll, asked again.

    `path` says where in the answer, `excerpt` shows at most 200 bytes of it, redacted.
    """

    def __init__(self, provider: str, path: str, excerpt: str) -> None:
        self.provider = provider
        self.path = path
        self.excerpt = excerpt
        super().__init__(provider, path, excerpt)

    def __str__(self) -> str:
        return f"{self.provider} answered what cannot be read at {self.path}: {self.excerpt}"


class TransportError(WanpollError):
    """A question without a usable answer: a missed poll, asked again.

    `kind` is one of "connect", "tls", "disconnected", "timeout", "too large", "redirect", "throttled", "server error",
    "error answer", "encoding" and "protocol" (not HTTP as it should be). `status` is the HTTP status where there was
    one, `detail` the provider's code and message or the reason, redacted.
    """

    def __init__(self, provider: str, kind: str, status: int | None = None, detail: str = "") -> None:
        self.provider = provider
        self.kind = kind
        self.status = status
        self.detail = detail
        super().__init__(provider, kind, status, detail)

    def __str__(self) -> str:
        status = "" if self.status is None else f" (HTTP {self.status})"
        return f"{self.provider}: {self.kind}{status}" + (f": {self.detail}" if self.detail else "")


class UsageError(WanpollError):
    """The call was wrong; the message says which argument, what was wrong and what to do."""


class PollerClosed(UsageError):
    """The poller was closed. `open_tasks` are the tasks that had not ended; they live on at the provider."""

    def __init__(self, open_tasks: Sequence[Task] = ()) -> None:
        self.open_tasks: tuple[Task, ...] = tuple(open_tasks)
        super().__init__(self.open_tasks)

    def __str__(self) -> str:
        if not self.open_tasks:
            return "this poller is closed; make a new one: async with Poller(...) as poller"
        return f"the poller was closed before {_some_ids(self.open_tasks)} ended; a new poller can wait for them"


class UnknownProvider(UsageError):
    """No provider of this poller has that name, or none was named among several."""


class InvalidTaskId(UsageError):
    """Not an id: 1 to 256 characters of A-Z a-z 0-9 . _ : - and neither "." nor ".."."""


class TaskForgotten(UsageError):
    """`forget` was called for a task while somebody waited for it. `task` is that task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        super().__init__(task)

    def __str__(self) -> str:
        return (
            f"task {self.task.id} of {self.task.provider} was forgotten during this wait; wait again to follow it anew"
        )


class NotSupported(UsageError):
    """The provider cannot do that, in general or for this task now."""


class WrongLoop(UsageError):
    """The poller was used from another event loop or process than the one that opened it."""


class MissingExtra(UsageError):
    """An optional package is not installed; the message names the extra."""


def fresh_copy(error: WanpollError) -> WanpollError:
    """A copy of `error` to raise: one that several raise would collect the tracebacks of all.

    (Made without its `__init__`: errors of other people's provider classes may want other arguments than `args`.)
    """
    copy = type(error).__new__(type(error))
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy


def _some_ids(tasks: Sequence[Task], most: int = 3) -> str:
    names = ", ".join(task.id for task in tasks[:most])
    if len(tasks) == 1:
        return f"task {names}"
    return f"{len(tasks)} tasks ({names}{', ...' if len(tasks) > most else ''})"


for _name in __all__:
    globals()[_name].__module__ = "wanpoll"
