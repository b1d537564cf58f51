"""Activities that succeed, fail, or never end, as their caller asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import activity
from temporalio.exceptions import ApplicationError


@activity.defn
async def fetch(source: str) -> list[int]:
    """Fails on its first two attempts where the source is flaky."""
    if source == "flaky" and activity.info().attempt < 3:
        raise ApplicationError("connection refused", type="ConnectionError")
    if source == "broken":
        raise ApplicationError("no such source", {"source": source}, type="UnknownSource", non_retryable=True)
    activity.heartbeat({"percent": 50, "step": "download"})
    return [1, 2, 3]


@activity.defn
async def write(rows: list[int]) -> int:
    return len(rows)


@activity.defn
async def undo(what: str) -> str:
    return f"undid {what}"


@activity.defn
async def hang(heartbeats: bool) -> None:
    """Runs until it is canceled or timed out."""
    while True:
        if heartbeats:
            activity.heartbeat("alive")
        await asyncio.sleep(0.1)


ACTIVITIES: list[Callable[..., object]] = [fetch, write, undo, hang]
