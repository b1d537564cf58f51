"""The newest entries of the change log, in the batches in which they were read."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from app.model import Change, ChangeCursor


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that follow one another, at least one; there is none between `after` and the first."""

    after: ChangeCursor
    entries: tuple[Change, ...]

    @property
    def upto(self) -> ChangeCursor:
        return self.entries[-1].cursor


class Ring:
    """Complete from `floor` to `head`. What is older has been let go."""

    def __init__(self, head: ChangeCursor, capacity: int) -> None:
        self.head = head
        self._capacity = capacity
        self._batches: list[Batch] = []
        self._held = 0

    @property
    def floor(self) -> ChangeCursor:
        return self._batches[0].after if self._batches else self.head

    def add(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.head = batch.upto
        self._held += len(batch.entries)
        surplus = 0
        while self._held > self._capacity and surplus < len(self._batches) - 1:
            self._held -= len(self._batches[surplus].entries)
            surplus += 1
        del self._batches[:surplus]

    def behind(self, cursor: ChangeCursor) -> Batch | None:
        """The batch with the next entry behind the cursor, which is not below `floor`; None at the head. Everybody at
        one place gets the same batch; it may begin before the cursor."""
        at = bisect_right(self._batches, cursor, key=lambda batch: batch.upto)
        return self._batches[at] if at < len(self._batches) else None
