"""What a synchronisation is asked, how far it has come, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Outcome = Literal["created", "updated", "unchanged"]
MOST_ERRORS_TOLD = 20


@dataclass(frozen=True)
class RecordSource:
    """Where records are read. `http` needs `url`; `postgres` needs `connection` and `table`."""

    kind: Literal["http", "postgres"]
    connection: str | None = None
    """The name under which the worker knows the system and its credentials; never the credentials."""
    url: str | None = None
    """An http or https URL; with `connection`, a path below the connection's URL, such as `/v1/invoices`."""
    pagination: Literal["cursor", "page", "link"] = "cursor"
    """How an http source leads on: by `next_cursor` in its answers, by page numbers, or by a Link header."""
    table: str | None = None
    """The table of records, as `schema.table`."""


@dataclass(frozen=True)
class RecordError:
    """A record that was not taken over, and why."""

    number: int
    """Its place among all records, from 1."""
    key: str | None
    message: str


@dataclass(frozen=True)
class Position:
    """How far a synchronisation has come: what a heartbeat keeps, and where the next attempt or run goes on."""

    cursor: str | None = None
    finished: bool = False
    records: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: tuple[RecordError, ...] = ()
    """The first twenty."""
    report: int = 0
    """Bytes of the error report."""
    written: int = 0
    """Bytes of the file that is written, where the destination is one."""
    mark: str | None = None
    """What tells whether the source is still the one that was begun with."""

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Position:
        """From the JSON that a heartbeat keeps."""
        errors = tuple(RecordError(**each) for each in kept.get("errors", ()))
        return Position(**{**kept, "errors": errors})

    def after(self, outcomes: list[Outcome | RecordError], cursor: str | None) -> Position:
        """Behind a page whose records ended so."""
        wrong = [each for each in outcomes if isinstance(each, RecordError)]
        return replace(
            self,
            cursor=cursor,
            finished=cursor is None,
            records=self.records + len(outcomes),
            created=self.created + outcomes.count("created"),
            updated=self.updated + outcomes.count("updated"),
            unchanged=self.unchanged + outcomes.count("unchanged"),
            failed=self.failed + len(wrong),
            errors=(*self.errors, *wrong)[:MOST_ERRORS_TOLD],
        )

    def said(self, expected: int | None) -> str:
        total = "" if expected is None else f" of {expected}"
        return (
            f"{self.records}{total} records, {self.created} created, {self.updated} updated, "
            f"{self.unchanged} unchanged, {self.failed} failed"
        )


@dataclass(frozen=True)
class Leg:
    """What one activity brought."""

    position: Position
    cancelled: bool = False


@dataclass(frozen=True)
class Progress:
    """What a run hands to the next one of its chain."""

    position: Position
    expected: int | None
    seconds: float
    """Spent in the runs before."""


@dataclass(frozen=True)
class SyncInput:
    """Bring records of a source to another system, each under its own key, so that twice is the same as once."""

    tenant_id: str
    environment_id: str
    source: RecordSource
    connection: str
    """The name of the system that takes the records over."""
    ids: tuple[str, ...] = ()
    """Only these records; else all of the tenant's."""
    page_size: int = 50
    """Records read at a time, 1 to 1000."""
    rate_limit: float | None = None
    """At most this many records a second, to spare the systems at both ends; None: as fast as they answer."""
    max_errors: int = 100
    """Records that may be refused before the run gives up."""


@dataclass(frozen=True)
class SyncResult:
    """`records` were read; so many were created, updated, found right already, or refused."""

    records: int
    created: int
    updated: int
    unchanged: int
    failed: int
    duration: float
    """Seconds from the start of the first run."""
    errors: tuple[RecordError, ...] = field(default=())
    """The first twenty of the refused ones."""
    report: str | None = None
    """The file with all of them, where one was asked for."""
