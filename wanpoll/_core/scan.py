"""Which of many tasks have ended, by the list of an account's tasks: one page tells of a hundred.

The list never ends a task, since it has neither media nor reasons: who has ended by its word is asked at once. Who has
not counts as answered, but not for ever: a list may be stale. And who stands on no page is asked as if there were no
list. So a list that is wrong costs requests, never a result.

A scan is made when its pages are fewer than the polls that they spare. What they are worth is seen as they come. Its
life: `look_soon`, and at each look `begin`, which says whether to ask for a first page; `read` for each page that comes
and `failed` for one that does not; then comes the next look.
"""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from wanpoll._core.cadence import Cadence
from wanpoll._core.entries import Entry, Page, PageOf, Ticket
from wanpoll._core.model import Status
from wanpoll._core.readings import Listed
from wanpoll._core.schedule import RESOLUTION

if TYPE_CHECKING:
    from wanpoll._core.account import Account

TRUSTED = 20.0
"""Intervals for which a task is taken at the list's word. Then it is asked about itself."""

FAILURES = 3
"""How many scans in a row must fail, or be worth nothing, until there is a `PAUSE`."""

PAUSE = 40.0
"""Intervals without a scan."""

WORTH = 2.0
"""Polls due for each page: those that would have found an end are not spared."""

_LONGEST_SPAN = 86_000.0  # seconds: a list goes back for a day at most, and the margin is part of it
_MARGIN = 60.0  # seconds by which clocks may differ
_ROWS = 100  # of a page, until one was seen
_FAST = 0.2  # of an interval: the period of those who want little lag
_LOOK = 0.2  # of a period: how soon to look again whether it pays
_LEAD = 0.25  # of a period that a scan may come before the polls that it spares
_PATIENCE = 1.0 + _LEAD  # of the time from one scan to the next: by then the next scan should have named a task again
_GONE = 3.0  # times the time from one scan to the next: after that, what the last one named is nothing any more
_USELESS = 5  # pages that a scan may have beyond the tasks that it told anything of
_MOST = 10_000  # tasks that are looked at
_PARTS = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5)  # of the due, the oldest first: asked about singly, if that is cheaper


class _Plan(NamedTuple):
    """What to scan for. Nothing is due where no scan pays."""

    since: float = 0.0  # when the oldest task of the list was submitted, with the margin
    due: float = 0.0  # polls in an interval that it is about, if there were no list
    gap: float = 0.0  # seconds from one scan to the next, so that they are cheaper than the polls


class Scan:
    """The scans of one account. Its one `page` waits in the account's schedule and queues like any other question."""

    def __init__(self, account: Account, cadence: Cadence, *, fast: bool = False) -> None:
        self.page = Page(account)
        self.covered = 0  # tasks that scans name: they share no quota
        self.stopped = False
        self._account = account
        self._interval = cadence.interval
        self._floor = cadence.floor
        self._period = cadence.interval * (_FAST if fast else 1.0)
        self._cycle = self._period  # from one scan to the next
        self._took = 0.0
        self._begun_at = float("-inf")
        self._plan = _Plan()
        self._density: float | None = None  # pages for each second of the list
        # Of this scan: its pages, the tasks of ours on them, and those of which they told anything.
        self._asked = self._named = self._useful = 0
        self._failures = 0

    @property
    def patience(self) -> float:
        """Seconds for which a task that is named may wait to be named again."""
        return _PATIENCE * self._cycle

    # -- when --------------------------------------------------------------------------------------------------

    def look_soon(self, now: float) -> None:
        """There is a task: look soon whether a scan pays."""
        page = self.page
        if page.slot is None and page.queue is None and page.ticket is None and not self.stopped:
            self._look_at(now + self._floor)

    def begin(self, now: float) -> bool:
        """Whether to ask for the first page now; if not, it is scheduled when to look again, while there are tasks."""
        if now > self._begun_at + _GONE * self._cycle:
            self.covered = 0
        if not self._account.tasks:
            return False
        wait = self._until_due(now)
        if wait > 0.0:
            self._look_at(now + max(wait, 2 * RESOLUTION))
            return False
        self._begun_at = now
        self._asked = self._named = self._useful = 0
        self._ask_for_page(1, now)
        return True

    def _until_due(self, now: float) -> float:
        """Seconds until a scan may be due; 0 when it is, and `_plan` says what to scan for."""
        look = _LOOK * self._period
        if self._account.clock.epoch is None or self._account.refused is not None:
            return look
        spared = self._sparable(now)
        plan = self._plan = self._cheapest([entry.born for entry in spared if entry.born is not None], now)
        if not plan.due:
            return look
        earliest = min(entry.due_at for entry in spared)
        wait = max(self._begun_at + plan.gap - now, earliest - now - _LEAD * self._period)
        self._cycle = max(plan.gap, self._took)
        self.covered = max(self.covered, len(spared))
        return min(wait, look) if wait > RESOLUTION else 0.0

    def _sparable(self, now: float) -> list[Entry]:
        """The tasks that are to be asked about within an interval, unless the list tells that they go on."""
        due, oldest = self._account.due, now - _LONGEST_SPAN
        waiting = (job for job in due if job.queue is due)
        coming = (job for job in self._account.schedule.until(now + self._interval) if job.queue is None)
        jobs = dict.fromkeys(itertools.islice(itertools.chain(waiting, coming), _MOST))
        entries = (job for job in jobs if isinstance(job, Entry) and job.born is not None and job.born > oldest)
        return [entry for entry in entries if self._heeds_list(entry, now + self._period)]

    def _cheapest(self, births: list[float], now: float) -> _Plan:
        """How to spare most of the polls of the tasks with these `births`.

        The oldest few may lie far back: they are asked about singly, if that is cheaper.
        """
        births.sort()
        count, best, most = len(births), _Plan(), 0.0
        learned = self._account.learned
        eased = 1.0 if learned is None else learned.pressure.stretch  # a full quota stretches steps
        for skipped in dict.fromkeys(int(part * count) for part in _PARTS if count):
            since = min(births[skipped], now) - _MARGIN
            due, cost = (count - skipped) * eased, WORTH * self._pages_since(since, now)
            if due - cost > most:
                most = due - cost
                best = _Plan(since, due, max(self._period, cost / due * self._interval))
        return best

    def _pages_since(self, since: float, now: float) -> float:
        """How many pages a scan has. What the last one had is believed less and less: others' tasks stand there too."""
        if self._density is None:
            return max(1.0, len(self._account.tasks) / _ROWS)
        believed = math.pow(0.5, (now - self._begun_at) / (PAUSE * self._interval))
        return max(1.0, self._density * (now - since) * believed)

    def _look_at(self, at: float) -> None:
        self.page.due_at = at
        self.page.queue = None
        self._account.schedule.set(self.page, at)

    def _ask_for_page(self, number: int, now: float) -> None:
        page = self.page
        page.subject = PageOf(
            datetime.fromtimestamp((self._account.clock.epoch or 0.0) + self._plan.since, UTC), number
        )
        page.due_at = now
        page.urgent = True  # it may spare a hundred of those that wait

    # -- what a page tells -------------------------------------------------------------------------------------

    def read(self, ticket: Ticket, listed: Listed, now: float) -> list[tuple[Entry, Status]]:
        """The tasks that go on by the word of a page, oldest first; what else it tells is done."""
        self._asked += 1
        if self._account.refused is not None:
            self._finish(now)
            return []
        going: list[tuple[Entry, Status]] = []
        for entry, status in self._followed(listed).items():
            self._named += 1
            if not self._heeds_list(entry, now):
                continue
            self._useful += 1
            if status.is_final:
                self._ask_at_once(entry, now)
            elif entry.answered_at is None or entry.answered_at < ticket.taken_at:
                going.append((entry, Status.RUNNING if entry.status is Status.RUNNING else status))
        self._next_page(listed, now)
        # As they began, where they keep an order.
        return sorted(going, key=lambda each: each[0].tracked_at if each[0].born is None else each[0].born)

    def _followed(self, listed: Listed) -> dict[Entry, Status]:
        """The followed tasks on a page, each once. What is said in a word that is not known is not said."""
        said: dict[Entry, Status] = {}
        for task_id, status in listed.rows:
            entry = self._account.tasks.get(task_id)
            if entry is not None and status is not None and (entry not in said or status.is_final):
                said[entry] = status
        return said

    def _heeds_list(self, entry: Entry, now: float) -> bool:
        """Whether a row decides when `entry` is asked about: not for those with a way of their own."""
        return (
            entry.ticket is None
            and entry.partial is None
            and not (entry.urgent or entry.parked or entry.misses or entry.unknowns or entry.stale)
            and now + RESOLUTION < min(self._trusted_until(entry), entry.expires_at)
        )

    def _trusted_until(self, entry: Entry) -> float:
        return (entry.tracked_at if entry.polled_at is None else entry.polled_at) + TRUSTED * self._interval

    def limit_trust(self, entry: Entry, now: float) -> None:
        """Have `entry` asked about itself in time, although the list says that it goes on."""
        until = self._trusted_until(entry)
        if entry.slot is not None and entry.queue is None and entry.due_at > until:
            self._account.place(entry, until, now)

    def _ask_at_once(self, entry: Entry, now: float) -> None:
        """`entry` has ended by the list's word: ask. When it denied that once, the list is believed less."""
        if entry.listed_end and entry.polled_at is not None and now < entry.polled_at + self._interval:
            return
        entry.listed_end = entry.urgent = True
        soonest = now if entry.answered_at is None else entry.answered_at + self._floor
        self._account.place(entry, max(now, soonest), now)

    def _next_page(self, listed: Listed, now: float) -> None:
        """The next page, if there is one and it pays."""
        number, pages = self._asked, listed.pages or 0
        self._density = max(pages, 1) / max(now - self._plan.since, 1.0)
        is_last = number >= pages or not listed.rows or listed.page not in (None, number)
        pays = WORTH * pages < self._plan.due and number <= self._useful + _USELESS
        if pays and not is_last:
            self._ask_for_page(number + 1, now)
            self._account.place(self.page, now, now)
        else:
            self._finish(now)

    def _finish(self, now: float) -> None:
        """A scan is over: look again in a period."""
        self._took = now - self._begun_at
        self._cycle = max(self._cycle, self._took)
        self.covered = self._named
        if self._useful > self._asked:
            self._failures = 0
            self._look_at(max(self._begun_at + self._period, now + self._floor))
        else:
            self.failed(now)

    def failed(self, now: float) -> None:
        """A page did not come, or a scan was worth nothing: try again in a period, or when three did so much later."""
        self._failures += 1
        if self._failures < FAILURES:
            self._look_at(now + self._period)
        else:
            self._failures = self.covered = 0
            self._look_at(now + PAUSE * self._interval)

    def stop(self) -> None:
        """The provider does not give the list: never ask for it again."""
        self.stopped = True
        self.covered = 0
        self._account.withdraw(self.page)
