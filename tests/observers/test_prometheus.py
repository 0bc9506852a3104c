"""Counters and gauges with few labels."""

from __future__ import annotations

import sys

import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry, generate_latest

from tests.observers.helpers import TASK, ended, missed
from wanpoll import DecodeError, MissingExtra, Status
from wanpoll._core.model import ClassStatistics
from wanpoll.observers import AccountThrottled, Asked, ClassLearned, PollMissed, UnknownWord
from wanpoll.observers.prometheus import Metrics


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
