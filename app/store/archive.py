"""The archive: what closed runs did, kept when Temporal has forgotten it.

A run is kept twice: its history as Temporal's own protobuf, in pieces, which is the truth, and its projection,
which answers without folding anything. Both are compressed with zlib. Its activities are rows as well, for
statistics.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec

from app.errors import NotFound
from app.model import ExecutionRef, Projection
from app.store import activities
from app.store.database import Connection, Database, Row
from app.store.executions import LOCK, columns_of, key_of, ref_of
from app.store.learning import HERE, PUT, learnt
from app.store.pieces import INLINE_BYTES, Packer, Piece, unpacked
from app.store.remembered import Remembered

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

T = TypeVar("T")
ProjectionParts = Any
"""Some fields of a `Projection`, under its names."""


class Archived(msgspec.Struct, frozen=True):
    """Of a run that has closed: they never change."""


_WHOLE = frozenset({"*"})
PROJECTOR_VERSION = 4
"""Raise it when `Projection`, the folding, the rows of activities or what rows learn change: older projections are then
folded again from the history."""
NOT_PROJECTED = 0
REMEMBERED_BYTES = 4 * 2**20
"""Of packed projections; unpacked they take about six times as much."""

_PUT_PIECES = """
insert into archive_events (namespace, workflow_id, run_id, first_event_id, last_event_id, events)
select $1, $2, $3, * from unnest($4::bigint[], $5::bigint[], $6::bytea[])
"""


class Archive:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Projection)
        self._remembered: Remembered[tuple[ExecutionRef, frozenset[str]], ProjectionParts] = Remembered(
            REMEMBERED_BYTES
        )

    async def put(
        self,
        ref: ExecutionRef,
        projection: Projection | None,
        history: Packer | Iterable[HistoryEvent],
        *,
        version: int = PROJECTOR_VERSION,
        if_indexed: bool = False,
    ) -> bool:
        """Keep a closed run and write what its history adds to its row; True where the row changed visibly.

        Without a projection the history alone is kept. A projection of a lower `version` is told apart from one
        that is right: the indexer folds it again later. With `if_indexed` a run that was deleted meanwhile is not kept.
        """
        if not isinstance(history, Packer):
            packer = Packer()
            await packer.extend(history)
            history = packer
        pieces = await history.pieces()
        packed, rows = await asyncio.to_thread(self._pack, projection or Projection())
        async with self._database.transaction() as connection:
            if if_indexed and await connection.fetchval(LOCK, *key_of(ref)) is None:
                return False
            await self._clear(connection, ref)
            await connection.execute(_PUT_PIECES, *key_of(ref), *_columns(pieces))
            changed: str | None = await self._put(connection, ref, projection, version, packed, history.events)
            if rows:
                await connection.execute(activities.INSERT, *key_of(ref), rows)
        return changed is not None

    async def _clear(self, connection: Connection, ref: ExecutionRef) -> None:
        """Archived again, by another version perhaps, nothing of the first time may stay."""
        for table in ("archive_events", "activities"):
            await connection.execute(f"delete from {table} where {HERE}", *key_of(ref))

    async def _put(
        self,
        connection: Connection,
        ref: ExecutionRef,
        projection: Projection | None,
        version: int,
        packed: bytes,
        events: int,
    ) -> str | None:
        changed: str | None = await connection.fetchval(
            PUT,
            *key_of(ref),
            NOT_PROJECTED if projection is None else version,
            packed,
            events,
            *learnt(projection or Projection()),
        )
        return changed

    def _pack(self, projection: Projection) -> tuple[bytes, list[dict[str, object]]]:
        return zlib.compress(self._encoder.encode(projection)), activities.rows_of(projection.activities)

    async def projections(self, refs: Sequence[ExecutionRef]) -> dict[ExecutionRef, Projection | None]:
        """The projections of those runs that are archived, in one statement. Those that were asked for last are kept.

        None stands for one that an older version folded: fold the run's `pages` again.
        """
        return await self._known(refs, _WHOLE, self._decoder)

    async def parts(
        self, refs: Sequence[ExecutionRef], names: frozenset[str]
    ) -> dict[ExecutionRef, ProjectionParts | None]:
        """As `projections`, but only these parts of them are decoded."""
        return await self._known(refs, names, _decoder(names))

    async def _known(
        self, refs: Sequence[ExecutionRef], names: frozenset[str], decoder: msgspec.msgpack.Decoder[Any]
    ) -> dict[ExecutionRef, Any]:
        known = {ref: held for ref in refs if (held := self._remembered.get((ref, names))) is not None}
        if len(known) == len(refs):
            return known
        read = await self._decoded([ref for ref in refs if ref not in known], decoder)
        self._remembered.keep({(ref, names): (found, size) for ref, (found, size) in read.items() if size})
        return known | {ref: found for ref, (found, _) in read.items()}

    async def _decoded(
        self, refs: Sequence[ExecutionRef], decoder: msgspec.msgpack.Decoder[T]
    ) -> dict[ExecutionRef, tuple[T | None, int]]:
        """With the bytes that each is packed in; 0 where it is None."""
        if not refs:
            return {}
        rows = await self._database.fetch(
            "select namespace, workflow_id, run_id, case when projector_version = $4 then projection end as projection"
            " from archive join unnest($1::text[], $2::text[], $3::text[]) as wanted (namespace, workflow_id, run_id)"
            " using (namespace, workflow_id, run_id)",
            *columns_of(refs),
            PROJECTOR_VERSION,
        )
        if sum(len(row["projection"] or b"") for row in rows) > INLINE_BYTES:
            return await asyncio.to_thread(_unpacked, rows, decoder)
        return _unpacked(rows, decoder)

    async def outdated(self, namespaces: Sequence[str], limit: int, besides: Iterable[str] = ()) -> list[ExecutionRef]:
        """Archived runs whose projection an older version made, or none could, without the run ids in
        `besides`."""
        rows = await self._database.fetch(
            "select namespace, workflow_id, run_id from archive where projector_version < $1"
            " and namespace = any($2) and run_id <> all($3) order by projector_version limit $4",
            PROJECTOR_VERSION,
            list(namespaces),
            list(besides),
            limit,
        )
        return [ref_of(row) for row in rows]

    async def length(self, ref: ExecutionRef) -> int | None:
        """How many events are kept of a run; None where it is not archived."""
        length: int | None = await self._database.fetchval(f"select events from archive where {HERE}", *key_of(ref))
        return length

    async def pages(
        self, ref: ExecutionRef, position: int = 0, *, reverse: bool = False
    ) -> AsyncGenerator[Sequence[HistoryEvent], None]:
        """The events of an archived run behind `position`, oldest first, some at a time; with `reverse` those
        ahead of it, newest first, from the end where it is 0. Holds one piece of the history at a time.

        NotFound where the run is not archived.
        """
        found = False
        while (piece := await self._piece(ref, position, reverse=reverse)) is not None:
            found = True
            events = await unpacked(piece["events"])
            if reverse:
                yield [each for each in reversed(events) if not position or each.event_id < position]
            else:
                yield [each for each in events if each.event_id > position]
            position = piece["first_event_id"] if reverse else piece["last_event_id"]
        if not found and await self.length(ref) is None:
            raise NotFound(f"The history of {ref.workflow_id!r} is not archived.")

    async def events(self, ref: ExecutionRef, numbers: Iterable[int]) -> list[HistoryEvent]:
        """Those events of an archived run, oldest first. Reads the pieces that have them, one at a time.

        NotFound where the run is not archived.
        """
        found: list[HistoryEvent] = []
        wanted, last = set(numbers), 0
        while left := [number for number in wanted if number > last]:
            piece = await self._piece(ref, min(left) - 1, reverse=False)
            if piece is None:
                break
            found += [each for each in await unpacked(piece["events"]) if each.event_id in wanted]
            last = piece["last_event_id"]
        if not found and await self.length(ref) is None:
            raise NotFound(f"The history of {ref.workflow_id!r} is not archived.")
        return found

    async def _piece(self, ref: ExecutionRef, position: int, *, reverse: bool) -> Row | None:
        rule = (
            "($4 = 0 or first_event_id < $4) order by first_event_id desc"
            if reverse
            else "last_event_id > $4 order by first_event_id"
        )
        return await self._database.fetchrow(
            f"select first_event_id, last_event_id, events from archive_events where {HERE} and {rule} limit 1",
            *key_of(ref),
            position,
        )


def _unpacked(rows: Sequence[Row], decoder: msgspec.msgpack.Decoder[T]) -> dict[ExecutionRef, tuple[T | None, int]]:
    return {
        ref_of(row): (decoder.decode(zlib.decompress(packed)), len(packed))
        if (packed := row["projection"])
        else (None, 0)
        for row in rows
    }


@lru_cache(maxsize=64)
def _decoder(names: frozenset[str]) -> msgspec.msgpack.Decoder[Any]:
    """Decodes these fields of a projection alone."""
    types, defaults = get_type_hints(Projection), Projection()
    wanted = [(name, types[name], getattr(defaults, name)) for name in sorted(names)]
    return msgspec.msgpack.Decoder(msgspec.defstruct("ArchivedParts", wanted, bases=(Archived,), frozen=True))


def _columns(pieces: Sequence[Piece]) -> tuple[list[int], list[int], list[bytes]]:
    return [each.first_event_id for each in pieces], [each.last_event_id for each in pieces], [p.events for p in pieces]
