"""The contract of a provider: all of them keep it, and each part of it can be broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest

from tests.providers.parcels import SAMPLES, Parcels
from tests.providers.recorded import acedata, anyfast, ark, dashscope, json_provider, minimax, replicate, vapi
from tests.providers.recorded.acedata import CODED, finished, record
from tests.providers.wrong import WRONG
from wanpoll import NotSupported, Outcome, Status, UsageError
from wanpoll.providers import AceData, Answer, AnyFast, Ark, DashScope, MiniMax, NoSuchTask, Provider, Replicate, VApi
from wanpoll.testing import BatchSample, Sample, answers, contract, hostile, rest
from wanpoll.testing.mutations import unfinished
from wanpoll.testing.samples import Subject

ACCOUNTS: dict[str, tuple[Provider, Sequence[Sample | BatchSample]]] = {
    "DashScope": (DashScope("key"), dashscope.SAMPLES),
    "AceData wan": (AceData("key"), acedata.WAN),
    "AceData suno": (AceData("key", service="suno"), acedata.SIBLINGS),
    "AnyFast": (AnyFast("key"), anyfast.SAMPLES),
    "VApi by keys": (VApi("key"), vapi.TOLD_APART),
    "VApi by context": (VApi("key"), vapi.BY_CONTEXT),
    "MiniMax": (MiniMax("key"), minimax.SAMPLES),
    "Replicate": (Replicate("key"), replicate.SAMPLES),
    "Ark": (Ark("key"), ark.SAMPLES),
    "JsonProvider": (json_provider.acme(), json_provider.SAMPLES),
    "Parcels": (Parcels(), SAMPLES),
}
"""The last one is made up, and has everything: questions by POST, batches, context, second requests, fresh links."""


def checks() -> Iterator[Any]:
    """Each check of each account, under its name."""
    for name, (provider, samples) in ACCOUNTS.items():
        for check in contract(provider, samples):
            yield pytest.param(check, id=f"{name}: {check}")


@pytest.mark.parametrize("check", [*checks()])
def test_providers(check):
    """Each provider keeps each part of the contract."""
    check()


@pytest.mark.parametrize("check", WRONG, ids=lambda check: check.__name__)
def test_a_wrong_provider(check):
    """Each check fails for a provider that breaks what it says, and says so itself."""
    provider = WRONG[check]
    samples = dashscope.SAMPLES if isinstance(provider, DashScope) else SAMPLES
    (mine,) = [each for each in contract(provider, samples) if str(each) == check.__doc__]

    with pytest.raises(AssertionError) as caught:
        mine()
    assert str(caught.value)


def test_too_few_samples():
    """A contract without a success or without a task that runs is not kept."""
    checks = {str(each): each for each in contract(DashScope("key"), [])}

    with pytest.raises(AssertionError, match="give a Sample of a task that succeeded"):
        checks["The samples show a success, and a task that has not ended"]()
    lonely = {str(each): each for each in contract(Parcels(), [each for each in SAMPLES if isinstance(each, Sample)])}
    with pytest.raises(AssertionError, match="give a BatchSample"):
        lonely["Each sample of a batch reads as it says"]()
    lonely = {str(each): each for each in contract(Parcels(), [attrs.evolve(SAMPLES[0], rest=None)])}
    with pytest.raises(AssertionError, match="give its answer as rest="):
        lonely["A second request completes the result that was seen"]()


def test_every_check_can_fail():
    """There is a wrong provider for each check, and no two checks say the same."""
    checks = [str(each) for each in contract(Parcels(), SAMPLES)]

    assert len(set(checks)) == len(checks)
    assert set(checks) - {check.__doc__ for check in WRONG} == {answers.show_enough.__doc__}


def run(provider: Provider, samples: Sequence[Sample | BatchSample], check: Callable[[Subject], None]) -> None:
    """Run one check, which must be in the contract."""
    (mine,) = [each for each in contract(provider, samples) if str(each) == check.__doc__]
    mine()


def test_an_empty_answer_is_said_by_having_no_keys():
    """Where an empty object is "no such task", it is not asked what it would mean with keys in it."""
    samples = [each for each in acedata.WAN if isinstance(each, Sample) and each.means is NoSuchTask]

    assert [each.document for each in samples] == [{}]
    run(AceData("key"), samples, answers.ignore_more_keys)


def test_a_word_that_is_not_needed():
    """A word may be absent where another sample of the same end has none; a wrong word still ends nothing."""
    with_word, without_word = acedata.WAN[:2]
    stamped = Sample(finished({"state": "processing", "success": True}), Status.RUNNING, task=acedata.TASK)

    run(AceData("key"), [with_word, without_word, stamped], hostile.nearly_the_word_is_no_end)
    with pytest.raises(AssertionError, match="in place of 'completed'"):
        run(AceData("key"), [with_word, stamped], hostile.nearly_the_word_is_no_end)


def test_the_code_of_a_failure_is_any_text():
    """A failure that is told by having a code has no word to come near to; where the code is no text, nothing ends."""
    failed = Sample(record({"success": False, "error": CODED}), Status.FAILED, task=acedata.TASK)
    submitted = Sample(record({"success": True, "task_id": acedata.TASK.id}), Status.RUNNING, task=acedata.TASK)

    run(AceData("key"), [failed, submitted], hostile.nearly_the_word_is_no_end)


def test_what_is_unfinished_keeps_its_parts():
    """Of an answer that goes on, no part is lost when the links of a shorter one are put into it."""
    done = {"data": [{"state": "done", "url": "https://h.example/1"}], "id": "7"}
    going_on = {"data": [{"state": "done"}, {"state": "running"}], "id": "8"}
    expected = {"data": [{"state": "done", "url": "https://h.example/1"}, {"state": "running"}], "id": "7"}

    assert expected == unfinished(done, going_on, "7")


def test_results_without_a_question_for_fresh_links():
    """Where a result holds nothing to ask by, no answer is read: Jimeng's links cannot be asked for again."""
    (done,) = [each for each in vapi.TOLD_APART if each.document is vapi.JIMENG]

    with pytest.raises(NotSupported):
        VApi("key").bind({}).ask_refresh(Outcome(vapi.TASK, Status.SUCCEEDED))
    run(VApi("key"), [done], rest.fresh_links_are_the_answers_own)


class Opened(Parcels):
    """Keeps the second document, too: `kept(first, second)` is what becomes of the two."""

    kept = staticmethod(lambda first, second: {**first, "opened": second})

    def decode_rest(self, task: Any, seen: Any, reply: Any) -> Any:
        (part,) = super().decode_rest(task, seen, reply).observations
        return Answer((attrs.evolve(part, raw=self.kept(seen.raw, self.document(reply))),))


def test_the_document_of_a_second_answer_may_be_added():
    """Where the result stands in the second answer only, users find it in `raw`, beside what the first one said."""
    replacing = type("Replacing", (Opened,), {"kept": staticmethod(lambda first, second: second)})

    for check in contract(Opened(), SAMPLES):
        check()
    with pytest.raises(AssertionError, match="keep raw, or add to it"):
        run(replacing(), SAMPLES, rest.completes_the_result)


def test_what_is_no_provider():
    """A class, given by mistake for an instance, is named."""
    with pytest.raises(UsageError, match="is no provider; give an instance"):
        contract(DashScope, dashscope.SAMPLES)


def test_a_key_of_its_own_form():
    """A key that is long enough to be looked for is used as it is."""
    key = "a-key-with-a-form-0123456789"

    assert Subject.of(DashScope(key), []).key == key
    assert Subject.of(DashScope("short"), []).key != "short"


def test_the_contract_needs_no_pytest():
    """It runs where neither pytest nor hypothesis is installed."""
    code = "import sys; import wanpoll.testing; sys.exit(bool({'pytest', 'hypothesis', '_pytest'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
