"""How runs end: work that a cancellation does not cut short, and what a failed activity said."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Let it end, also when the run is cancelled meanwhile; the cancellation is raised afterwards."""
    task, cancelled = asyncio.create_task(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def cause_of(error: BaseException) -> BaseException:
    return error.cause or error if isinstance(error, ActivityError) else error


def said(error: BaseException) -> str:
    cause = cause_of(error)
    return cause.message if isinstance(cause, ApplicationError) else str(cause)
