"""Writing what Temporal says: only what differs, and with a hint to whoever watches the lists."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import orjson

from app import metrics
from app.errors import NotFound
from app.indexer.origins import Origins
from app.model import Execution, ExecutionRef
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

Publish = Callable[[str, str], Awaitable[object]]
"""Sends a hint on a channel; never raises for a lost connection."""

CHANGES = "changes"
_BATCH = 500


class Fingerprints:
    """Which rows were written lately and how they looked, so that most of what is read again costs no write.

    An entry is trusted for `lifetime` seconds, since others write the same rows.
    """

    def __init__(self, capacity: int = 100_000, lifetime: float = 60.0) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._held: OrderedDict[ExecutionRef, tuple[int, float]] = OrderedDict()

    def is_known(self, row: Execution, now: float) -> bool:
        held = self._held.get(row.ref)
        return held is not None and held[1] > now and held[0] == fingerprint(row)

    def remember(self, row: Execution, now: float) -> None:
        self._held[row.ref] = (fingerprint(row), now + self._lifetime)
        self._held.move_to_end(row.ref)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def forget(self, ref: ExecutionRef) -> None:
        self._held.pop(ref, None)


def fingerprint(row: Execution) -> int:
    return hash(orjson.dumps(row))


class Writer:
    """The indexer's way into the index. `closed` is set whenever there may be something new to archive."""

    def __init__(self, executions: Executions, temporal: Temporal, origins: Origins, publish: Publish) -> None:
        self.closed = asyncio.Event()
        self._executions = executions
        self._temporal = temporal
        self._origins = origins
        self._publish = publish
        self._fingerprints = Fingerprints()

    async def record(self, rows: Sequence[Execution]) -> None:
        now = time.monotonic()
        news = [row for row in rows if not self._fingerprints.is_known(row, now)]
        for start in range(0, len(news), _BATCH):
            await self._record(news[start : start + _BATCH])

    async def _record(self, rows: Sequence[Execution]) -> None:
        changed = await self._executions.record(rows)
        now = time.monotonic()
        for row in rows:
            self._fingerprints.remember(row, now)
        if not changed:
            return
        for ref, _ in changed:
            metrics.INDEXED.labels(ref.namespace).inc()
        if any(row.status.is_closed for row in rows):
            self.closed.set()
        await self.tell()

    async def refresh(self, ref: ExecutionRef) -> None:
        """Ask Temporal about one run: write what it says, or forget the run with it."""
        await self._origins.check(ref.namespace)
        try:
            described = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        except NotFound:
            await self.forget(ref)
        else:
            await self.record([described.execution])

    async def forget(self, ref: ExecutionRef) -> None:
        """Temporal has not found the run. Raises as `Origins.verify`, and forgets nothing, where the namespace is
        not there either, or is another one: that says nothing of the run."""
        await self._origins.verify(ref.namespace)
        self._fingerprints.forget(ref)
        if await self._executions.delete(ref):
            await self.tell()

    def overlook(self, refs: Sequence[ExecutionRef]) -> None:
        """These rows are gone: what is known of them holds no longer."""
        for ref in refs:
            self._fingerprints.forget(ref)

    async def tell(self) -> None:
        """The change log has grown."""
        await self._publish(CHANGES, "")
