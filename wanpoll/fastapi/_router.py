"""Tasks over HTTP: what is known, long polls, streams, many at once, and cancelling where the app allows it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.exceptions import HTTPException

from wanpoll._core.model import Outcome, Status, Task, Update
from wanpoll.exceptions import (
    DecodeError,
    InvalidTaskId,
    PollerClosed,
    ProviderRefused,
    TaskExpired,
    TaskForgotten,
    TransportError,
    UnknownProvider,
    UsageError,
    WaitTimeout,
)
from wanpoll.fastapi._authorize import Authorize, permit
from wanpoll.fastapi._bodies import problem_route
from wanpoll.fastapi._events import EventStream, event_id, events_of
from wanpoll.fastapi._models import (
    ID_SCHEMA,
    TaskBatch,
    TaskOutcome,
    TaskProgress,
    TaskStates,
    outcome_of,
    progress_of,
)
from wanpoll.fastapi._names import naming
from wanpoll.fastapi._pollers import RouterPoller
from wanpoll.fastapi._problems import RETRY_AFTER, described, problem_of, refusal, respond, retry_after
from wanpoll.fastapi._room import Room, ServerStopping

_AN_ID = "0385dc79-5ff8-4d82-bcb6-c2b6e1ed3f0f"

Responses: TypeAlias = dict[int | str, dict[str, Any]]
TaskId = Annotated[
    str, Path(alias="id", description="the provider's id", examples=[_AN_ID], json_schema_extra=ID_SCHEMA)
]
Wait = Annotated[
    float, Query(ge=0, allow_inf_nan=False, description="seconds to hold the request while the task has not ended")
]

_STREAM: Responses = {
    200: {
        "description": "`update`s (TaskProgress), then one `outcome` (TaskOutcome) or `problem` (Problem)",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: RUNNING,0.4\nevent: update\ndata: {"provider":"dashscope","id":"0385dc79","status":'
                '"RUNNING","progress":0.4,"polls":7,"problem":null}\n\n',
            }
        },
    },
    204: {"description": "`Last-Event-ID` is that of the end: there is nothing more to come"},
}
_NOT_DONE: Responses = {202: {"model": TaskProgress, "description": "Not done yet", "headers": RETRY_AFTER}}
_MAY_BE_TOLD = "Whether the provider was told to cancel is not known: ask again."


class Routes:
    """The handlers of one router. `room_of` finds the room of the running event loop, `names` are the providers'."""

    def __init__(
        self,
        room_of: Callable[[], Room],
        names: Sequence[str],
        authorize: Authorize | None,
        longest_wait: float,
        heartbeat: float,
    ) -> None:
        self._room_of = room_of
        self._names = names
        self._authorize = authorize
        self._longest_wait = longest_wait
        self._heartbeat = heartbeat

    def router(self, allow_cancel: bool) -> APIRouter:
        """A router with all routes."""
        router = APIRouter(route_class=problem_route(self._room_of), tags=["tasks"])
        usual = described(403, 404, 422, 502, 503)
        router.add_api_route(
            "/tasks/{provider}/{id}",
            naming(self.get_task, self._names),
            methods=["GET"],
            response_model=TaskOutcome,
            responses=_NOT_DONE | usual | described(410),
        )
        router.add_api_route(
            "/tasks/{provider}/{id}/events",
            naming(self.get_events, self._names),
            methods=["GET"],
            response_class=EventStream,
            status_code=200,
            responses=_STREAM | usual,
        )
        router.add_api_route(
            "/tasks:batch",
            self.get_tasks,
            methods=["POST"],
            responses=usual | described(400, 408, 413),
            response_model=TaskStates,
        )
        if allow_cancel:
            router.add_api_route(
                "/tasks/{provider}/{id}",
                naming(self.cancel_task, self._names),
                methods=["DELETE"],
                status_code=202,
                response_model=TaskProgress,
                responses={200: {"model": TaskOutcome}} | usual | described(409, 410),
            )
        return router

    async def get_task(self, request: Request, provider: str, task_id: TaskId, wait: Wait = 0.0) -> Response:
        """What is known of a task. With `wait`, the answer comes when the task ends, or after so many seconds.

        200 tells the end. 202 says that it is not done, and when to ask again. Asking starts to follow the task.
        """
        poller = RouterPoller(self._room_of(), request)
        (task,) = await self._allowed(request, poller, (provider, task_id))
        known = await poller.learn(task, min(wait, self._longest_wait))
        # who does not wait may as well come again when the provider has been asked again
        return _answer(poller, known, retry=0.0 if wait else poller.interval(task))

    async def get_events(
        self,
        request: Request,
        provider: str,
        task_id: TaskId,
        last_event_id: Annotated[str | None, Header(description="sent by browsers that reconnect")] = None,
    ) -> Response:
        """The news of a task as server-sent events, from what is known now to its end.

        A stream that ends without `outcome` or `problem` (after an hour, or as the server is about to stop) is picked
        up by coming back with `Last-Event-ID`, as browsers do by themselves.
        """
        poller = RouterPoller(self._room_of(), request)
        (task,) = await self._allowed(request, poller, (provider, task_id))
        known = await poller.learn(task, 0)
        if isinstance(known, Outcome) and event_id(known) == last_event_id:
            return Response(status_code=204)
        return EventStream(poller, events_of(poller, task, last_event_id, self._heartbeat), self._heartbeat)

    async def get_tasks(self, request: Request, batch: TaskBatch) -> Response:
        """What is known of many tasks. With `wait`, the answer comes when all have ended, or after so many seconds.

        Trouble with one account is told as the `problem` of its tasks. A task that may not be asked for refuses all.
        A body over 1 MiB is refused unread, one that does not come within half a minute, too.
        """
        poller = RouterPoller(self._room_of(), request)
        tasks = await self._allowed(request, poller, *((each.provider, each.id) for each in batch.tasks))
        if batch.wait:
            await _until_all_ended(poller, tasks, min(batch.wait, self._longest_wait))
        return _json(TaskStates(tasks=[_state(poller, task) for task in tasks]))

    async def cancel_task(self, request: Request, provider: str, task_id: TaskId) -> Response:
        """Cancel the remote task. 202: the provider was told, and the end will be seen as any other.

        502 where the provider could not be reached, 503 where it takes too long or the server is about to stop: whether
        it was told is not known, ask again. What was begun goes on, as it does when the client leaves; whoever asks
        meanwhile waits for the same.
        """
        room = self._room_of()
        poller = RouterPoller(room, request)
        (task,) = await self._allowed(request, poller, (provider, task_id))
        known = await poller.learn(task, 0)
        if isinstance(known, Update):
            try:
                async with poller.stay():
                    ended, _ = await asyncio.wait([room.cancels.of(task)], timeout=self._longest_wait)
                for canceling in ended:
                    canceling.result()
            except (ServerStopping, TransportError, DecodeError) as error:
                return respond(problem_of(error).model_copy(update={"detail": _MAY_BE_TOLD}), retry_after(0))
            if not ended:
                return refusal(503, "cancel-undecided", _MAY_BE_TOLD, retry_after(0))
            known = poller.look(task)
        return _answer(poller, known)

    async def _allowed(self, request: Request, poller: RouterPoller, *names: tuple[str, str]) -> list[Task]:
        """The tasks of these providers and ids, if this request may ask for all of them.

        Raises `ClientLeft` and `ServerStopping` while the hook takes its time, too.
        """
        tasks = [_named(poller, provider, task_id) for provider, task_id in names]
        if self._authorize is not None:
            async with poller.stay():
                await permit(self._authorize, request, tasks)
        return tasks


def _named(poller: RouterPoller, provider: str, task_id: str) -> Task:
    try:
        return poller.named(task_id, provider)
    except (InvalidTaskId, UnknownProvider, PollerClosed):
        raise
    except UsageError:
        raise HTTPException(422, "This provider needs more than an id: the app has to follow the task first.") from None


def _answer(poller: RouterPoller, known: Outcome | Update, retry: float = 0.0) -> Response:
    if isinstance(known, Update):
        return _json(progress_of(known), 202, retry_after(retry))
    if known.status is Status.EXPIRED:
        raise TaskExpired(known)
    return _json(outcome_of(known, poller.key(known.task)))


async def _until_all_ended(poller: RouterPoller, tasks: list[Task], wait: float) -> None:
    """Wait until all `tasks` have ended whose accounts are not refused, for `wait` seconds at the most."""
    clock = asyncio.get_running_loop().time
    end = clock() + wait
    while tasks:
        try:
            await poller.wait_all(tasks, timeout=max(0.0, end - clock()))
        except ProviderRefused as refused:
            tasks = [task for task in tasks if task.provider != refused.provider]
        except (WaitTimeout, ServerStopping, TaskForgotten):
            return
        else:
            return


def _state(poller: RouterPoller, task: Task) -> TaskOutcome | TaskProgress:
    known = poller.look(task)
    if isinstance(known, Outcome):
        return outcome_of(known, poller.key(task))
    told, refused = progress_of(known), poller.refusal(task)
    return told if refused is None else told.model_copy(update={"problem": problem_of(refused)})


def _json(
    body: TaskOutcome | TaskProgress | TaskStates, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(body.model_dump_json(), status, headers, media_type="application/json")
