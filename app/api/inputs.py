"""What clients send: filters and mutation inputs, and the values that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.errors import BadUserInput
from app.gateway.acting import StartWanted
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
            metadata=_object(self.metadata, ("filter", "metadata")),
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


def _object(value: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput(f"{path[-1]} must be a JSON object.", path=path)
    return value


@strawberry.input
class StartWorkflowInput:
    workflow_type: str
    workflow_id: str | None = strawberry.field(default=None, description="Made up where it is not given.")
    input: list[JSON] | None = strawberry.field(
        default=None, description="The workflow's arguments; one object for most."
    )
    task_queue: str | None = strawberry.field(default=None, description="From the registry where it is not given.")
    namespace: str | None = None
    metadata: JSON | None = strawberry.field(default=None, description="An object, by which runs can be searched.")
    memo: JSON | None = None
    search_attributes: JSON | None = None
    summary: str | None = strawberry.field(default=None, description="Temporal's static summary, one line.")
    details: str | None = strawberry.field(default=None, description="Temporal's static details, Markdown.")
    execution_timeout_seconds: float | None = None
    run_timeout_seconds: float | None = None
    task_timeout_seconds: float | None = None
    start_delay_seconds: float | None = None

    def value(self) -> StartWanted:
        return StartWanted(
            workflow_type=self.workflow_type,
            workflow_id=self.workflow_id,
            input=self.input or [],
            task_queue=self.task_queue,
            namespace=self.namespace,
            metadata=_object(self.metadata, ("input", "metadata")),
            memo=_object(self.memo, ("input", "memo")),
            search_attributes=_object(self.search_attributes, ("input", "searchAttributes")),
            summary=self.summary,
            details=self.details,
            execution_timeout=self.execution_timeout_seconds,
            run_timeout=self.run_timeout_seconds,
            task_timeout=self.task_timeout_seconds,
            start_delay=self.start_delay_seconds,
        )


@strawberry.input
class SignalWorkflowInput:
    workflow_id: str
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    signal_name: str
    args: list[JSON] | None = None


@strawberry.input
class CancelWorkflowInput:
    workflow_id: str
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    reason: str = strawberry.field(default="", description="Kept in the run's history.")


@strawberry.input(description="A run by name; without runId the latest.")
class WorkflowRef:
    workflow_id: str
    run_id: strawberry.ID | None = None
    namespace: str | None = None
