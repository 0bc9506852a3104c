"""Every decision of wanpoll, for any number of accounts, behind one face.

The edge calls `take_due(now)` and asks the tickets it gets, ends the questions named by `take_overdue()`, tells each
answer by `observe(ticket, reading, now)`, passes on `take_events()`, and comes back at `next_at()`.
"""

from __future__ import annotations

from wanpoll._core.account import FIXED, Account
from wanpoll._core.entries import Call, Entry, Purpose, Ticket
from wanpoll._core.events import ClassForgotten, Event
from wanpoll._core.judge import Judge
from wanpoll._core.ledger import Ledger
from wanpoll._core.model import Outcome, Rate, Statistics, Task
from wanpoll._core.readings import Answer, Listed, Missed, Reading
from wanpoll._core.schedule import RESOLUTION, Schedule
from wanpoll.exceptions import TransportError

STALL = 1.0
"""Seconds. Being woken later than this is a stall of our own, which is not counted as the server's time."""

LAST_POLL_PATIENCE = 240.0
"""Intervals (an hour, at 15 s) for which the last poll of an expiring task may wait for its turn in the quota."""


class Machine:
    """Tracks tasks, says whom to ask when, and reads answers into their ends."""

    def __init__(self, *, unknown_grace: float = 30.0) -> None:
        self.accounts: dict[str, Account] = {}
        self._agenda: Schedule[Account] = Schedule()
        self._touched: dict[Account, float] = {}  # accounts whose time in the agenda may be stale, and since when
        self._ledger = Ledger()
        self._judge = Judge(self._ledger, unknown_grace)
        self._promised: float | None = None  # what `next_at` said last
        self._overdue: list[Ticket] = []

    # -- what users ask for ------------------------------------------------------------------------------------

    def begin(self, epoch: float) -> None:
        """From now on time passes; `epoch` is the Unix time at which `now` is 0, by which answers tell when."""
        self._judge.epoch = epoch
        for account in self.accounts.values():
            account.begin_at(epoch)

    def add_account(
        self,
        name: str,
        *,
        quota: Rate,
        interval: float,
        schedule: str = FIXED,
        max_in_flight: int = 100,
        max_batch: int = 1,
        poll_timeout: float = 10.0,
        remember: int = 10_000,
        scan: bool = False,
    ) -> None:
        """Serve the account `name`: at most `quota`, one task every `interval` seconds, `max_in_flight` at once.

        `schedule` is "fixed", or "economy" or "fast" for one that learns when answers are likely.

        A question names up to `max_batch` tasks, and is given up after `poll_timeout` seconds. The last `remember`
        outcomes are kept. With `scan` the list of the account's tasks is asked which have ended, where that is cheaper.
        """
        account = self.accounts[name] = Account(
            name,
            quota=quota,
            interval=interval,
            schedule=schedule,
            max_in_flight=max_in_flight,
            max_batch=max_batch,
            poll_timeout=poll_timeout,
            remember=remember,
            scan=scan,
        )
        account.begin_at(self._judge.epoch)

    def track(
        self, name: str, task: Task, now: float, *, expires_in: float, age: float | None = None
    ) -> Entry | Outcome:
        """Follow `task`; its outcome, if it is known to have ended. `age` is the seconds since its submission.

        A task that is followed already keeps its place; `expires_in` can only give it more time.
        """
        account = self.accounts[name]
        if (outcome := account.ended.get(task.id)) is not None:
            return outcome
        entry = account.tasks.get(task.id)
        if entry is None:
            entry = account.tasks[task.id] = Entry(account, task, now, now + expires_in)
            self._ledger.by_status[entry.status] += 1
            account.begin(entry, age, now)
        else:
            _extend(entry, entry.tracked_at + expires_in)
        if account.refused is not None or entry.parked:
            _hurry(entry, now)
        self._touch(account, now)
        return entry

    def find(self, name: str, task_id: str) -> Entry | Outcome | None:
        """What is followed or remembered under that id."""
        account = self.accounts[name]
        return account.tasks.get(task_id) or account.ended.get(task_id)

    def forget(self, name: str, task_id: str, now: float) -> Entry | Outcome | None:
        """Stop following a task and drop its outcome; what there was to drop."""
        account = self.accounts[name]
        entry = account.tasks.get(task_id)
        if entry is None:
            return account.ended.pop(task_id, None)
        self._ledger.by_status[entry.status] -= 1
        self._judge.detach(entry)
        if entry.ticket is not None:
            account.ghosts[task_id] = entry.ticket  # its request is out, and keeps its place in the quota
        account.reckon(now)
        self._touch(account, now)
        return entry

    def nudge(self, name: str, task_id: str, now: float) -> bool:
        """Something says that the task changed: ask about it next. False when it is not followed."""
        account = self.accounts[name]
        entry = account.tasks.get(task_id)
        if entry is None:
            return False
        _hurry(entry, now)
        self._touch(account, now)
        return True

    def call(self, name: str, task: Task, purpose: Purpose, now: float, outcome: Outcome | None = None) -> Call:
        """Ask the provider to cancel `task`, or for fresh links to its `outcome`; `CallEnded` tells how that went."""
        account = self.accounts[name]
        call = Call(account, task, purpose, outcome)
        account.place(call, now, now)
        self._touch(account, now)
        return call

    def withdraw(self, call: Call, now: float) -> None:
        """Nobody waits for `call` any more: take it back, if it was not sent yet."""
        if call.ticket is None:
            call.account.withdraw(call)
            self._touch(call.account, now)

    def statistics(self, now: float) -> Statistics:
        """Everything at one moment."""
        return self._ledger.statistics(self.accounts.values(), now)

    def open_tasks(self) -> tuple[Task, ...]:
        """The tasks that have not ended."""
        return tuple(entry.task for account in self.accounts.values() for entry in account.tasks.values())

    # -- what the edge does ------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When to call `take_due` again; None when nothing is to come."""
        for account, now in self._touched.items():
            at = account.next_at(now)
            if at is None:
                self._agenda.remove(account)
            else:
                self._agenda.set(account, at)
        self._touched.clear()
        self._promised = self._agenda.next_at()
        return self._promised

    def take_due(self, now: float) -> list[Ticket]:
        """The questions to ask now: for what is due, as far as quota and capacity go."""
        self._note_stall(now)
        tickets: list[Ticket] = []
        for account in self._awake(now):
            self._give_up_overdue(account, now)
            for entry in account.promote(now):
                self._deadline(entry, now)
            while (ticket := account.take(now)) is not None:
                tickets.append(ticket)
            self._touch(account, now)
        return tickets

    def take_overdue(self) -> list[Ticket]:
        """Questions that are to be ended: no answer came in time."""
        taken, self._overdue = self._overdue, []
        return taken

    def observe(self, ticket: Ticket, reading: Reading | Listed, now: float) -> None:
        """Take note of what the answer to `ticket` means; too late an answer is nothing."""
        if not ticket.account.close(ticket, now):
            return
        self._judge.judge(ticket, reading, now)
        if isinstance(reading, Answer) and ticket.purpose is Purpose.CANCEL:
            self._called_off(ticket, now)
        self._tell_forgotten(ticket.account)
        self._touch(ticket.account, now)

    def take_events(self) -> list[tuple[Entry | Call | Account, Event]]:
        """What happened since the last call, with whom it concerns."""
        return self._ledger.take_events()

    # -- time --------------------------------------------------------------------------------------------------

    def _touch(self, account: Account, now: float) -> None:
        """Something changed at `account`. When it wants to be woken is reckoned when somebody asks."""
        self._touched[account] = now

    def _awake(self, now: float) -> list[Account]:
        """The accounts where something changed, and those that are due."""
        for account in self._agenda.pop_due(now, len(self.accounts)):
            self._touched[account] = now
        return list(self._touched)

    def _deadline(self, entry: Entry, now: float) -> None:
        """The entry's time is over: one last poll, if the account may ask and its turn comes soon enough."""
        patience = LAST_POLL_PATIENCE * entry.account.cadence.interval
        if entry.account.refused is not None or now + RESOLUTION >= entry.expires_at + patience:
            self._judge.expire(entry, now)
            return
        entry.urgent = True
        entry.due_at = entry.expires_at
        if entry.ticket is not None:  # that of a forgotten namesake
            entry.account.schedule.set(entry, entry.expires_at + patience)
        else:
            entry.account.enqueue(entry, entry.expires_at + patience)

    def _tell_forgotten(self, account: Account) -> None:
        for kind in account.learned.take_forgotten() if account.learned is not None else ():
            self._ledger.say(account, ClassForgotten(account.name, kind))

    def _called_off(self, ticket: Ticket, now: float) -> None:
        """The provider has agreed to cancel a task: see what becomes of it."""
        task_id = ticket.tasks[0].id
        entry = ticket.account.tasks.get(task_id)
        if entry is not None:
            entry.called_off = True
            self.nudge(ticket.account.name, task_id, now)

    def _note_stall(self, now: float) -> None:
        """Give the questions under way the time that a stall of our own loop took from them."""
        promised = self._promised
        if promised is None or now <= promised + STALL:
            return
        for account in self.accounts.values():
            for ticket in account.in_flight:
                ticket.deadline += now - promised + STALL
            if account.learned is not None:
                account.learned.saved.sleep(promised, now)
            self._touch(account, now)

    def _give_up_overdue(self, account: Account, now: float) -> None:
        for ticket in account.overdue(now):
            detail = f"no answer in {account.poll_timeout:g} s"
            self.observe(ticket, Missed(TransportError(account.name, "timeout", detail=detail)), now)
            self._overdue.append(ticket)


def _hurry(entry: Entry, now: float) -> None:
    """Ask about the entry as soon as the floor between two questions and the quota permit."""
    entry.urgent = entry.nudged = True
    entry.parked = False
    if entry.ticket is None:
        asked_last = now if entry.answered_at is None else entry.answered_at + entry.account.cadence.floor
        entry.account.place(entry, max(now, asked_last), now)


def _extend(entry: Entry, expires_at: float) -> None:
    if expires_at <= entry.expires_at:
        return
    entry.expires_at = expires_at
    if entry.slot is not None:
        waits = entry.queue is not None or entry.parked or entry.ticket is not None  # that of a forgotten namesake
        entry.account.schedule.set(entry, expires_at if waits else min(entry.due_at, expires_at))
