"""The two ends of a synchronisation, as its activities know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.workflows.sync.model import Outcome

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Wrong:
    """What stands where a record should be, and why it cannot be read."""

    text: str
    message: str


@dataclass(frozen=True)
class Page:
    records: Sequence[Record | Wrong]
    cursor: str | None
    """Where the next page begins; None: this was the last one."""


class Source(Protocol):
    @property
    def mark(self) -> str | None:
        """What changes when the source is no longer the one that was begun with; None where nothing tells."""

    async def count(self) -> int | None:
        """Records; None where the source does not tell."""

    async def page(self, cursor: str | None, limit: int) -> Page:
        """The page behind `cursor`, in an order that stays."""


class Destination(Protocol):
    @property
    def batch(self) -> int:
        """Records that it takes at a time."""

    def key(self, record: Record) -> str | None:
        """What the record is known by."""

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """Take them over, each once however often it comes: all of them, or none with ApplicationError, or, of type
        ValidationError, some, which are then unchanged when they come again."""

    async def resume(self, written: int) -> bool:
        """Make ready to go on behind so many bytes; whether that can be done, or it must begin anew."""

    async def settle(self) -> int:
        """Keep what was written for good; its bytes, where the destination is a file."""

    async def finish(self) -> None:
        """All records have come."""


class Remote:
    """A destination that keeps what it is sent at once."""

    async def resume(self, written: int) -> bool:
        return True

    async def settle(self) -> int:
        return 0

    async def finish(self) -> None:
        return None
