"""Temporal's gRPC statuses as our errors: the one place that knows them, and the words that tell some apart."""

from __future__ import annotations

from typing import NamedTuple

from temporalio.api.errordetails.v1 import MultiOperationExecutionFailure, WorkflowExecutionAlreadyStartedFailure
from temporalio.service import RPCError, RPCStatusCode

from app.errors import (
    BadUserInput,
    Conflict,
    DeadlineExceeded,
    NotFound,
    RateLimited,
    Refusal,
    TemporalUnavailable,
    TidelineError,
)
from app.model import ExecutionRef


class NotSupported(Conflict):
    """The connected server does not offer this call."""

    code = "NOT_SUPPORTED"


class Running(NamedTuple):
    """The run that stands in the way of a start."""

    run_id: str
    request_id: str


def unreachable(address: str) -> TemporalUnavailable:
    return TemporalUnavailable(
        f"Temporal at {address} cannot be reached. Check that it runs and that TEMPORAL_ADDRESS names it."
    )


def error_of(error: RPCError, rpc: str, address: str) -> TidelineError:
    """Temporal's gRPC status as one of our errors; its sentence is kept where it was made for people."""
    status, text = _meant(error)
    if status is RPCStatusCode.NOT_FOUND:
        return NotFound(text)
    if status in {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE}:
        return BadUserInput(text)
    if status in {RPCStatusCode.ALREADY_EXISTS, RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.ABORTED}:
        return Conflict(text)
    if status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return RateLimited(f"Temporal is asked too much at once: {text}")
    if status is RPCStatusCode.UNIMPLEMENTED:
        return NotSupported(f"The Temporal server at {address} does not offer {rpc}: {text}")
    if status is RPCStatusCode.DEADLINE_EXCEEDED or _deadline_passed(error):
        return DeadlineExceeded(f"Temporal at {address} did not answer {rpc} in time.")
    if status in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED}:
        return TemporalUnavailable(f"Temporal at {address} refuses this gateway's credentials: {text}")
    if status in {RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED}:
        return unreachable(address)
    return TemporalUnavailable(f"Temporal at {address} failed at {rpc}: {text}")


def _deadline_passed(error: RPCError) -> bool:
    """It comes as CANCELLED: with these words from the SDK; without any where the server ends the call first."""
    is_ended = error.status is RPCStatusCode.CANCELLED and "h2 protocol error" in error.message
    return is_ended or "Timeout expired" in error.message


def _meant(error: RPCError) -> tuple[RPCStatusCode, str]:
    """The status and words; of several operations at once, those of the one that failed."""
    failure = MultiOperationExecutionFailure()
    for detail in error.grpc_status.details:
        if detail.Unpack(failure):
            for each in failure.statuses:
                if each.code not in {RPCStatusCode.OK, RPCStatusCode.ABORTED}:
                    return RPCStatusCode(each.code), sentence(each.message)
    return error.status, sentence(error.message)


def running(error: BaseException) -> Running | None:
    """The run that was in the way, where Temporal's refusal of a start names it."""
    cause = error.__cause__
    if not isinstance(cause, RPCError):
        return None
    details = list(cause.grpc_status.details)
    several = MultiOperationExecutionFailure()
    for detail in cause.grpc_status.details:
        if detail.Unpack(several):
            details += [inner for each in several.statuses for inner in each.details]
    failure = WorkflowExecutionAlreadyStartedFailure()
    for detail in details:
        if detail.Unpack(failure):
            return Running(failure.run_id, failure.start_request_id)
    return None


def closed_or_unknown(error: NotFound, ref: ExecutionRef) -> Refusal:
    """Temporal says NOT_FOUND for a closed run too; only its words tell the two apart."""
    if "already completed" in error.message:
        return already_closed(ref)
    return Refusal("NOT_FOUND", f"There is no workflow {ref.workflow_id!r}.", path=("workflowId",))


def already_closed(ref: ExecutionRef) -> Refusal:
    return Refusal("ALREADY_CLOSED", f"Workflow {ref.workflow_id!r} has closed already.", path=("workflowId",))


def sentence(text: str) -> str:
    """Temporal's words with a capital and a full stop."""
    text = text.strip() or "no reason given"
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
