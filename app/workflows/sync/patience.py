"""Waiting as long as another system asks for, instead of giving up an attempt for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.exceptions import ApplicationError

T = TypeVar("T")

_LONGEST = timedelta(seconds=60)
_TIMES = 5


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer. Where the other side says when to come again, within a minute, it is asked again then, five
    times; any other failure, and a longer wait, is for Temporal's retry."""
    for _ in range(_TIMES):
        try:
            return await call()
        except ApplicationError as error:
            delay = error.next_retry_delay
            if error.non_retryable or delay is None or delay > _LONGEST:
                raise
            await asyncio.sleep(delay.total_seconds())
    return await call()
