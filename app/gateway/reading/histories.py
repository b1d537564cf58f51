"""Histories, a page at a time: from the archive's pieces or Temporal's pages, never whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import NotFound
from app.history import event_type_name, referred_by
from app.model import Execution
from app.store.archive import Archive
from app.temporal import reads
from app.temporal.connection import Temporal

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

MOST_LOOKED_AT = 20_000
"""How many events a page looks through for those of the types that were asked for."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of a run, in the order that was asked for. `end` is the id of the last event that was looked at:
    the next page begins behind it, also where none of the types was found before."""

    events: Sequence[HistoryEvent]
    end: int
    has_next: bool


class Histories:
    """The caller may see the executions already. Raises as `Temporal.call` and `Database` do, and NotFound where
    neither has the history."""

    def __init__(self, temporal: Temporal, archive: Archive) -> None:
        self._temporal = temporal
        self._archive = archive

    async def page(
        self,
        execution: Execution,
        position: int = 0,
        limit: int = 100,
        *,
        types: Collection[str] = (),
        reverse: bool = False,
    ) -> EventPage:
        """Up to `limit` events behind `position`, of any of the `types`, or of all where none is given.

        A page that is not full and has a next one has looked through as many events as one page may.
        """
        found: list[HistoryEvent] = []
        end, looked_at = position, 0
        async with aclosing(self._events(execution, position, reverse=reverse)) as events:
            async for event in events:
                if len(found) >= limit or looked_at >= MOST_LOOKED_AT:
                    return EventPage(found, end, has_next=True)
                end, looked_at = event.event_id, looked_at + 1
                if not types or event_type_name(event) in types:
                    found.append(event)
        return EventPage(found, end, has_next=False)

    async def referred(self, execution: Execution, events: Sequence[HistoryEvent]) -> Mapping[int, HistoryEvent] | None:
        """These events of an archived run and those that they refer to, by their numbers, with what folding reads
        in the clear. None where the archive does not have the run."""
        if not execution.status.is_closed:
            return None
        known = {each.event_id: each for each in events}
        missing = set[int]().union(*map(referred_by, events)) - known.keys()
        try:
            known |= {each.event_id: each for each in await self._archive.events(execution.ref, missing)}
        except NotFound:
            return None
        readable, _ = await self._temporal.payloads.readable(execution.namespace, list(known.values()))
        return {each.event_id: each for each in readable}

    async def count(self, execution: Execution, types: Collection[str]) -> int:
        """How many events of these types the run has."""
        count = 0
        async with aclosing(self._events(execution, 0, reverse=False)) as events:
            async for event in events:
                count += event_type_name(event) in types
        return count

    async def _events(
        self, execution: Execution, position: int, *, reverse: bool
    ) -> AsyncGenerator[HistoryEvent, None]:
        """What is behind `position` in the order; for an open run up to now."""
        if execution.status.is_closed:
            try:
                async with aclosing(self._archive.pages(execution.ref, position, reverse=reverse)) as pages:
                    async for page in pages:
                        for event in page:
                            yield event
                return
            except NotFound:
                pass  # Not archived yet: Temporal has it.
        read = reads.history_backwards if reverse else reads.history
        async with aclosing(read(self._temporal, execution.ref)) as events:
            async for event in events:
                if not position or (event.event_id < position if reverse else event.event_id > position):
                    yield event
