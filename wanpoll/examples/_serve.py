"""Runs an example: its app under uvicorn, the simulator beside it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from wanpoll.exceptions import MissingExtra
from wanpoll.simulator import Simulator, Uniform

if TYPE_CHECKING:
    from fastapi import FastAPI

SPEED = 20.0
"""How much faster than life the simulator is."""

RENDERING = Uniform(120.0, 420.0)
"""Provider seconds that a task takes."""


def serve_beside_a_simulator(app: FastAPI) -> None:
    """Serve `app` until Ctrl-C; the environment names the simulator as DashScope."""

    def pointed(simulator: Simulator) -> FastAPI:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": simulator.base_url(), "DASHSCOPE_API_KEY": "sk-simulated"}
        return app

    serve(pointed)


def serve(make: Callable[[Simulator], FastAPI]) -> None:
    """Serve what `make` gives for a running simulator, until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000, help="where to listen on loopback; 0: anywhere")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(make, parser.parse_args().port))


async def _serve(make: Callable[[Simulator], FastAPI], port: int) -> None:
    try:
        import uvicorn
    except ImportError:
        raise MissingExtra("the examples need a server: pip install 'wanpoll[fastapi]' uvicorn") from None
    async with Simulator(speed=SPEED, durations=RENDERING, failed=0.08) as simulator:
        await uvicorn.Server(uvicorn.Config(make(simulator), port=port, access_log=False)).serve()
