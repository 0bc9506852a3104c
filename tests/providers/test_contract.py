"""The contract of a provider: DashScope keeps it, and each part of it can be broken."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest

from tests.providers.helpers import TASK, output
from tests.providers.parcels import SAMPLES, Parcels
from tests.providers.test_dashscope import EDIT, LOST, URL, VIDEO
from tests.providers.wrong import WRONG
from wanpoll import Status, UsageError
from wanpoll.providers import DashScope, Missed, NoSuchTask, Refused, Rejected
from wanpoll.testing import Sample, answers, contract
from wanpoll.testing.samples import Subject

DASHSCOPE = [
    Sample(VIDEO, Status.SUCCEEDED, task=TASK, media=("https://dashscope-a717.oss-accelerate.example/xxx.mp4?xxxx",)),
    Sample(EDIT, Status.SUCCEEDED, task=TASK),
    Sample(output("SUCCEEDED", results=[{"url": URL}, LOST]), Status.SUCCEEDED, task=TASK, media=(URL,)),
    Sample(
        output("SUCCEEDED", choices=[{"message": {"content": [{"text": "t"}, {"image": URL}]}}]),
        Status.SUCCEEDED,
        task=TASK,
        media=(URL,),
    ),
    Sample(output("RUNNING", task_metrics={"TOTAL": 4, "SUCCEEDED": 1, "FAILED": 0}), Status.RUNNING, task=TASK),
    Sample(output("PENDING", submit_time="2026-03-01 17:38:24.817"), Status.PENDING, task=TASK),
    Sample(output("FAILED", code="C", message="m"), Status.FAILED, task=TASK, failure="C"),
    Sample(output("FAILED") | {"code": "D", "message": "n"}, Status.FAILED, task=TASK, failure="D"),
    Sample(output("CANCELED"), Status.CANCELED, task=TASK),
    Sample(output("UNKNOWN"), NoSuchTask, task=TASK),
    Sample(output("BLOCKED"), None, task=TASK),
    Sample({"code": "InvalidApiKey", "message": "m"}, Refused, http=401, task=TASK, failure="InvalidApiKey"),
    Sample({"code": "InvalidParameter", "message": "m"}, Rejected, http=400, task=TASK, failure="InvalidParameter"),
    Sample({"code": "Throttling", "message": "m"}, Missed, http=429, task=TASK),
    Sample(b"<html>", Missed, http=502, task=TASK),
]


@pytest.mark.parametrize("check", contract(DashScope("key"), DASHSCOPE), ids=str)
def test_dashscope(check):
    """DashScope keeps the contract."""
    check()


@pytest.mark.parametrize("check", contract(Parcels(), SAMPLES), ids=str)
def test_a_provider_with_everything(check):
    """So does a provider that is asked by POST, in batches, with context, second requests and fresh links."""
    check()


@pytest.mark.parametrize("check", WRONG, ids=lambda check: check.__name__)
def test_a_wrong_provider(check):
    """Each check fails for a provider that breaks what it says, and says so itself."""
    provider = WRONG[check]
    samples = DASHSCOPE if isinstance(provider, DashScope) else SAMPLES
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


def test_what_is_no_provider():
    """A class, given by mistake for an instance, is named."""
    with pytest.raises(UsageError, match="is no provider; give an instance"):
        contract(DashScope, DASHSCOPE)


def test_a_key_of_its_own_form():
    """A key that is long enough to be looked for is used as it is."""
    key = "a-key-with-a-form-0123456789"

    assert Subject.of(DashScope(key), []).key == key
    assert Subject.of(DashScope("short"), []).key != "short"


def test_the_contract_needs_no_pytest():
    """It runs where neither pytest nor hypothesis is installed."""
    code = "import sys; import wanpoll.testing; sys.exit(bool({'pytest', 'hypothesis', '_pytest'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
