"""Which runs: filters as clients write them, and the values that they stand for."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.values import json_object
from app.errors import BadUserInput
from app.model import WorkflowStatus
from app.store.listing import Filter


@strawberry.input(description="A span of time: from its beginning, up to but not including its end.")
class TimeRange:
    from_: datetime | None = strawberry.field(default=None, name="from", description="The first moment within.")
    before: datetime | None = strawberry.field(default=None, description="The first moment behind.")


@strawberry.input(description="How an id must look. All that is given must hold; case matters.")
class IdFilter:
    equals: str | None = None
    starts_with: str | None = None
    contains: str | None = None


@strawberry.input(description="Which runs. Everything given must hold; of a list, any one value.")
class WorkflowFilter:
    namespace: str | None = None
    workflow_type: list[str] | None = None
    status: list[WorkflowStatus] | None = None
    task_queue: list[str] | None = None
    workflow_id: IdFilter | None = None
    run_id: strawberry.ID | None = None
    start_time: TimeRange | None = None
    close_time: TimeRange | None = None
    metadata: JSON | None = strawberry.field(
        default=None, description="An object: its keys and values must be in the run's metadata."
    )
    tenant: str | None = None
    environment: str | None = None

    def value(self) -> Filter:
        workflow_id = self.workflow_id or IdFilter()
        return Filter(
            tenant=self.tenant,
            environment=self.environment,
            namespace=self.namespace,
            workflow_types=tuple(self.workflow_type or ()),
            statuses=tuple(self.status or ()),
            task_queues=tuple(self.task_queue or ()),
            workflow_id=workflow_id.equals,
            workflow_id_prefix=workflow_id.starts_with,
            workflow_id_contains=workflow_id.contains,
            run_id=self.run_id,
            started_after=_from(self.start_time, "startTime"),
            started_before=_before(self.start_time),
            closed_after=_from(self.close_time, "closeTime"),
            closed_before=_before(self.close_time),
            metadata=json_object(self.metadata, ("filter", "metadata")),
        )


def _from(span: TimeRange | None, field: str) -> datetime | None:
    if span is None:
        return None
    start, end = _utc(span.from_), _utc(span.before)
    if start is not None and end is not None and end < start:
        raise BadUserInput(f"{field} ends before it starts.", path=("filter", field))
    return start


def _before(span: TimeRange | None) -> datetime | None:
    return _utc(span.before) if span is not None else None


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is taken as UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
