"""A batch job, asked about while somebody follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.cluster import Batch, BatchState
from app.errors import DeadlineExceeded, RateLimited, TemporalUnavailable
from app.hub.following import AWAY
from app.hub.kept import Kept

Describe = Callable[[], Awaitable[Batch]]
"""The job now; NotFound where there is none. Whoever has jobs of another kind gives another one."""

_FIRST_PACE, _SLOWEST_PACE = 0.25, 4.0
_PASSING = (TemporalUnavailable, DeadlineExceeded, RateLimited, *AWAY)


class Job(Kept[Batch]):
    """Asked soon after news, then ever more slowly, until the job has ended."""

    def __init__(self, describe: Describe) -> None:
        super().__init__()
        self._describe = describe

    async def keep(self) -> None:
        self.give(await self._describe())
        pace = _FIRST_PACE
        while self.value.state not in {BatchState.COMPLETED, BatchState.FAILED}:
            await asyncio.sleep(pace)
            pace = min(pace * 1.5, _SLOWEST_PACE)
            try:
                now = await self._describe()
            except _PASSING:
                continue
            if now != self.value:
                self.give(now)
                pace = _FIRST_PACE
