"""Errors as HTTP: one documented shape, that of RFC 9457 (`application/problem+json`).

Details are written here, for strangers: an error's own text is for the app's log, and may name other people's tasks
or what the provider thinks of the account.
"""

import contextlib
import math
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.status import (
    WS_1008_POLICY_VIOLATION,
    WS_1011_INTERNAL_ERROR,
    WS_1012_SERVICE_RESTART,
    WS_1013_TRY_AGAIN_LATER,
)
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from wanpoll._core.redact import redact
from wanpoll.exceptions import (
    DecodeError,
    InvalidTaskId,
    NotSupported,
    PollerClosed,
    ProviderRefused,
    TaskCanceled,
    TaskError,
    TaskExpired,
    TaskFailed,
    TaskForgotten,
    TransportError,
    UnknownProvider,
    WaitTimeout,
    WanpollError,
)

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]

MEDIA_TYPE = "application/problem+json"

RETRY_SECONDS = 1
"""When to ask again after a wait that ended without news, or where the server is about to be replaced."""


RETRY_AFTER: Mapping[str, Any] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
"""That header in the OpenAPI document."""

_MOST_ERRORS = 20  # that are told of one request
_MOST_CHARACTERS = 200  # of each
_BODILESS = (204, 205, 304)  # RFC 9110, 15.3.5, 15.3.6, 15.4.5
_CLOSE_CODES = {503: WS_1012_SERVICE_RESTART, 504: WS_1013_TRY_AGAIN_LATER}


class Problem(BaseModel):
    """Why there is no better answer (RFC 9457). `code` is the provider's word, where there is one.

    `data` is the `detail` of the app's own `HTTPException`, where that is no text.
    """

    type: str = Field(description="names the kind of problem; the part after the last colon is stable")
    title: str
    status: int
    detail: str
    code: str | None = None
    errors: list[str] | None = Field(default=None, description="what was wrong with the request, and where")
    data: Any = Field(default=None, description="what the app tells that is no text, as it gave it")


class _Kind(BaseModel):
    """How errors of one class are told."""

    name: str
    status: int
    title: str
    detail: str
    retry: int | None = None


_KINDS: Mapping[type[WanpollError], _Kind] = {
    TaskExpired: _Kind(
        name="task-expired", status=410, title="The task expired", detail="No end was seen in time; its links are dead."
    ),
    TaskFailed: _Kind(
        name="task-failed", status=502, title="The task failed", detail="The provider could not do it; see the code."
    ),
    TaskCanceled: _Kind(
        name="task-canceled", status=409, title="The task was canceled", detail="Nothing will come of it."
    ),
    WaitTimeout: _Kind(
        name="wait-timeout", status=504, title="Not done yet", detail="It goes on: ask again.", retry=RETRY_SECONDS
    ),
    ProviderRefused: _Kind(
        name="provider-refused",
        status=502,
        title="The provider refuses the account",
        detail="The operator of this service has to mend the account; tasks are kept.",
    ),
    PollerClosed: _Kind(
        name="poller-closed",
        status=503,
        title="The server is about to stop",
        detail="The task goes on: ask again.",
        retry=RETRY_SECONDS,
    ),
    InvalidTaskId: _Kind(
        name="invalid-task-id",
        status=422,
        title="Not a task id",
        detail='Give 1 to 256 characters of A-Z a-z 0-9 . _ : - and neither "." nor "..".',
    ),
    UnknownProvider: _Kind(
        name="unknown-provider", status=404, title="No such provider", detail="See the OpenAPI document for the names."
    ),
    NotSupported: _Kind(
        name="not-supported", status=409, title="The provider cannot do that", detail="Not for this task, or not now."
    ),
    TaskForgotten: _Kind(
        name="task-forgotten", status=409, title="No longer followed", detail="Ask again to follow it anew."
    ),
    TransportError: _Kind(
        name="missed-poll", status=502, title="The provider did not answer", detail="It will be asked again."
    ),
    DecodeError: _Kind(
        name="missed-poll", status=502, title="The answer could not be read", detail="It will be asked again."
    ),
}
_UNKNOWN_TASK = _Kind(
    name="unknown-task",
    status=404,
    title="No such task",
    detail="The provider says so, again and again: a wrong id, another account or region, or too old.",
)


def problem_of(error: WanpollError) -> Problem:
    """`error`, told to strangers. Only for what `is_told`."""
    kind = next(_KINDS[each] for each in type(error).__mro__ if each in _KINDS)
    if isinstance(error, TaskError) and error.outcome.reason == "unknown":
        kind = _UNKNOWN_TASK
    return Problem(
        type=_type(kind.name), title=kind.title, status=kind.status, detail=kind.detail, code=_code_of(error)
    )


class ProblemResponse(Response):
    """For routes that answer nothing else: it names the media type in the OpenAPI document."""

    media_type = MEDIA_TYPE


ANY_OTHER: Mapping[int | str, dict[str, Any]] = {"default": {"model": Problem, "description": "Another problem"}}
"""For `responses=` of such routes."""


def is_told(error: WanpollError) -> bool:
    """Whether strangers are told of `error`. The rest are bugs of the app, which are left to be seen as such."""
    return isinstance(error, tuple(_KINDS))


def response_to(error: WanpollError) -> Response:
    """The answer that tells `error`."""
    retry = next((_KINDS[each].retry for each in type(error).__mro__ if each in _KINDS), None)
    return respond(problem_of(error), {} if retry is None else {"Retry-After": str(retry)})


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`problem` as an answer."""
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, media_type=MEDIA_TYPE)


def refusal(status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem of a request that has no error of wanpoll."""
    return respond(Problem(type=_type(name), title=HTTPStatus(status).phrase, status=status, detail=detail), headers)


async def answer_problem(connection: HTTPConnection, error: WanpollError) -> Any:
    """An exception handler for the classes in `EXCEPTION_HANDLERS`: the answer, None for a websocket that is open."""
    if not isinstance(connection, WebSocket) or connection.application_state is WebSocketState.CONNECTING:
        return response_to(error)
    if connection.application_state is WebSocketState.CONNECTED:
        problem = problem_of(error)
        with contextlib.suppress(WebSocketDisconnect):  # its client has left unseen
            await connection.close(_close_code(problem.status), problem.title)
    return None


def _close_code(status: int) -> int:
    """What closes a websocket (RFC 6455, 7.4.1) where a request is answered with `status`."""
    if status in _CLOSE_CODES:
        return _CLOSE_CODES[status]
    return WS_1008_POLICY_VIOLATION if status < 500 else WS_1011_INTERNAL_ERROR


EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {}
"""Lets the app's own handlers answer wanpoll's errors as problems: `FastAPI(exception_handlers=EXCEPTION_HANDLERS)`.

A websocket that was accepted is closed: 1012 where the server is about to stop, 1013 where a wait ended without news,
1008 for what else is a 4xx, 1011 for the rest; the reason is the problem's title. Those that would be a bug of the app
(`WrongLoop`, a bare `UsageError`) are not among them.
"""
EXCEPTION_HANDLERS.update(dict.fromkeys(_KINDS, answer_problem))


def telling_problems(handler: Handler) -> Handler:
    """`handler`, its errors told as problems."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RequestValidationError as error:
            return _invalid(error)
        except WanpollError as error:  # before the other: `ServerStopping` is both
            if not is_told(error):
                raise
            return response_to(error)
        except HTTPException as error:
            return _from_http(error)

    return answer


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that may answer problems with these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    told = {each: [kind for kind in (*_KINDS.values(), _UNKNOWN_TASK) if kind.status == each] for each in statuses}
    return {
        status: {
            "description": "; ".join(dict.fromkeys(kind.title for kind in kinds)) or HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema, "examples": {kind.name: _example(kind) for kind in kinds}}},
        }
        | ({"headers": RETRY_AFTER} if any(kind.retry for kind in kinds) else {})
        for status, kinds in told.items()
    }


def _example(kind: _Kind) -> dict[str, Any]:
    problem = Problem(type=_type(kind.name), title=kind.title, status=kind.status, detail=kind.detail)
    return {"value": problem.model_dump(exclude_none=True)}


def _type(name: str) -> str:
    return f"urn:wanpoll:problem:{name}"


def _code_of(error: WanpollError) -> str | None:
    if isinstance(error, ProviderRefused):
        return redact(error.code)
    if isinstance(error, TransportError):
        return error.kind
    if isinstance(error, TaskError) and error.outcome.failure is not None:
        return redact(error.outcome.failure.code)
    return None


def _invalid(error: RequestValidationError) -> Response:
    # without the input that was wrong: it may be what somebody pasted into the wrong field
    errors = [_short(f"{'.'.join(map(str, each['loc']))}: {each['msg']}") for each in error.errors()[:_MOST_ERRORS]]
    return respond(
        Problem(
            type=_type("invalid-request"),
            title="The request is not valid",
            status=422,
            detail="See the errors.",
            errors=errors,
        )
    )


def _short(text: str) -> str:
    """`text`, not too long: it repeats keys of the body, of any length."""
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "..."


def _from_http(error: HTTPException) -> Response:
    if error.status_code in _BODILESS:
        return Response(status_code=error.status_code, headers=error.headers)
    told: Any = error.detail  # FastAPI takes whatever JSON has
    # (a lone surrogate in a text cannot be sent)
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase if _is_known(error.status_code) else "Refused",
        status=error.status_code,
        detail=told.encode(errors="replace").decode() if isinstance(told, str) else "See the data.",
        data=None if isinstance(told, str) else jsonable_encoder(told),
    )
    return respond(problem, error.headers)


def _is_known(status: int) -> bool:
    return status in HTTPStatus.__members__.values()


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to ask again, in whole seconds."""
    return {"Retry-After": str(max(RETRY_SECONDS, math.ceil(seconds)))}
