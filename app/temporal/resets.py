"""Resets: a run begun anew from a point of its history. Raises as `runs` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from enum import StrEnum

from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ResetWorkflowExecutionRequest,
    ResetWorkflowExecutionResponse,
)

from app.errors import NotFound, Refusal
from app.model import ExecutionRef
from app.temporal import reads
from app.temporal.connection import Temporal
from app.temporal.refusing import refusing
from app.temporal.runs import named


class Replayed(StrEnum):
    """What came to a run behind the point of its reset, and comes to the new run again unless it is left out."""

    SIGNAL = "SIGNAL"
    UPDATE = "UPDATE"
    NEXUS = "NEXUS"
    CANCEL_REQUEST = "CANCEL_REQUEST"


async def reset(
    temporal: Temporal,
    ref: ExecutionRef,
    event_id: int,
    reason: str,
    without: Sequence[Replayed],
    *,
    identity: str,
    request_id: str,
) -> ExecutionRef:
    """Begin the run anew from an event that ended a workflow task, and name the new run; an open one is terminated.

    Temporal makes a new run for every repeated request. So the reason in the history carries the request id, by which
    a repetition finds the run that the first one made.
    """
    marked = f"{reason} (request {request_id})".strip()
    if (made := await _made_before(temporal, ref, marked)) is not None:
        return made
    request = ResetWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_execution=named(ref),
        reason=marked,
        workflow_task_finish_event_id=event_id,
        request_id=request_id,
        identity=identity,
        reset_reapply_exclude_types=[
            ResetReapplyExcludeType.Value(f"RESET_REAPPLY_EXCLUDE_TYPE_{each.value}") for each in without
        ],
    )
    with refusing(ref, path=("eventId",)):
        response: ResetWorkflowExecutionResponse = await temporal.call("reset_workflow_execution", request, retry=False)
    return ExecutionRef(ref.namespace, ref.workflow_id, response.run_id)


async def _made_before(temporal: Temporal, ref: ExecutionRef, marked: str) -> ExecutionRef | None:
    """The run that a reset with this reason has put in the run's place."""
    with refusing(ref):
        known = await reads.describe(temporal, ref.namespace, ref.workflow_id, ref.run_id)
    if known.reset_run_id is None:
        return None
    made = ExecutionRef(ref.namespace, ref.workflow_id, known.reset_run_id)
    try:
        async with aclosing(reads.history_pages(temporal, made, raw=True)) as pages:
            async for events in pages:
                for event in events:
                    failed = event.workflow_task_failed_event_attributes
                    if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
                        return made if failed.failure.message == marked else None
    except NotFound:
        pass
    return None


async def first_task(temporal: Temporal, ref: ExecutionRef) -> int:
    """The event that ended the first workflow task of a run."""
    with refusing(ref):
        async with aclosing(reads.history_pages(temporal, ref, raw=True)) as pages:
            async for events in pages:
                for event in events:
                    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                        return event.event_id
    raise _no_task(ref)


async def last_task(temporal: Temporal, ref: ExecutionRef) -> int:
    """The event that ended the last workflow task of a run."""
    with refusing(ref):
        async with aclosing(reads.history_backwards(temporal, ref)) as events:
            async for event in events:
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                    return event.event_id
    raise _no_task(ref)


async def first_task_of_build(temporal: Temporal, ref: ExecutionRef, build_id: str) -> int:
    """The event that ended the first workflow task of a run that a worker of this build did."""
    request = DescribeWorkflowExecutionRequest(namespace=ref.namespace, execution=named(ref))
    with refusing(ref):
        response: DescribeWorkflowExecutionResponse = await temporal.call("describe_workflow_execution", request)
    points = response.workflow_execution_info.auto_reset_points.points
    for point in points:
        if point.build_id == build_id and point.run_id in {"", ref.run_id}:
            return point.first_workflow_task_completed_id
    known = sorted({point.build_id for point in points if point.run_id in {"", ref.run_id}})
    raise Refusal(
        "INVALID_INPUT",
        f"No workflow task of this run was done by build {build_id!r}."
        + (f" Its builds: {', '.join(known)}." if known else " Its workers named no build."),
        path=("buildId",),
    )


def _no_task(ref: ExecutionRef) -> Refusal:
    return Refusal(
        "INVALID_INPUT",
        f"Workflow {ref.workflow_id!r} has not completed a workflow task yet: there is nothing to reset it to.",
    )
