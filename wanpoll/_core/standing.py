"""How an account stands with its provider: answered, asking too often, or refused."""

from __future__ import annotations

from wanpoll._core import events as ev
from wanpoll._core.account import Account
from wanpoll._core.entries import Ticket
from wanpoll._core.ledger import Ledger
from wanpoll._core.model import Failure
from wanpoll._core.readings import Answer, Broken, CallReading, Missed, Refused, Rejected
from wanpoll.exceptions import ProviderRefused

_SPENT_PATIENCE = 20.0  # intervals of nothing but "maybe spent" until the account counts as refused
_MOST_WORDS = 100
_MOST_WORD = 80


class Standing:
    """Reads answers into the state of accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def hear(self, ticket: Ticket, reading: CallReading, now: float) -> CallReading:
        """Take note of what the answer means for the account; the reading, which may have become a refusal."""
        account = ticket.account
        if isinstance(reading, Answer | Rejected):
            account.refused = account.spent_since = None
            account.failures = 0
            if isinstance(reading, Answer) or len(ticket.jobs) == 1:
                account.batching.answered(ticket)
        elif isinstance(reading, Missed):
            self._missed(ticket, reading, now)
            if reading.spent is not None and self._believed_spent(account, now):
                reading = Refused(reading.spent.code, reading.spent.message)
        if isinstance(reading, Refused):
            self._refused(ticket, reading, now)
        return reading

    def _missed(self, ticket: Ticket, reading: Missed, now: float) -> None:
        ticket.account.failures += 1
        self.slow_down(ticket, reading, now)

    def slow_down(self, ticket: Ticket, reading: Missed, now: float) -> None:
        """Ask the account less often, if that is what the answer says."""
        account = ticket.account
        if not reading.throttled and reading.retry_after is None:
            return
        if account.budget.throttle(now, ticket.taken_at, reading.retry_after):
            self.ledger.say(account, ev.AccountThrottled(account.name, account.budget.share(now)))
        account.reckon(now)

    def no_list(self, ticket: Ticket, reading: CallReading, now: float) -> None:
        """A page of the list of tasks did not come. Whatever the reason, the account is not refused for it."""
        account = ticket.account
        if account.scan is None:
            return
        if isinstance(reading, Missed):
            self.ledger.count(reading.problem)
            self.slow_down(ticket, reading, now)
            account.scan.failed(now)
        else:
            account.scan.stop()
            self.ledger.say(account, ev.ScanStopped(account.name, _reason(reading)))

    def _believed_spent(self, account: Account, now: float) -> bool:
        if account.spent_since is None:
            account.spent_since = now
        if now - account.spent_since < _SPENT_PATIENCE * account.cadence.interval:
            return False
        account.spent_since = None
        return True

    def _refused(self, ticket: Ticket, reading: Refused, now: float) -> None:
        account = ticket.account
        self.ledger.problems["refused"] += 1
        if ticket.era != account.era:
            return  # asked before the refusal that is known already
        error = ProviderRefused(account.name, reading.code, reading.message)
        account.refuse(error, now)
        self.ledger.say(account, ev.AccountRefused(account.name, error))

    def unknown_word(self, account: Account, word: str) -> None:
        """Say once that a status word is not understood."""
        word = word[:_MOST_WORD]
        if word not in account.words and len(account.words) < _MOST_WORDS:
            account.words.add(word)
            self.ledger.say(account, ev.UnknownWord(account.name, word))


def _reason(reading: CallReading) -> Failure:
    if isinstance(reading, Rejected):
        return reading.failure
    if isinstance(reading, Refused):
        return Failure(reading.code, reading.message)
    return Failure("no list", str(reading.error) if isinstance(reading, Broken) else "the answer is no page")
