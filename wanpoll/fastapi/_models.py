"""What the routes answer, as OpenAPI names it."""

from datetime import datetime
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from wanpoll._core.model import Failure, Media, Outcome, Status, Update
from wanpoll._core.redact import redact
from wanpoll.fastapi._problems import Problem, problem_of

MOST_IN_A_BATCH = 1_000
"""Ids in one `POST /tasks:batch`, at most."""

ID_SCHEMA: dict[str, Any] = {"pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,256}$"}
"""What `InvalidTaskId` says, for readers of the OpenAPI document."""

_TASK: dict[str, Any] = {"provider": "dashscope", "id": "0385dc79-5ff8-4d82-bcb6-c2b6e1ed3f0f"}
_LINK = "https://media.example/0385dc79.mp4?Expires=1775228439&Signature=c2ln"


class Answer(BaseModel):
    """A body of the routes. Attributes come as they are; what is None stays in, so that readers need no defaults."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)


class TaskFailure(Answer):
    """Why a task, or one result of it, failed, in the provider's words."""

    code: str
    message: str = ""


class TaskMedia(Answer):
    """One result. `url` is null where this result failed; `expires_at` is when the links die."""

    kind: str = Field(examples=["video"])
    url: str | None = Field(examples=[_LINK])
    backup_url: str | None = None
    expires_at: datetime | None = None
    failure: TaskFailure | None = None


class TaskProgress(Answer):
    """A task that has not ended. `progress` is 0 to 1, `problem` says why the last poll was missed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, json_schema_extra={"examples": [_TASK | {"status": "RUNNING", "progress": 0.4, "polls": 7}]}
    )
    provider: str
    id: str
    status: Literal[Status.PENDING, Status.RUNNING]
    progress: float | None = None
    polls: int = Field(default=0, description="answers read about this task up to now")
    problem: Problem | None = None


class TaskOutcome(Answer):
    """How a task ended. `reason` is "expired" or "unknown" where `status` is EXPIRED."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                _TASK
                | {
                    "status": "SUCCEEDED",
                    "media": [{"kind": "video", "url": _LINK, "expires_at": "2026-04-03T14:20:39Z"}],
                    "usage": {"duration": 15, "video_count": 1},
                    "submitted_at": "2026-04-02T14:13:10Z",
                    "started_at": "2026-04-02T14:13:21Z",
                    "finished_at": "2026-04-02T14:20:39Z",
                    "polls": 29,
                }
            ]
        },
    )
    provider: str
    id: str
    status: Literal[Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED]
    media: list[TaskMedia] = []
    failure: TaskFailure | None = None
    reason: str | None = None
    usage: dict[str, Any] = {}
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    polls: int = Field(default=0, description="answers read about this task")


class TaskReference(BaseModel):
    """Names a task: one of the app's providers, and the provider's id."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TASK]})
    provider: str = Field(description="as in the paths of the other routes")
    id: str = Field(json_schema_extra=ID_SCHEMA)


class TaskBatch(BaseModel):
    """What is asked about many tasks: after `wait` seconds at the latest, sooner when all have ended."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"tasks": [_TASK], "wait": 0}]}
    )
    tasks: list[TaskReference] = Field(max_length=MOST_IN_A_BATCH)
    wait: float = Field(default=0.0, ge=0, allow_inf_nan=False, strict=True)


class TaskStates(Answer):
    """The tasks of a batch, in the order asked."""

    tasks: list[TaskOutcome | TaskProgress]


def progress_of(update: Update) -> TaskProgress:
    """`update` for the wire."""
    return TaskProgress(
        provider=str(update.task.provider),
        id=update.task.id,
        status=cast(Any, update.status),  # not an end: ends are told by outcomes
        progress=update.progress,
        polls=update.polls,
        problem=None if update.problem is None else problem_of(update.problem),
    )


def outcome_of(outcome: Outcome, key: str | None) -> TaskOutcome:
    """`outcome` for the wire, without the account's `key` where the provider echoes it in `usage`.

    The provider's document (`raw`) stays here: it repeats prompts and links.
    """
    return TaskOutcome(
        provider=str(outcome.task.provider),
        id=outcome.task.id,
        status=cast(Any, outcome.status),
        media=[_media_of(media) for media in outcome.media],
        failure=_failure_of(outcome.failure),
        reason=outcome.reason,
        usage=_without_secrets(dict(outcome.usage), key or ""),
        submitted_at=outcome.submitted_at,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        polls=outcome.polls,
    )


def _media_of(media: Media) -> TaskMedia:
    return TaskMedia(
        kind=media.kind,
        url=media.url,
        backup_url=media.backup_url,
        expires_at=media.expires_at,
        failure=_failure_of(media.failure),
    )


def _failure_of(failure: Failure | None) -> TaskFailure | None:
    return None if failure is None else TaskFailure(code=failure.code, message=failure.message)


def _without_secrets(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return redact(value, key)
    if isinstance(value, dict):
        return {redact(name, key): _without_secrets(each, key) for name, each in value.items()}
    return [_without_secrets(each, key) for each in value] if isinstance(value, list) else value
