"""What we ask Temporal to do with an open activity of a run.

Every function raises Refusal for what its caller can mend, else as `Temporal.call` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions as OptionsProto
from temporalio.api.failure.v1 import ApplicationFailureInfo
from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.workflowservice.v1 import (
    PauseActivityRequest,
    RecordActivityTaskHeartbeatByIdRequest,
    RecordActivityTaskHeartbeatByIdResponse,
    RecordActivityTaskHeartbeatRequest,
    ResetActivityRequest,
    RespondActivityTaskCompletedByIdRequest,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedByIdRequest,
    RespondActivityTaskFailedRequest,
    UnpauseActivityRequest,
    UpdateActivityOptionsRequest,
)

from app.errors import NotFound, Refusal
from app.model import ExecutionRef, Json
from app.temporal.actions import payloads
from app.temporal.connection import Temporal
from app.temporal.refusing import refusing
from app.temporal.runs import named

NEEDS = "Acting on activities needs Temporal server 1.28 or newer."


@dataclass(frozen=True, slots=True)
class ActivityRef:
    """An activity of a run; with a `token`, the attempt that the token was made for."""

    run: ExecutionRef
    activity_id: str
    token: bytes | None = None


@dataclass(frozen=True, slots=True)
class ActivityOptions:
    """What is changed of an activity; None leaves it. Spans are in seconds, 0 means no bound."""

    task_queue: str | None = None
    schedule_to_close_timeout: float | None = None
    schedule_to_start_timeout: float | None = None
    start_to_close_timeout: float | None = None
    heartbeat_timeout: float | None = None
    initial_interval: float | None = None
    backoff_coefficient: float | None = None
    maximum_interval: float | None = None
    maximum_attempts: int | None = None
    priority: int | None = None
    """Temporal's priority key: 1 comes before 2."""
    restore_original: bool = False
    """Back to those that it was scheduled with, in place of everything else."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an activity fails. Unless `non_retryable`, its retry policy decides whether it is tried again."""

    message: str
    type: str | None = None
    non_retryable: bool = False
    details: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Beat:
    """What an activity hears back from its heartbeat."""

    cancel_requested: bool
    paused: bool
    reset: bool


async def pause(temporal: Temporal, which: ActivityRef, reason: str, *, identity: str, request_id: str) -> None:
    """No further attempt begins; one request id is one pause. Refusal ALREADY_PAUSED."""
    request = PauseActivityRequest(
        namespace=which.run.namespace,
        execution=named(which.run),
        id=which.activity_id,
        reason=reason,
        identity=identity,
        request_id=request_id,
    )
    with _refusing(which, conflict="ALREADY_PAUSED"):
        await temporal.call("pause_activity", request)


async def unpause(temporal: Temporal, which: ActivityRef, jitter: float | None, *, identity: str) -> None:
    """Attempts begin again, the next at once or within `jitter` seconds. Nothing happens to one that is not paused."""
    request = UnpauseActivityRequest(
        namespace=which.run.namespace,
        execution=named(which.run),
        id=which.activity_id,
        identity=identity,
        jitter=_span(jitter),
    )
    with _refusing(which):
        await temporal.call("unpause_activity", request)


async def reset(
    temporal: Temporal,
    which: ActivityRef,
    *,
    reset_heartbeat: bool,
    keep_paused: bool,
    restore_original_options: bool,
    jitter: float | None,
    identity: str,
) -> None:
    """Begin at the first attempt again, at once or within `jitter` seconds; a running attempt is let finish."""
    request = ResetActivityRequest(
        namespace=which.run.namespace,
        execution=named(which.run),
        id=which.activity_id,
        identity=identity,
        reset_heartbeat=reset_heartbeat,
        keep_paused=keep_paused,
        restore_original_options=restore_original_options,
        jitter=_span(jitter),
    )
    with _refusing(which):
        await temporal.call("reset_activity", request)


async def update_options(temporal: Temporal, which: ActivityRef, options: ActivityOptions, *, identity: str) -> None:
    """Change what is given. A span applies to the attempts that begin from now on."""
    request = UpdateActivityOptionsRequest(
        namespace=which.run.namespace,
        execution=named(which.run),
        id=which.activity_id,
        identity=identity,
        restore_original=options.restore_original,
    )
    if not options.restore_original:
        changed, mask = _changed(options)
        request.activity_options.CopyFrom(changed)
        request.update_mask.CopyFrom(mask)
    with _refusing(which):
        await temporal.call("update_activity_options", request)


async def complete(temporal: Temporal, which: ActivityRef, result: Sequence[Json], *, identity: str) -> None:
    """End the activity with this result, in its worker's stead."""
    with _refusing(which):
        if which.token is not None:
            await temporal.call(
                "respond_activity_task_completed",
                RespondActivityTaskCompletedRequest(
                    namespace=which.run.namespace, task_token=which.token, result=payloads(result), identity=identity
                ),
            )
            return
        await temporal.call(
            "respond_activity_task_completed_by_id",
            RespondActivityTaskCompletedByIdRequest(
                namespace=which.run.namespace,
                workflow_id=which.run.workflow_id,
                run_id=which.run.run_id,
                activity_id=which.activity_id,
                result=payloads(result),
                identity=identity,
            ),
        )


async def fail(temporal: Temporal, which: ActivityRef, failed: Failed, *, identity: str) -> None:
    """End the attempt with this failure, in its worker's stead."""
    failure = FailureProto(
        message=failed.message,
        source=identity,
        application_failure_info=ApplicationFailureInfo(
            type=failed.type or "",
            non_retryable=failed.non_retryable,
            details=payloads(failed.details) if failed.details else None,
        ),
    )
    with _refusing(which):
        if which.token is not None:
            await temporal.call(
                "respond_activity_task_failed",
                RespondActivityTaskFailedRequest(
                    namespace=which.run.namespace, task_token=which.token, failure=failure, identity=identity
                ),
            )
            return
        await temporal.call(
            "respond_activity_task_failed_by_id",
            RespondActivityTaskFailedByIdRequest(
                namespace=which.run.namespace,
                workflow_id=which.run.workflow_id,
                run_id=which.run.run_id,
                activity_id=which.activity_id,
                failure=failure,
                identity=identity,
            ),
        )


async def heartbeat(temporal: Temporal, which: ActivityRef, details: Sequence[Json], *, identity: str) -> Beat:
    """Say that the running attempt is alive, and how far it is."""
    with _refusing(which):
        if which.token is not None:
            response: RecordActivityTaskHeartbeatByIdResponse = await temporal.call(
                "record_activity_task_heartbeat",
                RecordActivityTaskHeartbeatRequest(
                    namespace=which.run.namespace, task_token=which.token, details=payloads(details), identity=identity
                ),
            )
        else:
            response = await temporal.call(
                "record_activity_task_heartbeat_by_id",
                RecordActivityTaskHeartbeatByIdRequest(
                    namespace=which.run.namespace,
                    workflow_id=which.run.workflow_id,
                    run_id=which.run.run_id,
                    activity_id=which.activity_id,
                    details=payloads(details),
                    identity=identity,
                ),
            )
    return Beat(response.cancel_requested, response.activity_paused, response.activity_reset)


@contextmanager
def _refusing(which: ActivityRef, *, conflict: str = "") -> Iterator[None]:
    """As `refusing`; that the run is there and open is known already, so what is not found is the activity."""
    at = ("taskToken",) if which.token is not None else ("activityId",)
    with refusing(which.run, needs=NEEDS, conflict=conflict, at=at):
        try:
            yield
        except NotFound as error:
            if error.message.startswith("Workflow execution already completed"):
                raise
            raise Refusal(
                "NOT_FOUND",
                f"Workflow {which.run.workflow_id!r} has no"
                f" {'running' if 'timed out' in error.message else 'open'} activity {which.activity_id!r}.",
                path=at,
            ) from error


def _changed(options: ActivityOptions) -> tuple[OptionsProto, FieldMask]:
    """The options that are given, and their names."""
    proto, paths = OptionsProto(), []
    for name in (
        "schedule_to_close_timeout",
        "schedule_to_start_timeout",
        "start_to_close_timeout",
        "heartbeat_timeout",
    ):
        if (seconds := getattr(options, name)) is not None:
            getattr(proto, name).CopyFrom(_span(seconds))
            paths.append(name)
    for name in ("initial_interval", "maximum_interval"):
        if (seconds := getattr(options, name)) is not None:
            getattr(proto.retry_policy, name).CopyFrom(_span(seconds))
            paths.append(f"retry_policy.{name}")
    if options.backoff_coefficient is not None:
        proto.retry_policy.backoff_coefficient = options.backoff_coefficient
        paths.append("retry_policy.backoff_coefficient")
    if options.maximum_attempts is not None:
        proto.retry_policy.maximum_attempts = options.maximum_attempts
        paths.append("retry_policy.maximum_attempts")
    if options.task_queue is not None:
        proto.task_queue.name = options.task_queue
        paths.append("task_queue.name")
    if options.priority is not None:
        proto.priority.priority_key = options.priority
        paths.append("priority.priority_key")
    return proto, FieldMask(paths=paths)


def _span(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    span = Duration()
    span.FromMicroseconds(round(seconds * 1e6))
    return span
