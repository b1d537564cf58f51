"""Runs one node within a workflow: as an activity, a local activity, or a timer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from app.workflows.beating import HEARTBEAT_TIMEOUT
    from app.workflows.dag.model import CONDITION, DELAY, TRANSFORM, DagNode, NodeCall, NodeState, Outcome
    from app.workflows.dag.standing import size_of

EVALUATE = "evaluate_node"

_LARGEST_SCOPE = 1_000_000
_EVALUATION = timedelta(seconds=30)
# What is wrong with an expression is not tried again; a worker that is too busy to answer is.
_EVALUATION_RETRY = RetryPolicy(maximum_attempts=5)


async def perform(node: DagNode, state: NodeState, scope: dict[str, Any]) -> Outcome:
    """What the node answers. Raises FailureError, or CancelledError of asyncio."""
    if (size := size_of(scope)) > _LARGEST_SCOPE:
        raise ApplicationError(
            f"{node.id} refers to values of {size} bytes; {_LARGEST_SCOPE} is the most. Narrow them with a transform.",
            type="ValidationError",
            non_retryable=True,
        )
    call = NodeCall(node.id, node.type, node.data, scope, workflow.info().first_execution_run_id)
    if node.type == DELAY:
        return await _delay(node, state, call)
    if node.type in {CONDITION, TRANSFORM}:
        return await _evaluated(call)
    outcome: Outcome = await workflow.execute_activity(
        node.type,
        call,
        result_type=Outcome,
        start_to_close_timeout=timedelta(seconds=node.timeout_seconds),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_retry_policy(node),
        summary=_summary(node),
    )
    return outcome


async def _delay(node: DagNode, state: NodeState, call: NodeCall) -> Outcome:
    """A timer to a time that is kept, so that a run that continues as new waits for the rest alone."""
    now = workflow.now().timestamp()
    if state.due is None:
        given = node.data["delay_seconds"]
        seconds = float((await _evaluated(call)).output) if isinstance(given, str) else float(given)
        state.due = now + seconds
        state.output = {"delayed_seconds": seconds}
    if (left := state.due - workflow.now().timestamp()) > 0:
        await workflow.sleep(left, summary=_summary(node))
    return Outcome(state.output)


async def _evaluated(call: NodeCall) -> Outcome:
    outcome: Outcome = await workflow.execute_local_activity(
        EVALUATE,
        call,
        result_type=Outcome,
        start_to_close_timeout=_EVALUATION,
        retry_policy=_EVALUATION_RETRY,
        summary=f"{call.node_id} ({call.type})",
    )
    return outcome


def told(error: FailureError) -> dict[str, Any]:
    """A failure as expressions and results have it."""
    cause = error.cause if isinstance(error, ActivityError) and error.cause else error
    kind = cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__
    state = error.retry_state if isinstance(error, ActivityError) else None
    return {
        "type": kind,
        "message": getattr(cause, "message", str(cause)),
        "retry_state": state.name.lower() if state else None,
    }


def _retry_policy(node: DagNode) -> RetryPolicy:
    retry = node.retry
    return RetryPolicy(
        initial_interval=timedelta(seconds=retry.initial_interval_seconds),
        backoff_coefficient=retry.backoff_coefficient,
        maximum_interval=timedelta(seconds=retry.maximum_interval_seconds),
        maximum_attempts=retry.maximum_attempts,
    )


def _summary(node: DagNode) -> str:
    return f"{node.name or node.id} ({node.type})"[:200]
