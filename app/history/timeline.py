"""The bars of a run, in order of their start, each with a lane that it keeps."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.history.evolve import evolve_item
from app.history.lanes import Lanes, start_order
from app.model import Json, TimelineItem, TimelineStatus


class Timeline:
    """Items by key. Lanes are given when an item is added, in the order of the events, so that folding
    event by event and folding at once agree."""

    def __init__(self) -> None:
        self._items: dict[str, TimelineItem] = {}
        self._open: dict[str, None] = {}
        self._lanes = Lanes()
        self._order: list[TimelineItem] = []
        self._places: dict[str, int] | None = {}
        """Where each key stands in `_order`; None once an item was inserted before others."""

    def lane(self, start: datetime, end: datetime | None) -> int:
        """A lane for an item that is added next."""
        return self._lanes.place(start, end)

    def add(self, item: TimelineItem) -> None:
        self._items[item.key] = item
        if item.end_time is None:
            self._open[item.key] = None
        if not self._order or start_order(self._order[-1]) <= start_order(item):
            self._order.append(item)
            if self._places is not None:
                self._places[item.key] = len(self._order) - 1
        else:
            insort(self._order, item, key=start_order)
            self._places = None

    def get(self, key: str) -> TimelineItem | None:
        return self._items.get(key)

    def change(
        self,
        key: str,
        event_id: int | None = None,
        *,
        detail: Mapping[str, Json] | None = None,
        **changes: Any,
    ) -> None:
        """Change an item's fields; `event_id` is appended to its events, `detail` is merged. Unknown keys are
        passed over: a history may be read from its middle."""
        item = self._items.get(key)
        if item is None:
            return
        if event_id is not None:
            changes["event_ids"] = (*item.event_ids, event_id)
        if detail:
            changes["detail"] = {**item.detail, **detail}
        self._put(evolve_item(item, **changes))

    def end(
        self, key: str, status: TimelineStatus, time: datetime, event_id: int | None = None, **changes: Any
    ) -> None:
        """Close an item, once."""
        item = self._items.get(key)
        if item is None or item.end_time is not None:
            return
        self._lanes.close(item.lane, time)
        self._open.pop(key, None)
        self.change(key, event_id, status=status, end_time=max(time, item.start_time), **changes)

    def open_items(self) -> list[TimelineItem]:
        return [self._items[key] for key in self._open]

    def snapshot(self) -> tuple[TimelineItem, ...]:
        return tuple(self._order)

    def _put(self, item: TimelineItem) -> None:
        if self._places is None:
            self._places = {each.key: place for place, each in enumerate(self._order)}
        self._order[self._places[item.key]] = item
        self._items[item.key] = item
