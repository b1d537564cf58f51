"""What visibility, describe and a start say of a run, as an `Execution`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.model import Execution, Json, WorkflowStatus
from app.protos import json_of, object_of, payload_of, time_of
from app.temporal.connection import Tenancy

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload as PayloadProto
    from temporalio.api.common.v1 import SearchAttributes
    from temporalio.api.workflow.v1 import WorkflowExecutionInfo

    from app.temporal.starts import Start

# By number, since the SDK's own enum refuses what is newer than it (8, paused).
_STATUSES = {
    1: WorkflowStatus.RUNNING,
    2: WorkflowStatus.COMPLETED,
    3: WorkflowStatus.FAILED,
    4: WorkflowStatus.CANCELED,
    5: WorkflowStatus.TERMINATED,
    6: WorkflowStatus.CONTINUED_AS_NEW,
    7: WorkflowStatus.TIMED_OUT,
    8: WorkflowStatus.PAUSED,
}

MARKS = frozenset({"createdBy", "tenant", "environment"})
"""What the memo of every run has that Tideline started."""
_NEAR = timedelta(seconds=1)


def status_of(number: int) -> WorkflowStatus:
    """A status that we do not know is taken as running: the next read corrects it."""
    return _STATUSES.get(number, WorkflowStatus.RUNNING)


def fields_of(fields: Mapping[str, PayloadProto]) -> dict[str, Json]:
    return {name: json_of(payload_of(payload)) for name, payload in fields.items()}


def attributes_of(proto: SearchAttributes) -> dict[str, Json]:
    """Search attributes by name. A value that a client wrote as a list of one, as TypeScript's does, is that one:
    lists show it so, while describe repeats what was written."""
    return {name: _unlisted(payload) for name, payload in proto.indexed_fields.items()}


def _unlisted(payload: PayloadProto) -> Json:
    value = json_of(payload_of(payload))
    if isinstance(value, list) and len(value) == 1 and payload.metadata.get("type") not in {None, b"KeywordList"}:
        return value[0]
    return value


def execution_of(namespace: str, info: WorkflowExecutionInfo, tenancy: Tenancy) -> Execution:
    memo = fields_of(info.memo.fields)
    attributes = attributes_of(info.search_attributes)
    start_time = time_of(info.start_time)
    if start_time is None:
        raise ValueError(f"Temporal gave no start time for {info.execution.workflow_id!r}")
    early = _early(info.execution.run_id, start_time) if memo.keys() >= MARKS else timedelta()
    execution_time = time_of(info.execution_time)
    return Execution(
        namespace=namespace,
        workflow_id=info.execution.workflow_id,
        run_id=info.execution.run_id,
        workflow_type=info.type.name,
        task_queue=info.task_queue,
        status=status_of(info.status),
        start_time=start_time - early,
        execution_time=execution_time and execution_time - early,
        close_time=time_of(info.close_time),
        history_length=info.history_length,
        history_size_bytes=info.history_size_bytes,
        first_run_id=info.first_run_id or None,
        parent_workflow_id=info.parent_execution.workflow_id or None,
        parent_run_id=info.parent_execution.run_id or None,
        root_workflow_id=info.root_execution.workflow_id or None,
        root_run_id=info.root_execution.run_id or None,
        tenant=named(attributes, memo, "TenantId", "tenant") or tenancy.tenant,
        environment=named(attributes, memo, "EnvironmentId", "environment") or tenancy.environment,
        created_by=text(memo.get("createdBy")) or text(memo.get("created_by")),
        metadata=object_of(payload_of(info.memo.fields["metadata"])) if "metadata" in memo else {},
        memo=memo,
        search_attributes=attributes,
    )


def _early(run_id: str, started: datetime) -> timedelta:
    """How much earlier than Temporal says a run that Tideline started is said to be: it was told to the millisecond of
    its id, before Temporal was asked for more, and all who ask later are told the same."""
    named = _time_in(run_id)
    return started - named if named is not None and abs(started - named) < _NEAR else timedelta()


def execution_at_start(start: Start, run_id: str, tenancy: Tenancy) -> Execution | None:
    """A run that has just been started, as what it was started with tells; None where its id does not tell when.

    To describe it instead would cost as much as to start it.
    """
    started = _time_in(run_id)
    if started is None:
        return None
    metadata = start.memo.get("metadata")
    return Execution(
        namespace=start.namespace,
        workflow_id=start.workflow_id,
        run_id=run_id,
        workflow_type=start.workflow_type,
        task_queue=start.task_queue,
        status=WorkflowStatus.RUNNING,
        start_time=started,
        execution_time=started + timedelta(seconds=start.start_delay or 0),
        first_run_id=run_id,
        root_workflow_id=start.workflow_id,
        root_run_id=run_id,
        tenant=named(start.search_attributes, start.memo, "TenantId", "tenant") or tenancy.tenant,
        environment=named(start.search_attributes, start.memo, "EnvironmentId", "environment") or tenancy.environment,
        created_by=text(start.memo.get("createdBy")),
        metadata=metadata if isinstance(metadata, dict) else {},
        memo=start.memo,
        search_attributes=start.search_attributes,
        summary=start.summary,
        details=start.details,
    )


def _time_in(run_id: str) -> datetime | None:
    """When a run was started, to the millisecond: Temporal's servers name runs by UUIDs of version 7, older ones by
    random UUIDs."""
    try:
        id_ = UUID(run_id)
    except ValueError:
        return None
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC) if id_.version == 7 else None


def named(attributes: Mapping[str, Json], memo: Mapping[str, Json], attribute: str, key: str) -> str | None:
    return text(attributes.get(attribute)) or text(memo.get(key))


def text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
