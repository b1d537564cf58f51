"""Runs on their way to the index: what acts have changed is written behind their answers, all that waits at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.access import Scope
from app.log import logger
from app.model import Execution
from app.store.executions import Executions

log = logger(__name__)

SETTLE_SECONDS = 5.0
MOST = 1000
"""Rows that wait before those who bring more wait too."""


@dataclass
class _Batch:
    """Rows that go to the index together, and whether they have."""

    rows: list[Execution] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def concerns(self, scope: Scope) -> bool:
        return any(scope.covers(row.tenant, row.environment) for row in self.rows)


class Rows:
    def __init__(self, executions: Executions, announce: Callable[[], Awaitable[object]]) -> None:
        """`announce` tells other processes that the index has changed."""
        self._executions = executions
        self._announce = announce
        self._waiting = _Batch()
        self._leaving = _Batch()
        self._writer: asyncio.Task[None] | None = None

    async def write(self, rows: Sequence[Execution]) -> None:
        """Put runs into the index now. Raises as `Executions.record`."""
        if await self._executions.record(rows):
            await self._announce()

    async def put(self, rows: Sequence[Execution]) -> None:
        """Have runs written soon; returns at once, unless very many wait. What cannot be written, the indexer finds."""
        if not rows:
            return
        batch = self._waiting
        batch.rows += rows
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting(), name="runs for the index")
        if len(batch.rows) > MOST:
            await batch.written.wait()

    async def _write_waiting(self) -> None:
        while self._waiting.rows:
            self._leaving, self._waiting = self._waiting, _Batch()
            try:
                await self.write(self._leaving.rows)
            except Exception as error:  # noqa: BLE001 - whatever it is, those behind it must not be kept waiting
                log.warning("changed runs are left to the indexer", count=len(self._leaving.rows), reason=str(error))
            finally:
                self._leaving.written.set()

    async def settled(self, scope: Scope) -> None:
        """Return when what was put here is in the index, as far as the scope has it; or after some seconds."""
        batches = [
            each for each in (self._leaving, self._waiting) if not each.written.is_set() and each.concerns(scope)
        ]
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                for each in batches:
                    await each.written.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Let what is on its way arrive."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=SETTLE_SECONDS)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
