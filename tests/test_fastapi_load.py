"""Two thousand clients at once, some of which leave, under uvicorn and against the simulator."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import aiohttp
import pytest

from tests.fastapi_apps import app_of, serving, session
from tests.waiting import until
from wanpoll import Rate
from wanpoll.fastapi import WanPoll
from wanpoll.providers import DashScope
from wanpoll.simulator import Constant, Simulator

CLIENTS, TASKS = 2_000, 100


@pytest.mark.parametrize("leaving", [0.0, 0.5])
async def test_two_thousand_long_polls_cost_the_questions_of_their_tasks(leaving: float) -> None:
    """All are answered with their own task's end; who leaves at random takes nothing with them."""
    dice = random.Random(7)
    async with Simulator(speed=20, durations=Constant(50), queue=Constant(0), quota=Rate(1_000)) as simulator:
        provider = DashScope("sk-x", base_url=simulator.base_url(), quota=Rate(1_000, per=0.06), interval=0.5)
        wanpoll = WanPoll(provider)
        async with serving(app_of(wanpoll)) as url, session(url) as client:
            ids = simulator.submit(TASKS)
            limits = [dice.uniform(0.0, 2.0) if dice.random() < leaving else 20.0 for _ in range(CLIENTS)]

            async def poll(number: int) -> str:
                task_id = ids[number % TASKS]
                try:
                    limit = aiohttp.ClientTimeout(total=limits[number])
                    async with client.get(f"/tasks/dashscope/{task_id}?wait=25", timeout=limit) as response:
                        outcome = await response.json()
                except (TimeoutError, aiohttp.ClientConnectionError):
                    return "left"
                assert outcome["id"] == task_id
                return str(outcome["status"])

            polls = asyncio.gather(*(poll(number) for number in range(CLIENTS)))
            (room,) = wanpoll._rooms.values()
            if not leaving:
                await until(lambda: len(room.stays) == CLIENTS)
            start = time.monotonic()
            ends = Counter(await polls)
            await until(lambda: not room.stays and not len(wanpoll.poller._waiters))
            asked = simulator.report().requests

    assert time.monotonic() - start < 15
    assert ends["SUCCEEDED"] == CLIENTS - ends["left"]
    assert ends["SUCCEEDED"] >= sum(limit > 5 for limit in limits)
    assert (ends["left"] > CLIENTS / 8) == bool(leaving)
    # a loop in each of the handlers would have asked some 10,000 times
    assert TASKS <= asked <= TASKS * 12
