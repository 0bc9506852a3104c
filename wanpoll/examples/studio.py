"""A page that shows the progress of submitted tasks, live: `python -m wanpoll.examples.studio`.

The browser submits, then follows each task over server-sent events; a few at a time, since browsers keep only six
connections to one host, and asks about the rest with `POST /tasks:batch`. There is no build step: `studio.html` is the
whole page. The tasks run at five simulated systems, twenty times as fast as life.
"""

import itertools
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from wanpoll import Task
from wanpoll.examples._serve import serve
from wanpoll.fastapi import EXCEPTION_HANDLERS, DepPoller, TaskReference, WanPoll
from wanpoll.simulator import Simulator

PAGE = Path(__file__).with_name("studio.html")

SYSTEMS = ("anyfast", "dashscope", "acedata", "minimax", "vapi")
"""AnyFast tells how far a task is, the others only that it runs."""

MOST_AT_ONCE = 12

MOST_KNOWN = 10_000
"""Tasks that may be asked for: as many as a poller remembers. The oldest are dropped, not those on a page."""


class Order(BaseModel):
    """What is to be made."""

    prompt: Annotated[str, Field(min_length=1, max_length=500, examples=["a lighthouse in the rain"])]
    takes: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 1


class Gallery:
    """Submits to the simulator, to one system after the other."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._systems = itertools.cycle(SYSTEMS)
        self._ours: dict[tuple[str | None, str], None] = {}  # a set in the order of submission

    async def submit(self, order: Order, poller: DepPoller) -> list[TaskReference]:
        """Submit `takes` tasks; who and where they are."""
        references = []
        for provider in itertools.islice(self._systems, order.takes):
            (task_id,) = self._simulator.submit(dialect=provider)
            self._ours[provider, task_id] = None
            await poller.track(Task(task_id, provider))
            references.append(TaskReference(provider=provider, id=task_id))
        for oldest in list(self._ours)[:-MOST_KNOWN]:
            del self._ours[oldest]
        return references

    def authorize(self, request: Request, task: Task) -> bool:
        """Whether the task was submitted here: nobody makes the app ask for others."""
        return (task.provider, task.id) in self._ours


def studio(simulator: Simulator) -> FastAPI:
    """The app, its tasks running at `simulator`."""
    wanpoll = WanPoll(*(simulator.provider(dialect=name) for name in SYSTEMS), schedule="fast")
    gallery = Gallery(simulator)
    app = FastAPI(title="wanpoll studio", lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)
    app.include_router(wanpoll.router(authorize=gallery.authorize, heartbeat=10.0))
    app.post("/orders", status_code=202)(gallery.submit)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE, headers={"Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:"})

    return app


if __name__ == "__main__":
    serve(studio)
