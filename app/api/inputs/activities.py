"""What mutations of activities are given."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.starts import KEY
from app.gateway.acting.activities import ActivityName, ResetActivityWanted
from app.temporal.activities import ActivityOptions, Failed

JITTER = "The next attempt begins at a random moment within as many seconds."
NO_BOUND = "Seconds; 0: no bound."


@strawberry.input
class ActivityInput:
    """An activity, by its run and id or by its task token, and the key of the request."""

    workflow_id: str | None = None
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    activity_id: str | None = None
    task_token: str | None = strawberry.field(
        default=None,
        description="In place of workflowId and activityId: what the activity's worker was given, in base64.",
    )
    namespace: str | None = None
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    @property
    def name(self) -> ActivityName:
        return ActivityName(self.workflow_id, self.activity_id, self.run_id, self.task_token, self.namespace)


@strawberry.input
class PauseActivityInput(ActivityInput):
    reason: str = strawberry.field(default="", description="Kept with the activity while it is paused.")


@strawberry.input
class UnpauseActivityInput(ActivityInput):
    jitter_seconds: float | None = strawberry.field(default=None, description=JITTER)


@strawberry.input
class ResetActivityInput(ActivityInput):
    reset_heartbeat: bool = strawberry.field(default=False, description="Forget the details of its last heartbeat.")
    keep_paused: bool = strawberry.field(default=False, description="Otherwise a paused one goes on.")
    restore_original_options: bool = strawberry.field(default=False, description="Those that it was scheduled with.")
    jitter_seconds: float | None = strawberry.field(default=None, description=JITTER)

    @property
    def wanted(self) -> ResetActivityWanted:
        return ResetActivityWanted(
            self.reset_heartbeat, self.keep_paused, self.restore_original_options, self.jitter_seconds
        )


@strawberry.input(description="How an activity is tried again; what is not given stays.")
class ActivityRetryInput:
    initial_interval_seconds: float | None = None
    backoff_coefficient: float | None = strawberry.field(default=None, description="At least 1.")
    maximum_interval_seconds: float | None = strawberry.field(default=None, description=NO_BOUND)
    maximum_attempts: int | None = strawberry.field(default=None, description="0: no bound.")


@strawberry.input
class UpdateActivityOptionsInput(ActivityInput):
    task_queue: str | None = None
    schedule_to_close_timeout_seconds: float | None = strawberry.field(default=None, description=NO_BOUND)
    schedule_to_start_timeout_seconds: float | None = strawberry.field(default=None, description=NO_BOUND)
    start_to_close_timeout_seconds: float | None = strawberry.field(default=None, description=NO_BOUND)
    heartbeat_timeout_seconds: float | None = strawberry.field(default=None, description=NO_BOUND)
    retry_policy: ActivityRetryInput | None = None
    priority: int | None = strawberry.field(default=None, description="Temporal's priority key: 1 comes before 2.")
    restore_original: bool = strawberry.field(
        default=False, description="Back to those that it was scheduled with; nothing else can be given then."
    )

    @property
    def wanted(self) -> ActivityOptions:
        retry = self.retry_policy or ActivityRetryInput()
        return ActivityOptions(
            task_queue=self.task_queue,
            schedule_to_close_timeout=self.schedule_to_close_timeout_seconds,
            schedule_to_start_timeout=self.schedule_to_start_timeout_seconds,
            start_to_close_timeout=self.start_to_close_timeout_seconds,
            heartbeat_timeout=self.heartbeat_timeout_seconds,
            initial_interval=retry.initial_interval_seconds,
            backoff_coefficient=retry.backoff_coefficient,
            maximum_interval=retry.maximum_interval_seconds,
            maximum_attempts=retry.maximum_attempts,
            priority=self.priority,
            restore_original=self.restore_original,
        )


@strawberry.input
class CompleteActivityInput(ActivityInput):
    result: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What it returns; nothing where not given."
    )

    @property
    def values(self) -> list[object]:
        return [] if self.result is strawberry.UNSET else [self.result]


@strawberry.input
class FailActivityInput(ActivityInput):
    message: str
    type: str | None = strawberry.field(default=None, description="The error's type, which a retry policy may name.")
    non_retryable: bool = strawberry.field(default=False, description="Otherwise its retry policy decides.")
    details: list[JSON | None] | None = None

    @property
    def failed(self) -> Failed:
        return Failed(self.message, self.type, self.non_retryable, self.details or [])


@strawberry.input
class HeartbeatActivityInput(ActivityInput):
    details: list[JSON | None] | None = strawberry.field(default=None, description="How far it is.")
