"""Histories in pieces: what the archive keeps of a run's events, each piece to be read by itself."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

EVENTS = 1000
_BYTES = 1_048_576
"""A piece ends with the event that reaches either."""
INLINE_BYTES = 32_768
"""What is larger is packed and unpacked in a thread, so that the event loop stays free."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some events in a row, as Temporal's `History` message, compressed with zlib."""

    first_event_id: int
    last_event_id: int
    events: bytes


class Packer:
    """Packs a history as it is read: what it holds is compressed, but for the piece in hand."""

    def __init__(self) -> None:
        self.events = 0
        self.last_event_id = 0
        self._pieces: list[Piece] = []
        self._held: list[HistoryEvent] = []
        self._size = 0

    async def extend(self, events: Iterable[HistoryEvent]) -> None:
        for event in events:
            self.events += 1
            self.last_event_id = event.event_id
            self._held.append(event)
            self._size += event.ByteSize()
            if len(self._held) >= EVENTS or self._size >= _BYTES:
                await self._cut()

    async def pieces(self) -> Sequence[Piece]:
        """Everything so far."""
        if self._held:
            await self._cut()
        return self._pieces

    async def _cut(self) -> None:
        events, size = self._held, self._size
        self._held, self._size = [], 0
        self._pieces.append(await asyncio.to_thread(_packed, events) if size > INLINE_BYTES else _packed(events))


def _packed(events: Sequence[HistoryEvent]) -> Piece:
    from temporalio.api.history.v1 import History  # noqa: PLC0415 - only the indexer needs it

    packed = zlib.compress(History(events=events).SerializeToString())
    return Piece(events[0].event_id, events[-1].event_id, packed)


async def unpacked(events: bytes) -> list[HistoryEvent]:
    """The events of a piece, oldest first."""
    return await asyncio.to_thread(_unpacked, events) if len(events) > INLINE_BYTES else _unpacked(events)


def _unpacked(events: bytes) -> list[HistoryEvent]:
    from temporalio.api.history.v1 import History  # noqa: PLC0415

    return list(History.FromString(zlib.decompress(events)).events)
