"""Closed runs -> the archive, before Temporal forgets them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from app import metrics
from app.errors import (
    Conflict,
    DatabaseUnavailable,
    DeadlineExceeded,
    NotFound,
    RateLimited,
    TemporalUnavailable,
    TidelineError,
)
from app.history import Projector
from app.indexer.origins import AnotherNamespace
from app.indexer.supervision import backoff, for_each
from app.indexer.writer import Writer
from app.log import logger
from app.model import ExecutionRef, Projection
from app.store.archive import NOT_PROJECTED, PROJECTOR_VERSION, Archive
from app.store.executions import Executions
from app.store.pieces import Packer
from app.temporal import reads
from app.temporal.connection import Temporal
from app.temporal.payloads import Payloads

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

log = logger(__name__)

_AT_ONCE = 4
_BATCH = 32
_IDLE_SECONDS = 5.0
_LONGEST_PAUSE = 300.0
_MAX_FAILING = 1000

_EVERYBODYS = (TemporalUnavailable, DatabaseUnavailable, DeadlineExceeded, RateLimited, AnotherNamespace)
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
        """Archive the next few runs, else fold again what an older version folded, or wait for one to close."""
        self._writer.closed.clear()
        now = time.monotonic()
        waiting = [run_id for run_id, (_, again_at) in self._failing.items() if again_at > now]
        if refs := await self._executions.unarchived(self._namespaces, _BATCH, besides=waiting):
            await for_each(refs, lambda ref: self._or_wait(ref, self._archive_run), _AT_ONCE)
            return
        if refs := await self._archive.outdated(self._namespaces, _BATCH, besides=waiting):
            await for_each(refs, lambda ref: self._or_wait(ref, self._fold_again), 1)
            return
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._writer.closed.wait()
        except TimeoutError:
            return

    async def _or_wait(self, ref: ExecutionRef, work: Callable[[ExecutionRef], Awaitable[None]]) -> None:
        try:
            await work(ref)
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
        folding, packer = Folding(ref, self._temporal.payloads), Packer()
        try:
            async with aclosing(reads.history_pages(self._temporal, ref, raw=True)) as pages:
                async for events in pages:
                    await packer.extend(events)
                    await folding.extend(events)
        except NotFound:
            # Deleted, or past its retention, before its turn: nothing of it is left to show.
            await self._writer.forget(ref)
            return
        await self._put(ref, folding, packer)

    async def _fold_again(self, ref: ExecutionRef) -> None:
        """From the archive's own history. Raises Conflict where that still gives no better projection."""
        folding, packer = Folding(ref, self._temporal.payloads), Packer()
        async with aclosing(self._archive.pages(ref)) as pages:
            async for events in pages:
                await packer.extend(events)
                await folding.extend(events)
        if folding.version < PROJECTOR_VERSION:
            raise Conflict("Its history cannot be folded completely.")
        await self._put(ref, folding, packer)

    async def _put(self, ref: ExecutionRef, folding: Folding, packer: Packer) -> None:
        if await self._archive.put(ref, folding.projection, packer, version=folding.version, if_indexed=True):
            await self._writer.tell()


class Folding:
    """A history folded as it is read. Where our folding fails there is no projection: the history itself must be
    kept all the same, while there is one."""

    def __init__(self, ref: ExecutionRef, payloads: Payloads) -> None:
        self._ref = ref
        self._payloads = payloads
        self._projector: Projector | None = Projector(ref)
        self._is_complete = True

    async def extend(self, events: Sequence[HistoryEvent]) -> None:
        readable, complete = await self._payloads.readable(self._ref.namespace, events)
        self._is_complete &= complete
        if self._projector is None:
            return
        try:
            for event in readable:
                self._projector.apply(event)
        except Exception:
            log.exception("history not understood", workflow_id=self._ref.workflow_id, run_id=self._ref.run_id)
            self._projector = None

    @property
    def projection(self) -> Projection | None:
        return self._projector.snapshot() if self._projector else None

    @property
    def version(self) -> int:
        """Below this version's where a codec server was away, so that it is folded again later."""
        return PROJECTOR_VERSION if self._is_complete and self._projector else NOT_PROJECTED
