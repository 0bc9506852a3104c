"""wanpoll inside FastAPI (extra `fastapi`): handlers that wait, tasks over HTTP, progress as events, webhooks.

    wanpoll = WanPoll(DashScope())
    app = FastAPI(lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)
    app.include_router(wanpoll.router())

    @app.get("/videos/{id}")
    async def video(id: str, poller: DepPoller) -> str | None:
        outcome = await poller.wait_for(id, timeout=25)
        return outcome.raise_for_status().media[0].url

All requests of a process share one poller, so ten handlers that wait for one task ask once. (FastAPI reads the
annotations of this module's functions, so they are not postponed.)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypedDict, Unpack

from wanpoll.exceptions import MissingExtra

try:
    from fastapi import APIRouter, Depends, FastAPI
    from starlette.requests import HTTPConnection
except ImportError:
    raise MissingExtra("wanpoll.fastapi needs FastAPI: pip install 'wanpoll[fastapi]'") from None

from wanpoll._arguments import checked_provider, seconds, switch
from wanpoll._poller import Poller
from wanpoll.exceptions import UsageError
from wanpoll.fastapi._authorize import Authorize, checked_hook
from wanpoll.fastapi._models import (
    TaskBatch,
    TaskFailure,
    TaskMedia,
    TaskOutcome,
    TaskProgress,
    TaskReference,
    TaskStates,
)
from wanpoll.fastapi._pollers import RequestPoller
from wanpoll.fastapi._problems import EXCEPTION_HANDLERS, Problem, answer_problem
from wanpoll.fastapi._room import (
    APP_STATE,
    ClientLeft,
    Room,
    ServerStopping,
    SocketStopping,
)
from wanpoll.fastapi._router import Routes
from wanpoll.fastapi._signals import SignalWatch
from wanpoll.fastapi._webhooks import Webhooks, check_senders
from wanpoll.observers import Observer
from wanpoll.providers.base import Provider
from wanpoll.transport import Transport

__all__ = [
    "WanPoll",
    "DepPoller",
    "poller_of",
    "EXCEPTION_HANDLERS",
    "ClientLeft",
    "ServerStopping",
    "Authorize",
    "Problem",
    "TaskOutcome",
    "TaskProgress",
    "TaskMedia",
    "TaskFailure",
    "TaskBatch",
    "TaskReference",
    "TaskStates",
    "PollerOptions",
]

EXCEPTION_HANDLERS[SocketStopping] = answer_problem  # else Starlette's own handler is found first

_STATE = "_wanpolls"  # those whose lifespans of an app run, in its state and in that of its requests
_HOW = (
    "give the app FastAPI(lifespan=wanpoll.lifespan), or open it in the app's own lifespan: "
    "async with wanpoll.lifespan(app) as state: yield state"
)
_NOT_RUNNING = f"no poller runs here, on this thread's event loop: {_HOW}"
_SEVERAL = "this app has several WanPolls; name the one that you mean: Depends(wanpoll)"
_NOT_TOLD = (
    f"no poller is known here: {_HOW} (where this app is mounted, in the lifespan of the outer one); "
    "or name the poller that you mean: Depends(wanpoll)"
)


class PollerOptions(TypedDict, total=False):
    """What `Poller` takes beside providers; see there.

    With a `remember` below what is asked about at once (a batch has up to 1,000 tasks), some that have ended are told
    as PENDING, and asked about anew.
    """

    observer: Observer | Iterable[Observer] | None
    unknown_grace: float
    poll_timeout: float
    max_in_flight: int
    remember: int
    schedule: str
    transport: Transport | None


class WanPoll:
    """Gives an app a running poller of these providers, as long as its lifespan runs.

    `options` are those of `Poller`. Several apps of one process may share it: on one event loop there is one poller,
    so the quota of an account is kept, and it closes with the last of them. Raises `UsageError` for what is no provider
    or no option, and as `Poller` does for the rest when the lifespan begins.
    """

    def __init__(self, *providers: Provider, **options: Unpack[PollerOptions]) -> None:
        if unknown := options.keys() - PollerOptions.__annotations__:
            known = ", ".join(PollerOptions.__annotations__)
            raise UsageError(f"WanPoll: {', '.join(sorted(unknown))} is none of its options: {known}")
        self._providers = [checked_provider(each, "WanPoll") for each in providers]
        self._options = options
        self._rooms: dict[asyncio.AbstractEventLoop, Room] = {}

    def __repr__(self) -> str:
        return f"<WanPoll of {', '.join(each.name for each in self._providers)}: {len(self._rooms)} running>"

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        """The lifespan of `app`: `FastAPI(lifespan=wanpoll.lifespan)`, or a part of the app's own.

            @asynccontextmanager
            async def lifespan(app):
                async with wanpoll.lifespan(app) as state, database() as db:
                    yield {**state, "db": db}

        It gives what belongs into the state of requests, so that `DepPoller` works in mounted apps, too.
        """
        loop = asyncio.get_running_loop()
        async with self._opened(loop, app) as room:
            known = _known_to(app)
            known.append(self)
            watch = SignalWatch(room.drain)
            watch.start()
            try:
                yield {_STATE: known, APP_STATE: app}
            finally:
                watch.stop()
                known.remove(self)

    @contextlib.asynccontextmanager
    async def _opened(self, loop: asyncio.AbstractEventLoop, app: FastAPI) -> AsyncIterator[Room]:
        room = self._rooms.get(loop)
        if room is None:
            room = Room(Poller(*self._providers, **self._options))
            await room.poller.__aenter__()
            self._rooms[loop] = room
        room.enter(app)
        try:
            yield room
        finally:
            if room.leave(app):
                del self._rooms[loop]
                await room.poller.aclose()

    @property
    def poller(self) -> Poller:
        """The running poller, for work that belongs to no request.

        Raises `UsageError` outside the lifespan, and where no event loop runs (a handler that is not async).
        """
        return self._room().poller

    async def __call__(self, connection: HTTPConnection) -> Poller:
        """The dependency for handlers, where an app has several `WanPoll`s: `Annotated[Poller, Depends(wanpoll)]`."""
        return RequestPoller(self._room(), connection)

    def drain(self, app: FastAPI | None = None) -> None:
        """Let all requests that wait be answered now: the server of `app` is about to stop.

        Signals do that by themselves, for every app. It is for servers that are stopped in another way
        (`Server.should_exit`), and may be called from any thread. Without an `app`, it concerns all. It holds until no
        lifespan of the app runs any more; others that share this `WanPoll` wait on. A mounted app belongs to the outer
        one if that one's lifespan yields the state of `lifespan`, else it stops with the last of all. Raises
        `UsageError` where no lifespan runs.
        """
        here, rooms = self._room_here(), tuple(self._rooms.items())
        if not rooms:
            raise UsageError(_NOT_RUNNING)
        concerned = [(loop, room) for loop, room in rooms if app is None or room.has(app)]
        if not concerned:
            raise UsageError("drain: no lifespan of this app runs; give the app that the lifespan was given")
        for loop, room in concerned:
            if room is here:
                room.drain(app)
            else:
                loop.call_soon_threadsafe(room.drain, app)

    def router(
        self,
        *,
        authorize: Authorize | None = None,
        allow_cancel: bool = False,
        longest_wait: float = 25.0,
        heartbeat: float = 15.0,
    ) -> APIRouter:
        """Tasks over HTTP, to be included wherever the app likes, under its own prefix and dependencies.

        | route | answers |
        |---|---|
        | `GET /tasks/{provider}/{id}?wait=25` | 200 `TaskOutcome`; 202 `TaskProgress` and `Retry-After` |
        | `GET /tasks/{provider}/{id}/events` | server-sent events: `update`s, then one `outcome` or `problem` |
        | `POST /tasks:batch` | 200 `TaskStates` |
        | `DELETE /tasks/{provider}/{id}` | only with `allow_cancel`: cancels the remote task |

        Whoever asks for a task makes the app follow it, for a day and inside the quota of the account (one that is
        followed already keeps the time that the app gave it), and is told its results: so give an
        `authorize(request, task)`, which returns True if this request may (it can be async, and must not block). What
        is no bool, a coroutine that was not awaited for one, is a bug of the app: 500. An `HTTPException` that it
        raises is answered with its status, headers and detail, which is the `data` of the `Problem` where it is no
        text. Without a hook, everybody may. For a batch, up to 20 calls of an async one run side by side; they are
        cancelled when one refuses, the client leaves or the server is about to stop.

        `longest_wait` (seconds) caps `wait`, and how long a cancel is waited for, below the 30 or 60 seconds after
        which proxies and servers cut requests. A stream is silent for `heartbeat` seconds at most, and is cut where its
        reader takes nothing for four times as long. Errors are `Problem`s; what none of these routes matches is the
        app's own 404 (servers decode "%2F": an id with a slash is another path).

        Raises `UsageError`.
        """
        routes = Routes(
            self._room,
            [each.name for each in self._providers],
            checked_hook(authorize),
            seconds("longest_wait", longest_wait),
            seconds("heartbeat", heartbeat),
        )
        return routes.router(switch("allow_cancel", allow_cancel))

    def webhooks(self, senders: Mapping[str, str | Sequence[str] | None]) -> APIRouter:
        """`POST /webhooks/{provider}`: a call means "poll now" and decides nothing, so none can do harm.

        `senders` maps names of providers to the secret of their calls, by Standard Webhooks ("whsec_..."; several while
        one is replaced), or to None where they do not sign (Ace Data Cloud, MiniMax, DashScope's EventBridge). Mount
        it where senders need no login: its own router, that is. Raises `UsageError`.
        """
        check_senders(senders, [each.name for each in self._providers])
        return Webhooks(self._room, senders).router()

    def _room(self) -> Room:
        room = self._room_here()
        if room is None:
            raise UsageError(_NOT_RUNNING)
        return room

    def _room_here(self) -> Room | None:
        try:
            return self._rooms.get(asyncio.get_running_loop())
        except RuntimeError:  # a thread without an event loop
            return None


def _known_to(app: FastAPI) -> list[WanPoll]:
    known: list[WanPoll] | None = getattr(app.state, _STATE, None)
    if known is None:
        known = []
        setattr(app.state, _STATE, known)
    return known


async def poller_of(connection: HTTPConnection) -> Poller:
    """What `DepPoller` depends on, to be replaced in tests: `app.dependency_overrides[poller_of] = lambda: fake`."""
    state = connection.scope.get("state") or {}
    known: set[WanPoll] = set(getattr(connection.app.state, _STATE, None) or state.get(_STATE) or ())
    if len(known) != 1:
        raise UsageError(_SEVERAL if known else _NOT_TOLD)
    return await known.pop()(connection)


DepPoller = Annotated[Poller, Depends(poller_of)]
"""The app's poller, for handlers: `async def handler(poller: DepPoller)`.

Its waits end when the client leaves (`ClientLeft`) or the server is about to stop (`ServerStopping`); both are
answered without the app's doing, a websocket that is open by closing it (1012). Three things stay with the app:

- A response of the app's own that has begun (a stream) cannot be answered otherwise any more, so the generator that
  waits catches both: `with suppress(PollerClosed, ClientLeft): async for update in poller.watch(id): yield ...`
- That the client of a websocket left is seen by those alone who read its messages: no wait ends by it.
- Work after the answer (`BackgroundTasks`) takes `wanpoll.poller`: servers tell of a client that has its answer as they
  do of one that left.

An app with several `WanPoll`s names the one that it means: `Depends(wanpoll)`; so does a mounted one whose outer app's
lifespan does not yield the state that `WanPoll.lifespan` gives.
"""

for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
