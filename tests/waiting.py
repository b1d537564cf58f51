"""Waiting for what will happen, with a deadline, instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    ask: Callable[[], Awaitable[T]],
    until: Callable[[T], bool] = bool,
    *,
    within: float = 10.0,
    every: float = 0.02,
) -> T:
    """Ask again and again until the answer satisfies `until`; returns it. Fails with the last answer."""
    deadline = time.monotonic() + within
    while True:
        answer = await ask()
        if until(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s; the last answer was {answer!r}")
        await asyncio.sleep(every)
