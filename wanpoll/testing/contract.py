"""One contract for all providers: wanpoll's own, yours, and those of packages.

Record some answers (a success, a task that runs, a failure, errors), say what they mean, and check:

    import pytest
    from wanpoll import Status
    from wanpoll.providers import NoSuchTask, Refused
    from wanpoll.testing import Sample, contract

    SAMPLES = [
        Sample({"id": "7", "state": "running"}, Status.RUNNING, task="7"),
        Sample({"id": "7", "state": "done", "url": "https://h/7.mp4"}, Status.SUCCEEDED, task="7"),
        Sample({"error": "not found"}, NoSuchTask, http=404, task="7"),
        Sample({"error": "bad key"}, Refused, http=401, task="7"),
    ]

    @pytest.mark.parametrize("check", contract(Mine("key"), SAMPLES), ids=str)
    def test_contract(check):
        check()

Each check is one truth, and its text says which. It needs no pytest: calling it raises `AssertionError` where the
provider breaks the contract. Nothing is asked of anybody, no clock is read, and what is drawn is drawn by seed.

* What the answer is about is `task`: its id, or a `Task` with the context that the provider needs.
* A provider with `max_batch` above 1 needs a `BatchSample`: an answer about several tasks, none of them twice, with
  what it means for each. `ID_PATHS` says where their ids stand.
* A success that needs a second request needs that one's answer, too: `Sample(..., rest={...})`.
  What it completes keeps what the first answer said: `usage`, times, and `raw`, to which keys may be added.
* Links are read at documented places only. Where none stands there, no other link of the answer is a result.
* Samples of one context belong together: with a success, give a task that runs.
* A body that is no JSON tells nothing of a task, whatever its HTTP status: 400, 404 and 410 come from gateways, too.
  "No such task" needs a document of the provider's own.
* Where an end needs no word at all (a flag and a link are enough, say), a sample without the word shows it.

The key of the provider is looked for in everything that people may read. One that is shorter than 16 characters is
replaced by another; where keys have a form of their own, give one that is longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from wanpoll.exceptions import UsageError
from wanpoll.providers.base import Provider
from wanpoll.testing import answers, batches, hostile, questions, rest
from wanpoll.testing.samples import BatchSample, Check, Sample, Subject


def contract(provider: Provider, samples: Iterable[Sample | BatchSample]) -> list[Check]:
    """The checks that `provider` must pass, by recorded `samples` of its answers. Raises `UsageError`."""
    if not isinstance(provider, Provider):
        raise UsageError(
            f"contract: {provider!r} is no provider; give an instance, as in contract(Mine('key'), samples)"
        )
    subject = Subject.of(provider, samples)
    return [Check(str(check.__doc__), partial(check, subject)) for check in _checks(provider)]


def _checks(provider: Provider) -> Iterable[Callable[[Subject], None]]:
    yield from (*questions.CHECKS, *answers.CHECKS, *hostile.CHECKS)
    if provider.max_batch > 1:
        yield from batches.CHECKS
    if type(provider).ask_rest is not Provider.ask_rest:
        yield from rest.CHECKS
    if provider.can_refresh:
        yield from rest.REFRESH_CHECKS
