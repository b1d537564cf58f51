"""The archive: what closed runs did, kept when Temporal has forgotten it.

A run is kept twice: its history as Temporal's own protobuf, which is the truth, and its projection, which
answers without folding anything. Both are compressed with zlib.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from app.model import ExecutionRef, Projection
from app.store.database import Database, Row
from app.store.executions import columns_of, key_of, ref_of

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

PROJECTOR_VERSION = 1
"""Raise it when `Projection` or the folding changes: older projections are then folded again from the
history."""
_NOT_PROJECTED = 0
_INLINE_BYTES = 32_768
"""What is larger is unpacked in a thread, so that the event loop stays free."""

_PUT = """
with known as (
    select * from executions where namespace = $1 and workflow_id = $2 and run_id = $3 for update
), stored as (
    insert into archive (namespace, workflow_id, run_id, projector_version, projection, history, events)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (namespace, workflow_id, run_id) do update set projector_version = excluded.projector_version,
        projection = excluded.projection, history = excluded.history, events = excluded.events,
        archived_at = now()
), updated as (
    update executions as e set
        archived_at = now(),
        history_length = greatest(known.history_length, $7),
        failure_type = coalesce($8, known.failure_type),
        failure_message = coalesce($9, known.failure_message),
        previous_run_id = coalesce($10, known.previous_run_id),
        next_run_id = coalesce($11, known.next_run_id)
    from known
    where (e.namespace, e.workflow_id, e.run_id) = (known.namespace, known.workflow_id, known.run_id)
    returning e.*, (e.history_length, e.failure_type, e.failure_message, e.previous_run_id, e.next_run_id)
        is distinct from (known.history_length, known.failure_type, known.failure_message,
                          known.previous_run_id, known.next_run_id) as differs
)
insert into changes (tenant, environment, namespace, workflow_id, run_id, kind)
select tenant, environment, namespace, workflow_id, run_id, 'UPDATED' from updated where differs
returning kind
"""


class Archive:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Projection)

    async def put(self, ref: ExecutionRef, projection: Projection | None, events: Sequence[HistoryEvent]) -> bool:
        """Keep a closed run and write what its history adds to its row; True where the row changed visibly.

        Without a projection the history alone is kept.
        """
        version = _NOT_PROJECTED if projection is None else PROJECTOR_VERSION
        projection = projection or Projection()
        packed_projection, packed_history = await asyncio.to_thread(self._pack, projection, events)
        failure = projection.failure
        changed = await self._database.fetchval(
            _PUT,
            *key_of(ref),
            version,
            packed_projection,
            packed_history,
            len(events),
            None if failure is None else _text(failure.type),
            None if failure is None else _text(failure.message),
            projection.previous_run_id,
            projection.next_run_id,
        )
        return changed is not None

    def _pack(self, projection: Projection, events: Sequence[HistoryEvent]) -> tuple[bytes, bytes]:
        from temporalio.api.history.v1 import History  # noqa: PLC0415 - only the indexer needs it

        history = History(events=events).SerializeToString()
        return zlib.compress(self._encoder.encode(projection)), zlib.compress(history)

    async def projections(self, refs: Sequence[ExecutionRef]) -> dict[ExecutionRef, Projection]:
        """The projections of those runs that are archived, in one statement.

        A run that an older projector folded is left out: fold its `history` again.
        """
        if not refs:
            return {}
        rows = await self._database.fetch(
            "select namespace, workflow_id, run_id, projection from archive"
            " join unnest($1::text[], $2::text[], $3::text[]) as wanted (namespace, workflow_id, run_id)"
            " using (namespace, workflow_id, run_id) where projector_version = $4",
            *columns_of(refs),
            PROJECTOR_VERSION,
        )
        if sum(len(row["projection"]) for row in rows) > _INLINE_BYTES:
            return await asyncio.to_thread(self._unpack, rows)
        return self._unpack(rows)

    def _unpack(self, rows: Sequence[Row]) -> dict[ExecutionRef, Projection]:
        return {ref_of(row): self._decoder.decode(zlib.decompress(row["projection"])) for row in rows}

    async def history(self, ref: ExecutionRef) -> list[HistoryEvent] | None:
        """Every event of an archived run, oldest first; None where the run is not archived."""
        packed: bytes | None = await self._database.fetchval(
            "select history from archive where namespace = $1 and workflow_id = $2 and run_id = $3",
            *key_of(ref),
        )
        if packed is None:
            return None
        return await asyncio.to_thread(_events_of, packed) if len(packed) > _INLINE_BYTES else _events_of(packed)


def _events_of(packed: bytes) -> list[HistoryEvent]:
    from temporalio.api.history.v1 import History  # noqa: PLC0415

    return list(History.FromString(zlib.decompress(packed)).events)


def _text(value: str | None) -> str | None:
    """Text as Postgres takes it: without U+0000."""
    return None if value is None else value.replace("\0", "\ufffd")
