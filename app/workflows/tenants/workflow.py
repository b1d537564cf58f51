"""The workflow that provisions a tenant: step by step, and back again where one fails or somebody cancels."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from app.workflows.ending import cause_of, said, uninterrupted
    from app.workflows.entry import Entry
    from app.workflows.publishing import FINAL, phase, publish_progress, refuse
    from app.workflows.tenants.model import (
        AdministratorMade,
        Cancellation,
        TenantChange,
        TenantOrder,
        TenantProvisioningInput,
        TenantProvisioningResult,
        TenantProvisioningState,
    )
    from app.workflows.tenants.problems import problems, tenant_id_of
    from app.workflows.tenants.standing import Standing
    from app.workflows.tenants.steps import ADMINISTRATOR, PHASES, STEPS, Step

TASK_QUEUE = "tideline-tenants"

_ATTEMPT = timedelta(seconds=30)
_LONGEST_STEP = timedelta(minutes=15)
# A step that cannot be taken back leaves something behind: the database has a day to come back.
_LONGEST_UNDO = timedelta(days=1)
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=[*FINAL, "AlreadyExistsError"],
)


class _Cancelled(FailureError):
    """Somebody wants the provisioning to end."""

    def __init__(self) -> None:
        super().__init__("cancelled")


# An input that does not fit the dataclass is its caller's: it fails the run instead of retrying its task.
@workflow.defn(name="TenantProvisioningWorkflow", failure_exception_types=[TypeError])
class TenantProvisioningWorkflow:
    """Provisions a tenant of Tideline: its environments, its administrator with an API key, roles, quotas, defaults.

    The key is in no input, result or history: claimApiKey gives it out once. Where a step fails for good, or somebody
    cancels by the signal `cancel` or by cancelWorkflow, every step is taken back, the last one first. Fails with
    ApplicationError of type ValidationError, AlreadyExistsError or CancelledByRequest, or with what the last attempt
    of a step met. Only a platform can start it, and its runs belong to no tenant.
    """

    @workflow.init
    def __init__(self, request: TenantProvisioningInput) -> None:
        self._standing = Standing(request, tenant_id_of(request))

    @workflow.run
    async def run(self, request: TenantProvisioningInput) -> TenantProvisioningResult:
        refuse(problems(request))
        made: AdministratorMade | None = None
        try:
            for step in STEPS:
                answer = await self._do(step)
                if step.name == ADMINISTRATOR:
                    made = answer
                    self._standing.hand_over_id = answer.hand_over_id
        except (ActivityError, _Cancelled) as error:
            await self._end(error)
        assert made is not None, "the administrator is one of the steps"
        if self._standing.cancellation is not None:
            self._standing.refuse("The tenant was there before the provisioning could be cancelled.")
        self._standing.status = "completed"
        self._publish("done", f"Tenant {self._standing.tenant_id} is there")
        return TenantProvisioningResult(
            tenant_id=self._standing.tenant_id,
            environments=self._standing.wanted.environments,
            key_id=made.key_id,
            hand_over_id=made.hand_over_id,
            claim_until=made.claim_until,
            duration=(workflow.now() - workflow.info().start_time).total_seconds(),
        )

    @workflow.query
    def state(self) -> TenantProvisioningState:
        """Where the provisioning stands: status, step, progress, what is done, what was taken back."""
        return self._standing.shown()

    @workflow.signal
    def cancel(self, cancellation: Cancellation) -> None:
        """End it and take back what was done, for a reason."""
        if problem := self._standing.why_not_cancelled(cancellation):
            self._standing.refuse(problem)
        else:
            self._standing.cancellation = cancellation

    @workflow.update
    def update(self, change: TenantChange) -> TenantProvisioningInput:
        """Change what later steps will be done by; refused for steps that have begun."""
        self._check(change)
        self._standing.change(change)
        return self._standing.wanted

    @update.validator
    def check_update(self, change: TenantChange) -> None:
        self._check(change)

    @workflow.signal(name="update")
    def update_by_signal(self, change: TenantChange) -> None:
        """As the update; what cannot be followed is told by the query `state`, in `refused`."""
        if problem := self._standing.problem(change):
            self._standing.refuse(problem)
        else:
            self._standing.change(change)

    def _check(self, change: TenantChange) -> None:
        if problem := self._standing.problem(change):
            raise ApplicationError(problem, type="ValidationError", non_retryable=True)

    async def _do(self, step: Step) -> Any:
        """Do a step. Raises ActivityError, and _Cancelled before a step that need not begin any more."""
        if self._standing.cancellation is not None:
            raise _Cancelled
        # Before it acts: what a crash leaves of it is taken back as well.
        self._standing.begin(step)
        self._publish(step.name, step.title)
        with phase(step.name):
            answer = await self._finished(step)
        self._standing.finish(step)
        return answer

    async def _finished(self, step: Step) -> Any:
        """What the activity of a step answers; a cancellation ends it, unless it is done all the same."""
        handle = workflow.start_activity(
            step.do,
            self._order(),
            result_type=AdministratorMade if step.name == ADMINISTRATOR else None,
            start_to_close_timeout=_ATTEMPT,
            schedule_to_close_timeout=_LONGEST_STEP,
            retry_policy=_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=step.title,
        )
        try:
            await workflow.wait_condition(lambda: handle.done() or self._standing.cancellation is not None)
        except asyncio.CancelledError:
            # Temporal does not tell a workflow who asked; the history does.
            self._standing.cancellation = Cancellation(workflow.cancellation_reason() or "")
        if not handle.done():
            handle.cancel()
        try:
            return await handle
        except asyncio.CancelledError:  # before Temporal had heard of it
            raise _Cancelled from None

    async def _end(self, error: ActivityError | _Cancelled) -> None:
        """Take everything back, and raise what the run ends with."""
        standing = self._standing
        standing.error = self._sentence(error)
        standing.status = "rolling_back"
        with suppress(asyncio.CancelledError):  # too late: it is on its way back already
            await uninterrupted(self._roll_back())
        is_cancelled = standing.cancellation is not None and (
            isinstance(error, _Cancelled) or is_cancelled_exception(error)
        )
        standing.status = "cancelled" if is_cancelled else "failed"
        standing.error = f"{standing.error} {self._left()}"
        self._publish(standing.step, standing.error)
        if is_cancelled and workflow.cancellation_reason() is not None:
            raise CancelledError(standing.error)
        cause = cause_of(error)
        kind = cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
        raise ApplicationError(
            standing.error,
            {"step": standing.step, "undone": standing.undone, "not_undone": standing.not_undone},
            type="CancelledByRequest" if is_cancelled else kind,
            non_retryable=True,
        ) from (None if isinstance(error, _Cancelled) else error)

    async def _roll_back(self) -> None:
        """The last step first. One that cannot be taken back does not keep the others from it."""
        for step in reversed(self._standing.begun):
            if step.undo is None:
                continue
            self._publish(step.name, f"Take back: {step.title}")
            try:
                await workflow.execute_activity(
                    step.undo,
                    self._order(),
                    start_to_close_timeout=_ATTEMPT,
                    schedule_to_close_timeout=_LONGEST_UNDO,
                    retry_policy=_RETRY,
                    summary=f"compensate {step.name}: {step.title}",
                )
            except ActivityError as error:
                workflow.logger.warning("step %s could not be taken back: %s", step.name, error.cause)
                self._standing.take_back(step, is_undone=False)
            else:
                self._standing.take_back(step, is_undone=True)

    def _order(self) -> TenantOrder:
        info = workflow.info()
        return TenantOrder(
            tenant_id=self._standing.tenant_id,
            made_by=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            requested_by=workflow.memo_value("createdBy", "", type_hint=str),
            wanted=self._standing.wanted,
        )

    def _sentence(self, error: ActivityError | _Cancelled) -> str:
        cancellation = self._standing.cancellation
        if cancellation is not None and (isinstance(error, _Cancelled) or is_cancelled_exception(error)):
            by = f" by {cancellation.requested_by}" if cancellation.requested_by else ""
            reason = cancellation.reason.strip().rstrip(".")
            return f"Cancelled{by}: {reason}." if reason else f"Cancelled{by}."
        return f"Step {self._standing.step} failed: {said(error).rstrip('.')}."

    def _left(self) -> str:
        if not self._standing.not_undone:
            return "Everything was taken back."
        left = ", ".join(self._standing.not_undone)
        return f"Not taken back: {left}. Start it again under this workflow id, which clears what is left."

    def _publish(self, step: str, message: str) -> None:
        publish_progress(step, self._standing.progress, message, len(self._standing.done), len(STEPS))


WORKFLOWS = (
    Entry(
        workflow=TenantProvisioningWorkflow,
        task_queue=TASK_QUEUE,
        house_activities="app.gateway.tenancy.provisioning:activities",
        check=problems,
        phases=PHASES,
        for_platform=True,
    ),
)
