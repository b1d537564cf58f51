"""One run as far as this process has read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from app.history import Projector, with_pending
from app.model import Description, Execution, ExecutionRef, Projection, RunView
from app.protos import json_of

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

RECENT_EVENTS = 512
"""How many of the newest events are kept for subscribers that are a little behind."""


class Run:
    """The projection so far, the newest events, and the last description."""

    def __init__(self, ref: ExecutionRef) -> None:
        self.ref = ref
        self.description: Description | None = None
        self._projector = Projector(ref)
        self._recent: deque[HistoryEvent] = deque(maxlen=RECENT_EVENTS)
        self._last_event_id = 0

    @property
    def last_event_id(self) -> int:
        return self._last_event_id

    @property
    def projection(self) -> Projection:
        return self._projector.snapshot()

    @property
    def is_caught_up(self) -> bool:
        """Whether everything that the last description knew of has been folded."""
        known = self.description
        return known is not None and self._last_event_id >= known.execution.history_length

    def apply(self, events: Iterable[HistoryEvent]) -> bool:
        """Fold what is new; True where anything was."""
        before = self._last_event_id
        for event in events:
            if event.event_id > self._last_event_id:
                self._projector.apply(event)
                self._recent.append(event)
                self._last_event_id = event.event_id
        return self._last_event_id > before

    def recent(self, position: int) -> list[HistoryEvent] | None:
        """The events behind `position`, or None where the kept ones do not reach back that far."""
        if position >= self._last_event_id:
            return []
        if not self._recent or self._recent[0].event_id > position + 1:
            return None
        behind = min(self._last_event_id - position, len(self._recent))
        return [self._recent[index] for index in range(len(self._recent) - behind, len(self._recent))]

    def view(self) -> RunView:
        """The run now. The description must be there."""
        known = self.description
        if known is None:
            raise LookupError(f"{self.ref} has not been described")
        projection = self.projection
        is_open = not projection.status.is_closed
        pending = known.pending_activities if is_open else ()
        return RunView(
            execution=current(known.execution, projection),
            projection=with_pending(projection, pending) if pending else projection,
            pending_activities=pending,
            pending_workflow_task=known.pending_workflow_task if is_open else None,
        )


def current(execution: Execution, projection: Projection) -> Execution:
    """The row with what the history has said since."""
    if projection.last_event_id == 0:
        return execution
    memo = {name: json_of(payload) for name, payload in projection.memo.items()}
    attributes = {name: json_of(payload) for name, payload in projection.search_attributes.items()}
    failure = projection.failure
    return replace(
        execution,
        status=projection.status,
        close_time=projection.close_time,
        history_length=max(projection.last_event_id, execution.history_length),
        first_run_id=projection.first_run_id or execution.first_run_id,
        previous_run_id=projection.previous_run_id or execution.previous_run_id,
        next_run_id=projection.next_run_id or execution.next_run_id,
        memo={**execution.memo, **memo},
        search_attributes={**execution.search_attributes, **attributes},
        summary=projection.summary or execution.summary,
        details=projection.details or execution.details,
        failure_type=failure.type if failure else None,
        failure_message=failure.message if failure else None,
    )
