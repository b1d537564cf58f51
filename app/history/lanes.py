"""Rows of a Gantt chart: items that overlap in time get different ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush

from app.model import TimelineItem


class Lanes:
    """Hands out the lowest free row, item after item, and never takes a given row back.

    A row is free for an item that starts at or after the end of the row's last item. An instantaneous item
    fills its moment: nothing else that starts in the same moment shares its row.
    """

    def __init__(self) -> None:
        self._ends: list[tuple[datetime, bool] | None] = []
        """Per lane the end of its last item and whether that was instantaneous; None while the item is
        open."""
        self._closed: list[int] = []
        """A heap of the lanes whose last item has ended."""

    def place(self, start: datetime, end: datetime | None) -> int:
        """The lane of an item; `end` is None while it is open, which `close` ends."""
        lane = self._free(start)
        if end is None:
            self._ends[lane] = None
        else:
            self._end(lane, end, instant=end == start)
        return lane

    def close(self, lane: int, end: datetime) -> None:
        if self._ends[lane] is None:
            self._end(lane, end, instant=False)

    def _end(self, lane: int, end: datetime, *, instant: bool) -> None:
        self._ends[lane] = (end, instant)
        heappush(self._closed, lane)

    def _free(self, start: datetime) -> int:
        later: list[int] = []
        found = -1
        while self._closed and found < 0:
            lane = heappop(self._closed)
            last = self._ends[lane]
            if last and (last[0] < start or (last[0] == start and not last[1])):
                found = lane
            else:
                later.append(lane)
        for lane in later:
            heappush(self._closed, lane)
        if found < 0:
            self._ends.append(None)
            found = len(self._ends) - 1
        return found


def assign_lanes(items: Iterable[TimelineItem], now: datetime | None = None) -> tuple[TimelineItem, ...]:
    """The items by start time, with lanes of their own: for a part of a timeline, such as one kind of items.

    An open item lasts until `now`, or for ever where `now` is None. Items that come later do not change the
    lanes of those before them.
    """
    lanes = Lanes()
    placed = []
    for item in sorted(items, key=start_order):
        end = item.end_time if item.end_time is not None or now is None else max(now, item.start_time)
        placed.append(replace(item, lane=lanes.place(item.start_time, end)))
    return tuple(placed)


def start_order(item: TimelineItem) -> tuple[datetime, int, str]:
    return (item.start_time, item.event_ids[0] if item.event_ids else 0, item.key)
