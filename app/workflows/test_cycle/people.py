"""The people of a cycle: whom it tells, and whose decisions it waits for."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from app.workflows.test_cycle.model import Decision, Notice, TestCycleInput
    from app.workflows.test_cycle.phases import TestCyclePhase
    from app.workflows.test_cycle.publishing import Publisher
    from app.workflows.test_cycle.steps import Steps
    from app.workflows.test_cycle.work import Work


class People:
    def __init__(self, request: TestCycleInput, steps: Steps, published: Publisher, work: Work) -> None:
        self._request = request
        self._steps = steps
        self._published = published
        self._work = work

    async def tell(self, notice: Notice, summary: str) -> None:
        """Tell the manager. A letter that cannot be sent holds nothing up: its activity shows as failed."""
        try:
            await self._work.tell(notice, summary)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("%s: nobody was told, %s", summary, error.cause)

    async def approval(self, phase: TestCyclePhase) -> None:
        """Raises ApplicationError of type RejectedError or DecisionTimeoutError."""
        notice = Notice(
            kind="approval",
            subject=f"Cycle {self._request.cycle_id}: {phase} waits for your approval",
            text=f"Look at what {phase} has found, then approve or reject the step {phase}.",
        )
        await self.decision(phase, notice, f"Ask for the approval of {phase}")

    async def decision(self, phase: TestCyclePhase, notice: Notice, summary: str) -> None:
        """Tell of a step and wait until somebody approves it. Raises as `approval`."""
        self._steps.open(phase)
        self._published.waiting(self._steps.waiting)
        try:
            await self.tell(notice, summary)
            decision = await self._decided(phase, notice)
        finally:
            self._steps.close(phase)
        self._published.waiting(self._steps.waiting)
        if decision is None:
            raise ApplicationError(
                f"Nobody decided about {phase} within {self._request.approval_hours:g} hours.",
                type="DecisionTimeoutError",
                non_retryable=True,
            )
        if not decision.approved:
            raise ApplicationError(
                f"{decision.by} rejected {phase}: {decision.reason}",
                {"step": str(phase), "by": decision.by, "reason": decision.reason},
                type="RejectedError",
                non_retryable=True,
            )

    async def _decided(self, phase: TestCyclePhase, notice: Notice) -> Decision | None:
        half = timedelta(hours=self._request.approval_hours / 2)
        for is_reminder in (True, False):
            if decision := await self._waited(phase, half):
                return decision
            if is_reminder:
                reminder = Notice(notice.kind, f"Reminder: {notice.subject}", notice.text)
                await self.tell(reminder, f"Remind of the decision about {phase}")
        return None

    async def _waited(self, phase: TestCyclePhase, span: timedelta) -> Decision | None:
        try:
            await workflow.wait_condition(
                lambda: self._steps.decision(phase) is not None,
                timeout=span,
                timeout_summary=f"Decision about {phase}",
            )
        except TimeoutError:
            return None
        return self._steps.decision(phase)
