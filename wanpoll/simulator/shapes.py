"""The shapes of DashScope's results: where each family of models puts its media.

The paths are those of DashScope's model documentation. The links look signed and lead to a reserved host, so that
no client reaches anything by following one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from wanpoll.simulator.world import SimulatedTask

MEDIA_HOST = "dashscope-result.oss.example"
MEDIA_LIFETIME = 86_400.0
"""Provider seconds that a link lives: 24 hours, says DashScope's task documentation."""

LOST = {"code": "InternalError.Timeout", "message": "An internal timeout error has occurred during execution."}
"""What stands in the place of a picture that failed by itself."""

Link = Callable[[int, str], str]
"""The link to the n-th result of a task, with a file name extension."""

Fragment = Callable[[SimulatedTask, Link], dict[str, Any]]


@frozen
class Shape:
    """One way to tell a result. `model` is a model that answers so, `pictures` how many results it makes."""

    model: str
    output: Fragment
    usage: Mapping[str, Any]
    pictures: int = 1


def signed_by_expiry(task_id: str, expires: datetime, mark: str = "") -> Link:
    """Links in the older style of object storage: `Expires` in Unix seconds, a signature that needs its escapes.

    Links with another `mark` have another signature, for files that are signed anew each time.
    """
    signature = f"{mark or task_id[:8]}%2Fa%2Bb%3D"
    query = f"Expires={math.ceil(expires.timestamp())}&OSSAccessKeyId=simulated&Signature={signature}"
    return lambda index, extension: f"http://{MEDIA_HOST}/1d/{task_id}-{index}.{extension}?{query}"


def signed_by_date(task_id: str, ended: datetime, seconds: float) -> Link:
    """Links in the newer style of object storage: a date and the seconds that follow it."""
    credential = f"simulated%2F{ended:%Y%m%d}%2Fcn-beijing%2Foss%2Faliyun_v4_request"
    query = (
        f"x-oss-date={ended:%Y%m%dT%H%M%SZ}&x-oss-expires={math.ceil(seconds)}"
        f"&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential={credential}&x-oss-signature={task_id[:8]}"
    )
    return lambda index, extension: f"https://{MEDIA_HOST}/1d/{task_id}-{index}.{extension}?{query}"


def shape_for(service: str, model: str) -> str:
    """The name of the shape that `model` answers with when it is called through `service`, an URL path."""
    called = f"{service} {model}".lower()
    return next((shape for mark, shape in _MARKS if mark in called), "video")


# In order: what the model says goes before what the service says.
_MARKS = (
    ("s2v", "results_video"),
    ("animate-", "results_video"),
    ("liveportrait", "results_video"),
    ("template-gen", "template"),
    ("video-style-transform", "output_video"),
    ("out-painting", "output_image"),
    ("erase", "output_image"),
    ("aitryon", "image"),
    ("image-translation", "image"),
    ("qwen-mt-image", "image"),
    ("filetrans", "transcription"),
    ("asr/transcription", "transcriptions"),
    ("image-generation/", "choices"),
    ("text2image", "images"),
    ("image2image", "images"),
)


def _at(*path: str, extension: str) -> Fragment:
    """A single link at `path`."""

    def fragment(_: SimulatedTask, link: Link) -> dict[str, Any]:
        found: Any = link(0, extension)
        for name in reversed(path):
            found = {name: found}
        return dict(found)

    return fragment


def _images(task: SimulatedTask, link: Link) -> dict[str, Any]:
    """Failed siblings carry a code and a message instead of a link, at any position."""
    pictures = range(task.pictures)
    results = [
        LOST if index in task.lost else {"orig_prompt": "a lake", "url": link(index, "png")} for index in pictures
    ]
    lost = len(task.lost)
    metrics = {"TOTAL": task.pictures, "SUCCEEDED": task.pictures - lost, "FAILED": lost}
    return {"results": results, "task_metrics": metrics}


def _choices(task: SimulatedTask, link: Link) -> dict[str, Any]:
    """Text stands between the pictures, lost pictures are left out."""
    kept = [index for index in range(task.pictures) if index not in task.lost]
    choices = [_choice([{"text": "a lake"}, {"image": link(index, "png"), "type": "image"}]) for index in kept]
    return {"choices": choices, "finished": True}


def _choice(content: list[dict[str, str]]) -> dict[str, Any]:
    return {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}


def _transcriptions(_: SimulatedTask, link: Link) -> dict[str, Any]:
    result = {"file_url": "https://example.com/speech.wav", "transcription_url": link(0, "json")}
    return {"results": [result | {"subtask_status": "SUCCEEDED"}]}


def _template(task: SimulatedTask, _: Link) -> dict[str, Any]:
    """A success without any link."""
    return {"template_id": f"AACT.{task.id[:8]}"}


_VIDEO_USAGE = {"duration": 5, "video_count": 1, "SR": 720, "ratio": "16:9"}

SHAPES: Mapping[str, Shape] = {
    "video": Shape("wan2.7-r2v", _at("video_url", extension="mp4"), _VIDEO_USAGE),
    "results_video": Shape("wan2.2-animate-move", _at("results", "video_url", extension="mp4"), _VIDEO_USAGE),
    "output_video": Shape("video-style-transform", _at("output_video_url", extension="mp4"), _VIDEO_USAGE),
    "images": Shape("wan2.5-t2i-preview", _images, {}, pictures=4),
    "choices": Shape("wan2.7-image", _choices, {}, pictures=4),
    "image": Shape("aitryon-plus", _at("image_url", extension="png"), {}),
    "output_image": Shape("image-out-painting", _at("output_image_url", extension="png"), {}),
    "transcriptions": Shape("paraformer-v2", _transcriptions, {"duration": 5}),
    "transcription": Shape(
        "qwen3-asr-flash-filetrans", _at("result", "transcription_url", extension="json"), {"seconds": 5}
    ),
    "template": Shape("animate-anyone-template-gen2", _template, {}),
}
"""Every shape of DashScope's by the name that `Simulator.submit(shape=...)` takes."""
