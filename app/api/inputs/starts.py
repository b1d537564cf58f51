"""What mutations that start a run are given."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.values import Objects
from app.errors import Refusal
from app.gateway.starting.wanted import StartWanted
from app.model import RetryPolicy
from app.model.options import IdConflictPolicy, IdReusePolicy, Priority, VersioningOverride

KEY = (
    "1 to 255 characters, such as a UUID. The same key with the same input is done once, however often it is sent: at"
    " once, through another gateway, after a crash, or after the run has closed. Kept for 7 days unless the operator"
    " chose otherwise, and never shorter than the run."
)


@strawberry.input(description="How Temporal retries a run that failed.")
class RetryPolicyInput:
    initial_interval_seconds: float = 1.0
    backoff_coefficient: float = 2.0
    maximum_interval_seconds: float | None = strawberry.field(
        default=None, description="A hundred times the initial interval where not given."
    )
    maximum_attempts: int | None = strawberry.field(default=None, description="No bound where not given.")
    non_retryable_error_types: list[str] | None = None

    def value(self) -> RetryPolicy:
        return RetryPolicy(
            initial_interval=self.initial_interval_seconds,
            backoff_coefficient=self.backoff_coefficient,
            maximum_interval=self.maximum_interval_seconds,
            maximum_attempts=self.maximum_attempts,
            non_retryable_error_types=tuple(self.non_retryable_error_types or ()),
        )


@strawberry.input(description="Which runs of a task queue go first.")
class PriorityInput:
    key: int | None = strawberry.field(default=None, description="1, most urgent, to 5; 3 where not given.")
    fairness_key: str | None = strawberry.field(
        default=None, description="Runs with different keys get their turns by weight; at most 64 bytes."
    )
    fairness_weight: float | None = strawberry.field(default=None, description="0.001 to 1000; 1 where not given.")

    def value(self) -> Priority:
        return Priority(self.key, self.fairness_key, self.fairness_weight)


@strawberry.input(description="Which workers a run goes to, instead of what its deployment says: one of both.")
class VersioningOverrideInput:
    pinned: PinnedVersionInput | None = None
    auto_upgrade: bool = strawberry.field(default=False, description="Always the current version.")

    @property
    def problems(self) -> tuple[Refusal, ...]:
        if (self.pinned is not None) != self.auto_upgrade:
            return ()
        message = "versioningOverride needs either pinned or autoUpgrade: true."
        return (Refusal("INVALID_INPUT", message, path=("versioningOverride",)),)

    def value(self) -> VersioningOverride:
        return VersioningOverride(self.pinned.deployment_name, self.pinned.build_id) if self.pinned else _UPGRADED


_UPGRADED = VersioningOverride()


@strawberry.input
class PinnedVersionInput:
    deployment_name: str
    build_id: str


@strawberry.input
class StartFields:
    workflow_type: str
    workflow_id: str | None = strawberry.field(default=None, description="Made up where it is not given.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    input: list[JSON | None] | None = strawberry.field(
        default=None, description="The workflow's arguments; one object for most."
    )
    task_queue: str | None = strawberry.field(default=None, description="From the registry where it is not given.")
    namespace: str | None = None
    id_reuse_policy: IdReusePolicy = IdReusePolicy.ALLOW_DUPLICATE
    execution_timeout_seconds: float | None = strawberry.field(
        default=None, description="Of the whole chain of runs, with retries and continue-as-new."
    )
    run_timeout_seconds: float | None = strawberry.field(default=None, description="Of one run.")
    task_timeout_seconds: float | None = strawberry.field(
        default=None, description="Of one workflow task, after which another worker tries it; 10 where not given."
    )
    start_delay_seconds: float | None = strawberry.field(
        default=None, description="Time before the first task; a signal ends it."
    )
    retry_policy: RetryPolicyInput | None = strawberry.field(
        default=None, description="From the registry where it is not given; a run is not retried without one."
    )
    priority: PriorityInput | None = None
    versioning_override: VersioningOverrideInput | None = None
    metadata: JSON | None = strawberry.field(default=None, description="An object, by which runs can be searched.")
    memo: JSON | None = strawberry.field(default=None, description="An object.")
    search_attributes: JSON | None = strawberry.field(
        default=None, description="An object of attributes that the namespace has, by name."
    )
    summary: str | None = strawberry.field(default=None, description="Temporal's static summary, one line.")
    details: str | None = strawberry.field(default=None, description="Temporal's static details, Markdown.")

    def wanted(self, policy: IdConflictPolicy) -> StartWanted:
        """What is meant, with what cannot be."""
        objects = Objects()
        override = self.versioning_override
        return StartWanted(
            workflow_type=self.workflow_type,
            workflow_id=self.workflow_id,
            input=self.input or [],
            task_queue=self.task_queue,
            namespace=self.namespace,
            metadata=objects.read(self.metadata, "metadata"),
            memo=objects.read(self.memo, "memo"),
            search_attributes=objects.read(self.search_attributes, "searchAttributes"),
            summary=self.summary,
            details=self.details,
            execution_timeout=self.execution_timeout_seconds,
            run_timeout=self.run_timeout_seconds,
            task_timeout=self.task_timeout_seconds,
            start_delay=self.start_delay_seconds,
            retry_policy=self.retry_policy.value() if self.retry_policy else None,
            priority=self.priority.value() if self.priority else None,
            versioning_override=override.value() if override else None,
            id_reuse_policy=self.id_reuse_policy,
            id_conflict_policy=policy,
            problems=(*objects.problems, *(override.problems if override else ())),
        )


WAIT = (
    "0 to 60: wait so long for the run to close, so that result or failure are in the same answer. It follows"
    " continue-as-new, retries and cron: execution is then the last run."
)


@strawberry.input
class StartWorkflowInput(StartFields):
    id_conflict_policy: IdConflictPolicy = IdConflictPolicy.FAIL
    wait_for_result_seconds: float | None = strawberry.field(default=None, description=WAIT)


@strawberry.input(description="signalArgs go with the signal, input with the start.")
class SignalWithStartWorkflowInput(StartFields):
    signal_name: str
    signal_args: list[JSON | None] | None = None
    wait_for_result_seconds: float | None = strawberry.field(default=None, description=WAIT)


@strawberry.input(description="updateArgs go with the update, input with the start.")
class UpdateWithStartWorkflowInput(StartFields):
    update_name: str
    update_args: list[JSON | None] | None = None
    id_conflict_policy: IdConflictPolicy = IdConflictPolicy.USE_EXISTING
