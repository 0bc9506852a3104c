"""Counters and gauges with few labels."""

from __future__ import annotations

import asyncio
import sys

import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry, generate_latest

from tests.clouds import Cloud
from tests.core.harness import DAY, NAME, Bench, seen
from tests.observers.helpers import TASK, ended, missed
from wanpoll import DecodeError, MissingExtra, Rate, Status, Task
from wanpoll._core import learned
from wanpoll._core.model import ClassStatistics
from wanpoll.observers import AccountThrottled, Asked, ClassForgotten, ClassLearned, PollMissed, UnknownWord
from wanpoll.observers.prometheus import Metrics
from wanpoll.testing import reply, run_virtually


def observed(*events: object) -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for event in events:
        metrics(event)
    return registry


def test_requests():
    """Requests are counted and timed by what their answers meant."""
    registry = observed(
        Asked("dashscope", 1, 0.2, "answer"), Asked("dashscope", 1, 0.3, "answer"), Asked("dashscope", 1, 9.0, "missed")
    )
    labels = {"provider": "dashscope", "verdict": "answer"}

    assert registry.get_sample_value("wanpoll_request_seconds_count", labels) == 2
    assert registry.get_sample_value("wanpoll_request_seconds_sum", labels) == pytest.approx(0.5)
    assert registry.get_sample_value("wanpoll_request_seconds_count", {**labels, "verdict": "missed"}) == 1


def test_misses():
    """Misses are counted by kind."""
    registry = observed(missed(), missed(), PollMissed(TASK, DecodeError("dashscope", "output", "x"), 1))

    def count(kind: str) -> float | None:
        return registry.get_sample_value("wanpoll_polls_missed_total", {"provider": "dashscope", "kind": kind})

    assert (count("timeout"), count("unreadable"), count("connect")) == (2, 1, None)


def test_ends():
    """Ends are counted by status, and timed."""
    registry = observed(ended(waited=2.0), ended(waited=100.0), ended(Status.FAILED, waited=1.0))

    def count(status: str) -> float | None:
        return registry.get_sample_value("wanpoll_tasks_ended_total", {"provider": "dashscope", "status": status})

    assert (count("SUCCEEDED"), count("FAILED")) == (2, 1)
    assert registry.get_sample_value("wanpoll_wait_seconds_sum", {"provider": "dashscope"}) == 103.0
    assert registry.get_sample_value("wanpoll_wait_seconds_bucket", {"provider": "dashscope", "le": "60.0"}) == 2


def test_quota():
    """The part of the quota in use is shown."""
    registry = observed(AccountThrottled("dashscope", 0.5), AccountThrottled("dashscope", 0.25))

    assert registry.get_sample_value("wanpoll_quota_share", {"provider": "dashscope"}) == 0.25


def test_an_account_as_of_its_last_answer():
    """The share of the quota recovers, pressure and savings go on, though no class is estimated anew."""
    known = ClassStatistics(300, 80.0, 120.0, 180.0, 5.5)
    registry = observed(
        ClassLearned("dashscope", "wan", known, 2.5, 70),
        AccountThrottled("dashscope", 0.5),
        Asked("dashscope", 1, 0.2, "answer", share=1.0, pressure=1.25, saved=90),
    )
    labels = {"provider": "dashscope"}

    assert registry.get_sample_value("wanpoll_quota_share", labels) == 1.0
    assert registry.get_sample_value("wanpoll_quota_pressure", labels) == 1.25
    assert registry.get_sample_value("wanpoll_requests_saved", labels) == 90


def test_a_share_that_recovers():
    """The poller tells it with each answer: half of the quota after a 429, and all of it when it is used again."""
    registry = CollectorRegistry()
    shares = []
    cloud = Cloud(runs=400.0)

    def share(event: object) -> None:
        if isinstance(event, Asked):
            shares.append(event.share)

    async def main() -> None:
        cloud.trouble["a"] = lambda: reply({"code": "Throttling", "message": "m"}, 429)
        async with cloud.poller(quota=Rate(10), observer=[Metrics(registry), share]) as poller:
            await poller.track("a")
            await asyncio.sleep(1.0)
            cloud.trouble.clear()
            await poller.wait_for("a")

    run_virtually(main())

    assert shares[0] == 0.5
    assert shares[-1] == 1.0
    assert registry.get_sample_value("wanpoll_quota_share", {"provider": "dashscope"}) == 1.0


def kinds(registry: CollectorRegistry, metric: str) -> set[str]:
    """The classes that a metric tells of."""
    return {
        sample.labels["class"] for family in registry.collect() if family.name == metric for sample in family.samples
    }


def test_classes_that_give_way_are_removed(monkeypatch):
    """Generations of kinds leave no more series than there are classes."""
    monkeypatch.setattr(learned, "MOST_CLASSES", 8)
    monkeypatch.setattr(learned, "_IDLE", 16)
    registry, bench = CollectorRegistry(), Bench(schedule="economy")
    metrics = Metrics(registry)
    for generation in range(5):
        for number in range(60):
            kind = f"{generation}-{number % 6}"
            task = Task(f"{kind}-{number}", NAME, kind=kind)
            bench.machine.track(NAME, task, bench.now, expires_in=DAY, age=0.0)
            bench.poll(seen(task.id, Status.SUCCEEDED))
    for event in bench.events:
        metrics(event)
    known = set(bench.machine.statistics(bench.now).accounts[NAME].classes)

    assert len(bench.told(ClassForgotten)) > 8
    assert kinds(registry, "wanpoll_request_price_seconds") == kinds(registry, "wanpoll_task_seconds") == known
    assert len(known) <= 8


def test_a_class_that_was_not_told_of_can_be_forgotten():
    """It never had a series."""
    registry = observed(ClassForgotten("dashscope", "wan"))

    assert kinds(registry, "wanpoll_request_price_seconds") == set()


def test_what_was_learned():
    """Quantiles and price by class, pressure and savings by account, and how late ends are known."""
    known = ClassStatistics(300, 80.0, 120.0, 180.0, 5.5)
    registry = observed(
        ClassLearned("dashscope", "wan", known, 2.5, 70),
        evolve(ended(), lag=3.0),
        evolve(ended(), lag=9.0),
        ended(),
    )
    of_class = {"provider": "dashscope", "class": "wan"}
    median = registry.get_sample_value("wanpoll_task_seconds", {**of_class, "quantile": "0.5"})

    assert median == 120.0
    assert registry.get_sample_value("wanpoll_request_price_seconds", of_class) == 5.5
    assert registry.get_sample_value("wanpoll_quota_pressure", {"provider": "dashscope"}) == 2.5
    assert registry.get_sample_value("wanpoll_requests_saved", {"provider": "dashscope"}) == 70
    assert registry.get_sample_value("wanpoll_detection_lag_seconds_sum", {"provider": "dashscope"}) == 12.0
    assert registry.get_sample_value("wanpoll_detection_lag_seconds_count", {"provider": "dashscope"}) == 2


def test_labels_are_few():
    """No task id, no link and no word of the provider becomes a label."""
    exposition = generate_latest(observed(ended(), missed(), UnknownWord("dashscope", "canary-word"))).decode()

    for secret in ("t-1", "canary", "h.example"):
        assert secret not in exposition


def test_without_the_package(monkeypatch):
    """Without prometheus-client, the error names the extra."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(MissingExtra, match=r"pip install 'wanpoll\[prometheus\]'") as caught:
        Metrics()
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
