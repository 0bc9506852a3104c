"""News from the core: for those who wait, and for observers. Frozen, and free of secrets.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

from typing import TypeAlias

from attrs import frozen

from wanpoll._core.model import ClassStatistics, Failure, Outcome, Task, Update
from wanpoll._core.readings import CallReading
from wanpoll.exceptions import ProviderRefused, WanpollError


@frozen
class TaskChanged:
    """An answer (or the lack of one) changed what is known of a task."""

    update: Update


@frozen
class TaskEnded:
    """A task ended. `waited` is the seconds since it was tracked.

    `lag` is the seconds from its end, by the provider's clock, to the answer that told it; None where no answer says.
    """

    outcome: Outcome
    waited: float
    lag: float | None = None


@frozen
class TaskBroken:
    """The provider class raised while making the question about this task, which is not asked until a later wait."""

    task: Task
    error: WanpollError


@frozen
class PollMissed:
    """A question about `task` failed and will be asked again; `misses` counts those in a row."""

    task: Task
    problem: WanpollError
    misses: int


@frozen
class AccountThrottled:
    """The provider said that it is asked too often; from now on `share` (0..1) of the quota is used."""

    provider: str
    share: float


@frozen
class AccountRefused:
    """The provider refuses the account, which is not asked until a later wait or `nudge`."""

    provider: str
    error: ProviderRefused


@frozen
class ClassLearned:
    """The schedule has estimated anew how long tasks of one `kind` ("" for those without one) take, or their price.

    `pressure` and `saved` are those of the account, as in `AccountStatistics`.
    """

    provider: str
    kind: str
    known: ClassStatistics
    pressure: float
    saved: int


@frozen
class ClassForgotten:
    """The class of `kind` has given way to that of another kind: nothing is known of it any more."""

    provider: str
    kind: str


@frozen
class UnknownWord:
    """A status word that is not in the provider's table; said once for each word."""

    provider: str
    word: str


@frozen
class ScanStopped:
    """The provider does not give the list of its tasks, for `reason`: from now on each is asked about by itself."""

    provider: str
    reason: Failure


@frozen
class CallEnded:
    """A call (cancel, refresh) was answered, or given up. `outcome` is the refreshed one."""

    task: Task
    reading: CallReading
    outcome: Outcome | None = None


@frozen
class Asked:
    """One request was made for `tasks` tasks and took `seconds`; `verdict` names the reading of its answer.

    For a page of the list of tasks `tasks` is 0, and `verdict` "listed". After it, `share` (0..1) of the quota is used;
    `pressure` and `saved` are those of the account, as in `AccountStatistics`.
    """

    provider: str
    tasks: int
    seconds: float
    verdict: str
    share: float = 1.0
    pressure: float = 1.0
    saved: int = 0


Event: TypeAlias = (
    TaskChanged
    | TaskEnded
    | TaskBroken
    | PollMissed
    | AccountThrottled
    | AccountRefused
    | ClassLearned
    | ClassForgotten
    | UnknownWord
    | ScanStopped
    | CallEnded
    | Asked
)
