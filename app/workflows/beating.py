"""Heartbeats of activities, whatever keeps one busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio import activity

P = ParamSpec("P")
T = TypeVar("T")

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""After so much silence the worker of an activity is gone, and another one takes it up."""
_BEAT_SECONDS = 1.0


def beats(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The activity, which beats for as long as it takes."""

    @wraps(function)
    async def beaten(*args: P.args, **kwargs: P.kwargs) -> T:
        async with beating(activity.heartbeat):
            return await function(*args, **kwargs)

    return beaten


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
