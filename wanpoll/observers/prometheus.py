"""Metrics for Prometheus (extra `prometheus`). Labels are few: no task ids, no messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wanpoll._core.events import AccountThrottled, Asked, Event, PollMissed, TaskEnded
from wanpoll.exceptions import MissingExtra

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Metrics:
    """An observer that counts requests, misses and ends in `registry` (the default one if None).

    Raises `MissingExtra`.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError:
            raise MissingExtra("Metrics needs prometheus-client: pip install 'wanpoll[prometheus]'") from None
        kept = prometheus.REGISTRY if registry is None else registry
        self._requests = prometheus.Histogram(
            "wanpoll_request_seconds", "Requests to providers", ["provider", "verdict"], registry=kept
        )
        self._missed = prometheus.Counter("wanpoll_polls_missed", "Failed polls", ["provider", "kind"], registry=kept)
        self._ended = prometheus.Counter("wanpoll_tasks_ended", "Ended tasks", ["provider", "status"], registry=kept)
        self._waited = prometheus.Histogram(
            "wanpoll_wait_seconds",
            "From tracking to end",
            ["provider"],
            registry=kept,
            buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600, 86_400),
        )
        self._share = prometheus.Gauge("wanpoll_quota_share", "Part of the quota in use", ["provider"], registry=kept)

    def __call__(self, event: Event) -> None:
        """Count `event`."""
        if isinstance(event, Asked):
            self._requests.labels(event.provider, event.verdict).observe(event.seconds)
        elif isinstance(event, PollMissed):
            kind = getattr(event.problem, "kind", "unreadable")
            self._missed.labels(event.task.provider, kind).inc()
        elif isinstance(event, TaskEnded):
            self._ended.labels(event.outcome.task.provider, event.outcome.status.value).inc()
            self._waited.labels(event.outcome.task.provider).observe(event.waited)
        elif isinstance(event, AccountThrottled):
            self._share.labels(event.provider).set(event.share)
