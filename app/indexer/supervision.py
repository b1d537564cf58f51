"""Loops that never die."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from app.errors import TidelineError
from app.log import logger

log = logger(__name__)
T = TypeVar("T")

_LONGEST_PAUSE = 10.0


def backoff(failures: int, *, first: float = 0.25, longest: float = _LONGEST_PAUSE) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, up to `longest`."""
    return min(longest, first * 2.0 ** min(failures - 1, 30))


async def repeat(
    what: str, step: Callable[[], Awaitable[None]], every: float, *, until: Callable[[], bool] = lambda: False
) -> None:
    """Run `step` for ever, or until `until`, its beginnings `every` seconds apart.

    A step that fails is tried again, ever more slowly. The log tells the first failure and the recovery, not
    what lies between.
    """
    failures = 0
    while not until():
        began = time.monotonic()
        try:
            await step()
        except TidelineError as error:
            failures += 1
            if failures == 1:
                log.warning("indexer step fails", step=what, reason=error.message)
        except Exception:
            failures += 1
            if failures == 1:
                log.exception("indexer step fails", step=what)
        else:
            if failures:
                log.info("indexer step works again", step=what, failures=failures)
            failures = 0
        pause = backoff(failures) * random.uniform(0.75, 1.25) if failures else every
        await asyncio.sleep(max(0.0, began + pause - time.monotonic()))


async def for_each(items: Sequence[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do the work for every item, `at_once` side by side. The first error ends it all and is raised."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    workers = [asyncio.create_task(worker()) for _ in range(min(at_once, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
