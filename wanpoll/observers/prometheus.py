"""Metrics for Prometheus (extra `prometheus`).

Labels are few: no task ids or messages, and the classes that the schedule of an account tells apart, 256 at the most;
those of a class that gave way to another are removed. The gauges of an account are as of its last answer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from wanpoll._core.events import AccountThrottled, Asked, ClassForgotten, ClassLearned, Event, PollMissed, TaskEnded
from wanpoll.exceptions import MissingExtra

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_QUANTILES = "0.1", "0.5", "0.9"


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
        self._lag = prometheus.Histogram(
            "wanpoll_detection_lag_seconds",
            "From the end at the provider to the answer that told it",
            ["provider"],
            registry=kept,
            buckets=(1, 2, 4, 8, 15, 30, 60, 120, 300),
        )
        of_class = ["provider", "class"]
        self._duration = prometheus.Gauge(
            "wanpoll_task_seconds", "Within which a part of the tasks ends", [*of_class, "quantile"], registry=kept
        )
        self._price = prometheus.Gauge(
            "wanpoll_request_price_seconds", "Lag that a request is worth", of_class, registry=kept
        )
        self._pressure = prometheus.Gauge(
            "wanpoll_quota_pressure", "How many times dearer the quota makes requests", ["provider"], registry=kept
        )
        self._saved = prometheus.Gauge(
            "wanpoll_requests_saved", "Requests fewer than at the advised interval", ["provider"], registry=kept
        )
        self._share = prometheus.Gauge("wanpoll_quota_share", "Part of the quota in use", ["provider"], registry=kept)

    def __call__(self, event: Event) -> None:
        """Count `event`."""
        if isinstance(event, Asked):
            self._requests.labels(event.provider, event.verdict).observe(event.seconds)
            self._share.labels(event.provider).set(event.share)
            self._stands(event)
        elif isinstance(event, PollMissed):
            kind = getattr(event.problem, "kind", "unreadable")
            self._missed.labels(event.task.provider, kind).inc()
        elif isinstance(event, TaskEnded):
            self._ended.labels(event.outcome.task.provider, event.outcome.status.value).inc()
            self._waited.labels(event.outcome.task.provider).observe(event.waited)
            if event.lag is not None:
                self._lag.labels(event.outcome.task.provider).observe(event.lag)
        elif isinstance(event, ClassLearned):
            self._learned(event)
            self._stands(event)
        elif isinstance(event, ClassForgotten):
            self._forgotten(event)
        elif isinstance(event, AccountThrottled):
            self._share.labels(event.provider).set(event.share)

    def _learned(self, event: ClassLearned) -> None:
        known, labels = event.known, (event.provider, event.kind)
        for quantile, seconds in zip(_QUANTILES, (known.p10, known.p50, known.p90), strict=True):
            self._duration.labels(*labels, quantile).set(seconds)
        self._price.labels(*labels).set(known.price)

    def _forgotten(self, event: ClassForgotten) -> None:
        with contextlib.suppress(KeyError):  # nothing was told of it, and the client library is an old one
            self._price.remove(event.provider, event.kind)
            for quantile in _QUANTILES:
                self._duration.remove(event.provider, event.kind, quantile)

    def _stands(self, event: Asked | ClassLearned) -> None:
        self._pressure.labels(event.provider).set(event.pressure)
        self._saved.labels(event.provider).set(event.saved)
