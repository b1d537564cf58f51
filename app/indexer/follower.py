"""Following one namespace's visibility."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app import metrics
from app.errors import BadUserInput, TidelineError
from app.indexer.clock import ServerClock
from app.indexer.origins import Origins
from app.indexer.supervision import for_each
from app.indexer.writer import Writer
from app.limits import TokenBucket
from app.log import logger
from app.model import Execution
from app.store.executions import Executions
from app.store.watermarks import Watermarks
from app.temporal import reads
from app.temporal.connection import Temporal

log = logger(__name__)

REQUESTS_PER_SECOND = 4.0
"""What one namespace's visibility is asked at most; its servers often allow no more than ten."""
PAGE_SIZE = 1000
_OVERLAP = timedelta(seconds=5)
"""How far each tick looks behind what is certainly indexed: visibility is not quite in order."""
_WIDE_OVERLAP = timedelta(minutes=2)
"""The same for the rarer look at what visibility showed late."""
_FIRST_LOOK = timedelta(minutes=2)
"""How far back the ticks begin while the past is still being caught up with."""
_CHECKS_AT_ONCE = 4
_CHECKS_PER_SWEEP = 200
_SAVE_SECONDS = 1.0
_LONG_CATCH_UP_SECONDS = 30.0

OPEN_QUERY = "ExecutionStatus IN ('Running', 'Paused')"
OPEN_QUERY_BEFORE_PAUSE = "ExecutionStatus = 'Running'"
"""For servers that do not know the status Paused yet."""


def since_query(moment: datetime | None) -> str:
    """The visibility query for what started or closed since then; None asks for everything."""
    if moment is None:
        return ""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
    return f"StartTime >= '{text}' OR CloseTime >= '{text}'"


@dataclass(slots=True)
class _Past:
    """A pass over the past: from `since` on, begun at `began` of our clock, as far as `token`."""

    since: datetime | None
    began: float
    token: bytes = b""


class Follower:
    """Keeps the index of one namespace up to date, through four loops that its owner runs: `tick`, `sweep`,
    `look_back` and, until it is caught up, `catch_up`."""

    def __init__(
        self,
        namespace: str,
        temporal: Temporal,
        executions: Executions,
        watermarks: Watermarks,
        writer: Writer,
        origins: Origins,
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self.namespace = namespace
        self._temporal = temporal
        self._executions = executions
        self._watermarks = watermarks
        self._writer = writer
        self._origins = origins
        self._page_size = page_size
        self._server = ServerClock()
        self._bucket = TokenBucket(REQUESTS_PER_SECOND, capacity=1)
        self._asking = asyncio.Lock()
        self._behind = asyncio.Lock()
        self._since: datetime | None = datetime.now(UTC) - _FIRST_LOOK
        self._caught_up = False
        self._past: _Past | None = None
        self._open_query = OPEN_QUERY
        self._ticked_at = time.monotonic()
        self._saved_at = -_SAVE_SECONDS
        metrics.INDEXER_LAG.labels(namespace).set_function(lambda: self.lag)

    def is_caught_up(self) -> bool:
        return self._caught_up

    @property
    def lag(self) -> float:
        """Seconds since the last tick that succeeded, or since the beginning."""
        return time.monotonic() - self._ticked_at

    async def tick(self) -> None:
        """Index what started or closed since a little before the last tick."""
        began, since = time.monotonic(), self._since
        outcome = "error"
        try:
            async for rows in self._pages(since_query(since and since - _OVERLAP)):
                await self._writer.record(rows)
            outcome = "ok"
        finally:
            metrics.INDEXER_TICKS.labels(self.namespace, outcome).inc()
        bound = self._server.at_least(began)
        # Where the catching up has ended meanwhile, this tick has not looked back far enough.
        if self._since is since and bound is not None and (since is None or bound > since):
            self._since = bound
        self._ticked_at = time.monotonic()
        await self._save()

    async def _save(self) -> None:
        if self._caught_up and time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            await self._watermarks.advance(self.namespace, self._since)
            self._saved_at = time.monotonic()

    async def catch_up(self) -> None:
        """Index the next page of what happened while nobody followed: everything, for a new index.

        The ticks go on meanwhile, so that what is new does not wait for what is old. After a failure it goes
        on at the page where it was. When it took long, what has happened meanwhile is caught up with in its
        turn.
        """
        past = self._past
        if past is None:
            # First, since the watermark is that of the index's own namespace.
            await self._origins.check(self.namespace)
            stored = await self._watermarks.seen_until(self.namespace)
            past = self._past = _Past(stored and stored - _WIDE_OVERLAP, time.monotonic())
        try:
            rows, token = await self._behind_page(since_query(past.since), past.token)
        except BadUserInput:
            self._past = None  # a token that the server no longer knows
            raise
        await self._writer.record(rows)
        past.token = token
        if token:
            return
        began, since = past.began, self._server.at_least(past.began) or past.since
        if time.monotonic() - began > _LONG_CATCH_UP_SECONDS:
            self._past = _Past(since, time.monotonic())
            return
        # From here the ticks cover everything that has happened since this pass began.
        self._since, self._caught_up = since, True
        log.info("index caught up", namespace=self.namespace)

    async def look_back(self) -> None:
        """Index what visibility showed too late for the ticks."""
        if self._caught_up and self._since is not None:
            async with self._behind:
                async for rows in self._pages(since_query(self._since - _WIDE_OVERLAP)):
                    await self._writer.record(rows)

    async def sweep(self) -> None:
        """Read every open run, for what changes without a start or a close: memo, search attributes, pause.

        A run that the index holds for open and that no page showed is asked for: it has closed, or Temporal
        has forgotten it.
        """
        began = time.monotonic()
        seen: list[str] = []
        try:
            async with self._behind:
                async for rows in self._pages(self._open_query):
                    seen += [row.run_id for row in rows]
                    await self._writer.record(rows)
        except BadUserInput:
            if self._open_query == OPEN_QUERY_BEFORE_PAUSE:
                raise
            self._open_query = OPEN_QUERY_BEFORE_PAUSE
            return
        before = (self._server.at_least(began) or datetime.now(UTC) - _FIRST_LOOK) - _OVERLAP
        missing = await self._executions.open_runs(
            self.namespace, started_before=before, besides=seen, limit=_CHECKS_PER_SWEEP
        )
        await for_each(missing, self._writer.refresh, _CHECKS_AT_ONCE)

    async def _pages(self, query: str) -> AsyncIterator[list[Execution]]:
        token = b""
        while True:
            rows, token = await self._page(query, token)
            yield rows
            if not token:
                return

    async def _behind_page(self, query: str, token: bytes) -> tuple[list[Execution], bytes]:
        async with self._behind:
            return await self._page(query, token)

    async def _page(self, query: str, token: bytes) -> tuple[list[Execution], bytes]:
        """One request of visibility, when its turn has come. Raises AnotherNamespace as `Origins`."""
        await self._origins.check(self.namespace)
        async with self._asking:
            while wait := self._bucket.take(time.monotonic()):  # noqa: ASYNC110 - only time fills the bucket
                await asyncio.sleep(wait)
        metrics.VISIBILITY_REQUESTS.labels(self.namespace).inc()
        try:
            rows, token = await reads.list_executions(self._temporal, self.namespace, query, self._page_size, token)
        except TidelineError:
            self._origins.doubt(self.namespace)
            raise
        now = time.monotonic()
        for row in rows:
            self._server.saw(row.close_time or row.start_time, now)
        return rows, token
