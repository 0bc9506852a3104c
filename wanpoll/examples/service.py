"""A web service for videos: one route submits, one waits, and wanpoll's own routes tell the progress."""

import os
from datetime import UTC, datetime

import aiohttp
from fastapi import FastAPI

from wanpoll import Task
from wanpoll.fastapi import EXCEPTION_HANDLERS, DepPoller, WanPoll
from wanpoll.providers import DashScope

wanpoll: WanPoll = WanPoll(DashScope())  # the key comes from DASHSCOPE_API_KEY when the app starts
app: FastAPI = FastAPI(title="Videos", lifespan=wanpoll.lifespan, exception_handlers=EXCEPTION_HANDLERS)
app.include_router(wanpoll.router())


@app.post("/videos", status_code=202)
async def submit(prompt: str, poller: DepPoller) -> str:
    """Submit a video; its id."""
    url = os.getenv("DASHSCOPE_HTTP_BASE_URL", DashScope.BASE_URL) + "/services/aigc/video-generation/video-synthesis"
    headers = {"Authorization": "Bearer " + os.environ["DASHSCOPE_API_KEY"], "X-DashScope-Async": "enable"}
    order = {"model": "wan2.7-t2v", "input": {"prompt": prompt}}
    async with aiohttp.request("POST", url, json=order, headers=headers, raise_for_status=True) as answer:
        task_id: str = (await answer.json())["output"]["task_id"]
    await poller.track(Task(task_id, submitted_at=datetime.now(UTC)))
    return task_id


@app.get("/videos/{task_id}")
async def video(task_id: str, poller: DepPoller) -> str | None:
    """Wait for a video; where it can be downloaded."""
    outcome = await poller.wait_for(task_id, timeout=25)
    return outcome.raise_for_status().media[0].url


if __name__ == "__main__":
    from wanpoll.examples._serve import serve_beside_a_simulator

    serve_beside_a_simulator(app)
