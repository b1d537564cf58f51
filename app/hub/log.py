"""The log of a run, wherever it is kept: Temporal while it remembers, the archive afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from app.errors import NotFound
from app.model import ExecutionRef
from app.temporal import reads
from app.temporal.connection import Temporal

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

ReadArchive = Callable[[ExecutionRef, int], AsyncGenerator[Sequence["HistoryEvent"], None]]
"""The archived events of a run behind a position, oldest first, some at a time; NotFound where the run is not
archived."""


class RunLog:
    def __init__(self, temporal: Temporal, archived: ReadArchive) -> None:
        self._temporal = temporal
        self._archived = archived

    async def behind(self, ref: ExecutionRef, position: int) -> AsyncGenerator[HistoryEvent, None]:
        """Every event behind `position` that exists now, oldest first.

        From the start the pages are streamed; from anywhere else the history is read backwards, so that the cost
        is that of what was missed. NotFound where neither Temporal nor the archive has the run.
        """
        try:
            if position == 0:
                async for event in reads.history(self._temporal, ref):
                    yield event
                    position = event.event_id
            else:
                for event in await reads.history_behind(self._temporal, ref, position):
                    yield event
            return
        except NotFound:
            async with aclosing(self._kept(ref, position)) as kept:
                async for event in kept:
                    yield event

    async def page(self, ref: ExecutionRef, position: int, limit: int) -> list[HistoryEvent]:
        """The first `limit` events behind `position` that exist now, oldest first."""
        found: list[HistoryEvent] = []
        async with aclosing(self.behind(ref, position)) as events:
            async for event in events:
                found.append(event)
                if len(found) == limit:
                    break
        return found

    async def _kept(self, ref: ExecutionRef, position: int) -> AsyncGenerator[HistoryEvent, None]:
        async with aclosing(self._archived(ref, position)) as pages:
            async for page in pages:
                events, _ = await self._temporal.payloads.readable(ref.namespace, page)
                for event in events:
                    yield event
