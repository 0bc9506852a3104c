"""One span for each task, and no secret in it."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.observers.helpers import ended, missed
from wanpoll import MissingExtra, Status
from wanpoll.observers import opentelemetry as tracing
from wanpoll.observers.opentelemetry import Tracing


@pytest.fixture
def exporter(monkeypatch):
    """What is exported by the tracers that are made during the test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def test_span(exporter):
    """The span lasts from tracking to end, and says which task ended how."""
    Tracing()(ended(waited=12.5))
    (span,) = exporter.get_finished_spans()

    assert span.name == "wanpoll.wait"
    assert dict(span.attributes) == {
        "wanpoll.provider": "dashscope",
        "wanpoll.task_id": "t-1",
        "wanpoll.status": "SUCCEEDED",
        "wanpoll.polls": 3,
    }
    assert span.end_time - span.start_time == 12_500_000_000
    assert "canary" not in span.to_json()


def test_one_span_for_each_task(exporter):
    """Polls and misses are no spans."""
    observe = Tracing()
    observe(missed())
    observe(ended(Status.FAILED))
    observe(missed())
    observe(ended(Status.EXPIRED))

    assert [span.attributes["wanpoll.status"] for span in exporter.get_finished_spans()] == ["FAILED", "EXPIRED"]


def test_without_the_package(monkeypatch):
    """Without opentelemetry-api, the error names the extra."""
    monkeypatch.setattr(tracing, "trace", None)

    with pytest.raises(MissingExtra, match=r"pip install 'wanpoll\[otel\]'"):
        Tracing()
