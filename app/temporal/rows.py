"""What visibility and describe say of a run, as an `Execution`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.model import Execution, Json, WorkflowStatus
from app.protos import json_of, payload_of, time_of
from app.temporal.connection import Tenancy

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload as PayloadProto
    from temporalio.api.common.v1 import SearchAttributes
    from temporalio.api.workflow.v1 import WorkflowExecutionInfo

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
    metadata = memo.get("metadata")
    start_time = time_of(info.start_time)
    if start_time is None:
        raise ValueError(f"Temporal gave no start time for {info.execution.workflow_id!r}")
    return Execution(
        namespace=namespace,
        workflow_id=info.execution.workflow_id,
        run_id=info.execution.run_id,
        workflow_type=info.type.name,
        task_queue=info.task_queue,
        status=status_of(info.status),
        start_time=start_time,
        execution_time=time_of(info.execution_time),
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
        metadata=metadata if isinstance(metadata, dict) else {},
        memo=memo,
        search_attributes=attributes,
    )


def named(attributes: Mapping[str, Json], memo: Mapping[str, Json], attribute: str, key: str) -> str | None:
    return text(attributes.get(attribute)) or text(memo.get(key))


def text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
