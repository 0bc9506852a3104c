"""What is counted, and what is told: the numbers behind `statistics()` and the news for those outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType

from wanpoll._core.account import Account
from wanpoll._core.entries import Call, Entry
from wanpoll._core.events import Event
from wanpoll._core.model import NOTHING, AccountStatistics, Statistics, Status
from wanpoll.exceptions import WanpollError


class Ledger:
    """Counters and undelivered events of one machine."""

    def __init__(self) -> None:
        self.by_status: Counter[Status] = Counter()
        self.problems: Counter[str] = Counter()
        self.polls = 0
        self._events: list[tuple[Entry | Call | Account, Event]] = []

    def say(self, whom: Entry | Call | Account, event: Event) -> None:
        """Tell `event`, which concerns `whom`."""
        self._events.append((whom, event))

    def take_events(self) -> list[tuple[Entry | Call | Account, Event]]:
        """What was told since the last call."""
        taken, self._events = self._events, []
        return taken

    def count(self, problem: WanpollError) -> None:
        """A question failed by `problem`."""
        self.problems[str(getattr(problem, "kind", "unreadable"))] += 1

    def move(self, entry: Entry, status: Status) -> None:
        """`entry` has `status` from now on."""
        self.by_status[entry.status] -= 1
        self.by_status[status] += 1
        entry.status = status

    def statistics(self, accounts: Iterable[Account], now: float) -> Statistics:
        """Everything at one moment."""
        each = {account.name: _statistics(account, now) for account in accounts}
        return Statistics(
            tracked=sum(one.tracked for one in each.values()),
            by_status=MappingProxyType({status: self.by_status[status] for status in Status}),
            polls=self.polls,
            requests=sum(one.requests for one in each.values()),
            request_rate=sum(one.request_rate for one in each.values()),
            request_budget=sum(one.request_budget for one in each.values()),
            oldest_due=max((one.oldest_due for one in each.values()), default=0.0),
            problems=MappingProxyType(dict(self.problems)),
            accounts=MappingProxyType(each),
        )


def _statistics(account: Account, now: float) -> AccountStatistics:
    learned = account.learned
    return AccountStatistics(
        pressure=account.pressure,
        saved=account.saved,
        classes=NOTHING if learned is None else MappingProxyType(learned.statistics()),
        provider=account.name,
        tracked=len(account.tasks),
        in_flight=len(account.in_flight),
        requests=account.requests,
        request_rate=account.budget.measured(now),
        request_budget=account.budget.allowed(now),
        oldest_due=account.oldest_due(now),
        refused=account.refused is not None,
    )
