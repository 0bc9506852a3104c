"""Server-sent events: a task's news as a stream that a browser's `EventSource` reads, and picks up where it broke off.

`update` events carry a `TaskProgress`, the one `outcome` event a `TaskOutcome`; `problem` carries a `Problem` and ends
the stream. Ids are made of what is told, so they mean the same at any worker: a client that comes back with
`Last-Event-ID` is told only what it does not know yet, and one that knows the end is told to stay away (204), which
is how the HTML standard ends an `EventSource`. Latest wins: a slow reader skips updates, and slows nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from fastapi import Response
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from wanpoll._core.model import Outcome, Task, Update
from wanpoll.exceptions import PollerClosed, WanpollError
from wanpoll.fastapi._models import outcome_of, progress_of
from wanpoll.fastapi._pollers import RouterPoller
from wanpoll.fastapi._problems import is_told, problem_of
from wanpoll.fastapi._room import ClientLeft, ServerStopping

RECONNECT_MILLISECONDS = 1_000
LONGEST_STREAM_SECONDS = 3_600.0
"""Then a reader has to come back, as browsers do by themselves: not every server tells of each that has left."""

HEARTBEAT = b": still here\n\n"

PATIENCE_HEARTBEATS = 4
"""For which a reader may take too little for the next event to leave, then it is cut."""

LEAST_PATIENCE_SECONDS = 15.0
LAST_WORD_SECONDS = 0.3
"""For what is being sent when the server is told to stop."""


class EventStream(Response):
    """Sends events as they come. (Starlette's own streams look for a leaving client in a second task group.)

    A reader that takes next to nothing holds neither it nor a server that stops: it is cut, by an answer that has no
    end.
    """

    media_type = "text/event-stream"

    def __init__(self, poller: RouterPoller, events: AsyncGenerator[bytes, None], heartbeat: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._poller = poller
        self._events = events
        self._patience = max(LEAST_PATIENCE_SECONDS, PATIENCE_HEARTBEATS * heartbeat)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # (an OSError is a timeout, or what servers may raise where nobody reads)
        with contextlib.suppress(ClientLeft, ServerStopping, OSError):
            await self._send_all(send)
        if self.background is not None:  # what dependencies of the app want done after the answer
            await self.background()

    async def _send_all(self, send: Send) -> None:
        async with contextlib.aclosing(self._events):
            await self._send(
                send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async for event in self._events:
                await self._send(send, {"type": "http.response.body", "body": event, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: Message) -> None:
        async with self._poller.sending(self._patience, LAST_WORD_SECONDS):
            await send(message)


def event_id(known: Outcome | Update) -> str:
    """What `known` tells, in short. Equal where the same is told."""
    if isinstance(known, Outcome):
        return known.status.value
    progress = "" if known.progress is None else f"{known.progress:g}"
    problem = "" if known.problem is None else str(getattr(known.problem, "kind", "unreadable"))
    return ",".join((known.status.value, progress, problem)).rstrip(",")


async def events_of(
    poller: RouterPoller, task: Task, last_id: str | None, heartbeat: float
) -> AsyncGenerator[bytes, None]:
    """The events about `task`, from what is known now to its end, or for an hour.

    There is a comment every `heartbeat` seconds of silence.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + LONGEST_STREAM_SECONDS
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
    try:
        async with contextlib.aclosing(_with_heartbeats(poller.watch(task), heartbeat)) as news:
            async for update in news:
                if update is None:
                    yield HEARTBEAT
                elif update.status.is_final:
                    outcome = await poller.wait_for(task)
                    yield _event("outcome", outcome_of(outcome, poller.key(task)), event_id(outcome))
                elif event_id(update) != last_id:
                    last_id = event_id(update)
                    yield _event("update", progress_of(update), last_id)
                if clock() >= end:
                    return
    except PollerClosed:
        return  # the client comes back by itself, to the server's successor
    except WanpollError as error:
        if not is_told(error):
            raise
        yield _event("problem", problem_of(error))


def _event(name: str, data: BaseModel, ident: str | None = None) -> bytes:
    # pydantic's JSON is one line
    head = f"event: {name}\n" if ident is None else f"id: {ident}\nevent: {name}\n"
    return f"{head}data: {data.model_dump_json()}\n\n".encode()


async def _with_heartbeats(source: AsyncGenerator[Update, None], seconds: float) -> AsyncGenerator[Update | None, None]:
    """What `source` gives, and None after each silence of so many seconds."""
    coming: asyncio.Future[Update | None] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(source, None))
            if not (await asyncio.wait([coming], timeout=seconds))[0]:
                yield None
                continue
            update, coming = coming.result(), None
            if update is None:
                return
            yield update
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await source.aclose()
