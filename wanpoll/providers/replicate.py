"""Replicate: `GET {base}/predictions/{id}`. A worked example of a provider from data alone.

Sources: Replicate's "Predictions" (the prediction object), "Prediction lifecycle" (words), "Rate limits" (3000 a minute
for everything but creating) and "Data retention" (results of the API are removed after an hour).
"""

from __future__ import annotations

from typing import ClassVar

from wanpoll._core.model import Rate, Status
from wanpoll.providers.json_provider import JsonProvider, JsonRules
from wanpoll.providers.rules import MediaPath


class Replicate(JsonProvider):
    """One Replicate account. The key comes from `api_key` or REPLICATE_API_TOKEN.

    What a prediction gives depends on its model. A link, or a list of links, is a medium of kind "file"; for a model
    that answers with an object, or to have another kind, say where its links are:
    `Replicate(media=(MediaPath("output.video", "video"),))`.
    """

    NAME: ClassVar[str] = "replicate"
    BASE_URL: ClassVar[str] = "https://api.replicate.com/v1"
    KEY_VARIABLE: ClassVar[str] = "REPLICATE_API_TOKEN"
    QUOTA: ClassVar[Rate] = Rate(50, per=1.0)
    INTERVAL: ClassVar[float] = 5.0
    can_cancel: ClassVar[bool] = True
    NO_FRESH_LINKS: ClassVar[str] = (
        "the files themselves are removed an hour after the prediction ended; download them before"
    )
    RULES: ClassVar[JsonRules] = JsonRules(
        path="predictions/{id}",
        id="id",
        words={
            "starting": Status.PENDING,
            "processing": Status.RUNNING,
            "succeeded": Status.SUCCEEDED,
            "failed": Status.FAILED,
            "canceled": Status.CANCELED,
            "aborted": Status.CANCELED,  # its deadline passed before it could start
        },
        no_such_task=(404,),
        media=(MediaPath("output", "file"), MediaPath("output[]", "file")),
        failure=(None, "error"),
        error=("title", "detail"),
        times=("created_at", "started_at", "completed_at"),
        usage="metrics",
        kind="model",
        link_life=3600.0,
        cancel="predictions/{id}/cancel",
    )
