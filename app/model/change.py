"""Places in logs, and the entries of the log of the lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.execution import ExecutionRef


class ChangeKind(StrEnum):
    STARTED = "STARTED"
    UPDATED = "UPDATED"
    CLOSED = "CLOSED"
    DELETED = "DELETED"


class AlertChangeKind(StrEnum):
    RAISED = "RAISED"
    UPDATED = "UPDATED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log: that a row changed, never what it says now."""

    position: int
    kind: ChangeKind | AlertChangeKind
    ref: ExecutionRef
    """The run; of an alert, the run that it is about, with empty names where there is none."""
    time: datetime
    xid: int = 0
    """The transaction that wrote it."""
    tenant: str = ""
    environment: str = ""
    alert: int | None = None
    """The alert that changed, where it was no run."""

    @property
    def cursor(self) -> ChangeCursor:
        return ChangeCursor(self.xid, self.position)


@dataclass(frozen=True, slots=True, order=True)
class ChangeCursor:
    """A place in the change log: exactly behind the entry `position` of transaction `xid`."""

    xid: int
    position: int


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in the change log of one database; `log` tells that log from every other."""

    log: str
    cursor: ChangeCursor


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the log of a run: exactly behind `event_id`. `digest` marks the state last delivered, where a
    stream also delivers states that are in no log (heartbeats)."""

    namespace: str
    workflow_id: str
    run_id: str
    event_id: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where a stream could not go on exactly behind a cursor, since its log is gone."""

    reason: str
    resumed_at: Cursor
