"""Waiting for what is about to be true, however slow the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `true()` is; a TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)
