"""Starting runs, alone or with a signal. Refusals are raised where the caller can mend it; anything
else as `Temporal.call` does."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Memo, SearchAttributes, WorkflowType
from temporalio.api.common.v1 import Priority as PriorityProto
from temporalio.api.common.v1 import RetryPolicy as RetryPolicyProto
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import (
    WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy,
)
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import OnConflictOptions
from temporalio.api.workflow.v1 import VersioningOverride as VersioningProto
from temporalio.api.workflowservice.v1 import (
    SignalWithStartWorkflowExecutionRequest,
    SignalWithStartWorkflowExecutionResponse,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
)

from app.errors import Conflict, Refusal
from app.model import ExecutionRef, Json
from app.model.failure import RetryPolicy
from app.model.options import IdConflictPolicy, Priority, StartOptions, VersioningOverride
from app.temporal.actions import payload, payloads
from app.temporal.connection import Temporal
from app.temporal.statuses import running


@dataclass(frozen=True, slots=True)
class Start(StartOptions):
    """A workflow to be started."""

    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    identity: str = "tideline"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class Started:
    ref: ExecutionRef
    created: bool
    """False where an open run was used. The same request again is true again."""


class AlreadyStarted(Refusal):
    """`run_id` is that of the run that is in the way, where Temporal says it."""

    def __init__(self, message: str, run_id: str | None) -> None:
        super().__init__("ALREADY_STARTED", message, path=("workflowId",))
        self.run_id = run_id


async def start(temporal: Temporal, wanted: Start) -> Started:
    """Start a run. Refusal ALREADY_STARTED where the policies do not allow it."""
    request = StartWorkflowExecutionRequest(**fields_of(wanted))
    if wanted.id_conflict_policy is IdConflictPolicy.USE_EXISTING:
        # The run that is used remembers the request, so that its repetition finds it even when it has closed.
        request.on_conflict_options.CopyFrom(OnConflictOptions(attach_request_id=True))
    try:
        response: StartWorkflowExecutionResponse = await temporal.call("start_workflow_execution", request)
    except Conflict as error:
        return _ours(error, wanted)
    return Started(ExecutionRef(wanted.namespace, wanted.workflow_id, response.run_id), created=response.started)


async def signal_with_start(temporal: Temporal, wanted: Start, name: str, args: Sequence[Json]) -> Started:
    """Send a signal to the open run of the workflow id, which is started where there is none."""
    request = SignalWithStartWorkflowExecutionRequest(
        **fields_of(wanted), signal_name=name, signal_input=payloads(args)
    )
    request.workflow_id_conflict_policy = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    try:
        response: SignalWithStartWorkflowExecutionResponse = await temporal.call(
            "signal_with_start_workflow_execution", request
        )
    except Conflict as error:
        return _ours(error, wanted)
    return Started(ExecutionRef(wanted.namespace, wanted.workflow_id, response.run_id), created=response.started)


def fields_of(wanted: Start) -> dict[str, Any]:
    """The fields that every request has that starts a run."""
    fields: dict[str, Any] = {
        "namespace": wanted.namespace,
        "workflow_id": wanted.workflow_id,
        "workflow_type": WorkflowType(name=wanted.workflow_type),
        "task_queue": TaskQueue(name=wanted.task_queue),
        "input": payloads(wanted.input),
        "identity": wanted.identity,
        "request_id": wanted.request_id,
        "workflow_id_reuse_policy": WorkflowIdReusePolicy.Value(f"WORKFLOW_ID_REUSE_POLICY_{wanted.id_reuse_policy}"),
        "workflow_id_conflict_policy": WorkflowIdConflictPolicy.Value(
            f"WORKFLOW_ID_CONFLICT_POLICY_{wanted.id_conflict_policy}"
        ),
        "memo": Memo(fields={name: payload(value) for name, value in wanted.memo.items()}),
        "search_attributes": SearchAttributes(
            indexed_fields={name: payload(value) for name, value in wanted.search_attributes.items()}
        ),
        "user_metadata": UserMetadata(
            summary=payload(wanted.summary) if wanted.summary else None,
            details=payload(wanted.details) if wanted.details else None,
        ),
        "workflow_execution_timeout": _duration(wanted.execution_timeout),
        "workflow_run_timeout": _duration(wanted.run_timeout),
        "workflow_task_timeout": _duration(wanted.task_timeout),
        "workflow_start_delay": _duration(wanted.start_delay),
        "retry_policy": _retried(wanted.retry_policy),
        "priority": _urgent(wanted.priority),
        "versioning_override": _versioned(wanted.versioning_override),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration


def _retried(policy: RetryPolicy | None) -> RetryPolicyProto | None:
    if policy is None:
        return None
    return RetryPolicyProto(
        initial_interval=_duration(policy.initial_interval),
        backoff_coefficient=policy.backoff_coefficient,
        maximum_interval=_duration(policy.maximum_interval),
        maximum_attempts=policy.maximum_attempts or 0,
        non_retryable_error_types=policy.non_retryable_error_types,
    )


def _urgent(priority: Priority | None) -> PriorityProto | None:
    if priority is None:
        return None
    return PriorityProto(
        priority_key=priority.key or 0,
        fairness_key=priority.fairness_key or "",
        fairness_weight=priority.fairness_weight or 0,
    )


def _versioned(override: VersioningOverride | None) -> VersioningProto | None:
    if override is None:
        return None
    if override.build_id is None:
        return VersioningProto(auto_upgrade=True)
    version = WorkerDeploymentVersion(deployment_name=override.deployment or "", build_id=override.build_id)
    pinned = VersioningProto.PinnedOverride(
        behavior=VersioningProto.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED, version=version
    )
    return VersioningProto(pinned=pinned)


def _ours(error: Conflict, wanted: Start) -> Started:
    """The run that this very request has started before; Refusal where another is in the way."""
    found = running(error)
    if found is not None and found.run_id and found.request_id == wanted.request_id:
        return Started(ExecutionRef(wanted.namespace, wanted.workflow_id, found.run_id), created=False)
    raise in_the_way(error, wanted) from error


def in_the_way(error: Conflict, wanted: Start) -> Refusal:
    """Another run of the id, or a version that no worker has."""
    found = running(error)
    if found is None:
        path = ("versioningOverride",) if wanted.versioning_override else ()
        return Refusal("INVALID_INPUT", error.message, path=path)
    return already_started(wanted, is_open="already running" in error.message.lower(), run_id=found.run_id or None)


def already_started(wanted: Start, *, is_open: bool, run_id: str | None = None) -> AlreadyStarted:
    if is_open:
        message = (
            f"Workflow id {wanted.workflow_id!r} is in use by an open run. Choose another id, wait until it closes, or"
            " give an idConflictPolicy."
        )
    else:
        message = (
            f"Workflow id {wanted.workflow_id!r} was used by a run that has closed, and idReusePolicy"
            f" {wanted.id_reuse_policy} does not allow that. Choose another id or policy."
        )
    return AlreadyStarted(message, run_id)
