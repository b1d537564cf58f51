"""Heartbeats of long activities, whatever keeps one busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_BEAT_SECONDS = 1.0


@asynccontextmanager
async def beating(beat: Callable[[], None]) -> AsyncIterator[None]:
    """Beat now and then every second: a slow page is no dead worker, and a cancellation is heard soon."""

    async def repeat() -> None:
        while True:
            beat()
            await asyncio.sleep(_BEAT_SECONDS)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            raise error
