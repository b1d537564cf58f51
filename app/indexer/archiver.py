"""Closed runs -> the archive, before Temporal forgets them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app import metrics
from app.errors import (
    DatabaseUnavailable,
    DeadlineExceeded,
    NotFound,
    RateLimited,
    TemporalUnavailable,
    TidelineError,
)
from app.history import Projector
from app.indexer.supervision import backoff, for_each
from app.indexer.writer import Writer
from app.log import logger
from app.model import ExecutionRef, Projection
from app.store.archive import Archive
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

log = logger(__name__)

_AT_ONCE = 4
_BATCH = 32
_IDLE_SECONDS = 5.0
_LONGEST_PAUSE = 300.0
_MAX_FAILING = 1000

_EVERYBODYS = (TemporalUnavailable, DatabaseUnavailable, DeadlineExceeded, RateLimited)
"""Failures that say nothing about the run: the whole archiver waits."""


class Archiver:
    """Works off the closed runs that are not archived yet, last closed first.

    The backlog is in the database: it survives a restart, and another process goes on with it. A run that
    fails by itself waits ever longer, and does not keep the others from their turn.
    """

    def __init__(
        self,
        namespaces: Sequence[str],
        temporal: Temporal,
        executions: Executions,
        archive: Archive,
        writer: Writer,
    ) -> None:
        self._namespaces = namespaces
        self._temporal = temporal
        self._executions = executions
        self._archive = archive
        self._writer = writer
        self._failing: dict[str, tuple[int, float]] = {}
        """Run id -> failures so far, and when to try again."""

    async def step(self) -> None:
        """Archive the next few runs, or wait for one to close."""
        self._writer.closed.clear()
        now = time.monotonic()
        waiting = [run_id for run_id, (_, again_at) in self._failing.items() if again_at > now]
        refs = await self._executions.unarchived(self._namespaces, _BATCH, besides=waiting)
        if refs:
            await for_each(refs, self._archive_or_wait, _AT_ONCE)
            return
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._writer.closed.wait()
        except TimeoutError:
            return

    async def _archive_or_wait(self, ref: ExecutionRef) -> None:
        try:
            await self._archive_run(ref)
        except _EVERYBODYS:
            raise
        except Exception as error:
            self._wait(ref)
            metrics.ARCHIVED.labels(ref.namespace, "error").inc()
            if isinstance(error, TidelineError):
                log.warning("run not archived", run_id=ref.run_id, reason=error.message)
            else:
                log.exception("run not archived", run_id=ref.run_id)
        else:
            self._failing.pop(ref.run_id, None)
            metrics.ARCHIVED.labels(ref.namespace, "ok").inc()

    def _wait(self, ref: ExecutionRef) -> None:
        failures = self._failing.pop(ref.run_id, (0, 0.0))[0] + 1
        if len(self._failing) >= _MAX_FAILING:
            del self._failing[next(iter(self._failing))]
        pause = backoff(failures, first=1.0, longest=_LONGEST_PAUSE)
        self._failing[ref.run_id] = (failures, time.monotonic() + pause)

    async def _archive_run(self, ref: ExecutionRef) -> None:
        try:
            events = [event async for event in reads.history(self._temporal, ref)]
        except NotFound:
            # Deleted, or past its retention, before its turn: nothing of it is left to show.
            await self._writer.forget(ref)
            return
        if await self._archive.put(ref, _projected(ref, events), events):
            await self._writer.tell()


def _projected(ref: ExecutionRef, events: Sequence[HistoryEvent]) -> Projection | None:
    """None where our folding fails: the history itself must be kept all the same, while there is one."""
    try:
        projector = Projector(ref)
        for event in events:
            projector.apply(event)
        return projector.snapshot()
    except Exception:
        log.exception("history not understood", workflow_id=ref.workflow_id, run_id=ref.run_id)
        return None
