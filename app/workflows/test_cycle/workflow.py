"""The workflow of a test cycle: eight phases, with people between them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.test_cycle.compensation import Compensation, PhaseFailure
    from app.workflows.test_cycle.model import (
        Approval,
        Decision,
        Notice,
        Rejection,
        TestCycleInput,
        TestCycleResult,
        TestCycleState,
    )
    from app.workflows.test_cycle.people import People
    from app.workflows.test_cycle.phases import PHASES, STAGES, TestCyclePhase, parallel_group
    from app.workflows.test_cycle.problems import problems
    from app.workflows.test_cycle.publishing import Publisher
    from app.workflows.test_cycle.steps import Steps
    from app.workflows.test_cycle.work import Work

TASK_QUEUE = "test-cycle"
TELLS_AT_THE_END = "tell-the-manager-at-the-end"
"""The patch of version 2. It is asked for when a run starts, so that a run keeps to one version, whichever worker goes
on with it."""


# An input that does not fit the dataclass is its caller's: it fails the run instead of retrying its task.
@workflow.defn(name="TestCycleWorkflow", failure_exception_types=[TypeError])
class TestCycleWorkflow:
    """Tests the data behind the reports of a cycle in eight phases, with people who approve between them.

    Planning drafts what to test, scoping chooses from it; then samples are selected and data owners identified side
    by side, owners are asked for information, tests executed, observations raised and the final report written.
    Fails with ApplicationError of type ValidationError, NotFoundError, AuthenticationError, BudgetError,
    RejectedError or DecisionTimeoutError, or with what the last attempt of an activity met, after the failed phase
    was compensated. Cancelled, it leaves what was done: a later run of the cycle goes on from it.
    """

    def __init__(self) -> None:
        self._steps = Steps()
        self._published = Publisher()
        self._version = 0
        self._compensation: Compensation | None = None

    @workflow.run
    async def run(self, request: TestCycleInput) -> TestCycleResult:
        _validate(request)
        self._version = 2 if workflow.patched(TELLS_AT_THE_END) else 1
        self._published.version(self._version)
        work = Work(request)
        people = People(request, self._steps, self._published, work)
        compensation = self._compensation = Compensation(request, self._published, work, people)
        for stage in STAGES:
            await _Stage(request, stage, self._published, work, compensation, people).run()
        result = self._result(request, work, compensation)
        if self._version >= 2:
            await people.tell(_summary(result), f"Tell the manager how cycle {request.cycle_id} ended")
        return result

    @workflow.query
    def state(self) -> TestCycleState:
        """Where the cycle stands: phases, steps that wait for somebody, decisions, reports that failed."""
        compensation = self._compensation
        return TestCycleState(
            version=self._version,
            phases=dict(self._published.phases),
            waiting=list(self._steps.waiting),
            decisions=list(self._steps.decisions),
            refused=list(self._steps.refused),
            reports=list(compensation.reports) if compensation else [],
            failed_reports=list(compensation.failed) if compensation else [],
        )

    @workflow.update
    def approve(self, approval: Approval) -> Decision:
        """Let the cycle go on behind a step that waits; refused where it does not wait."""
        return self._decide(_approved(approval))

    @approve.validator
    def check_approval(self, approval: Approval) -> None:
        self._check(_approved(approval))

    @workflow.update
    def reject(self, rejection: Rejection) -> Decision:
        """Reject a step that waits, with a reason; its phase then fails and is compensated."""
        return self._decide(_rejected(rejection))

    @reject.validator
    def check_rejection(self, rejection: Rejection) -> None:
        self._check(_rejected(rejection))

    @workflow.signal(name="approve")
    def approve_by_signal(self, approval: Approval) -> None:
        """As the update; what cannot be followed is told by the query `state`, in `refused`."""
        self._hear(_approved(approval))

    @workflow.signal(name="reject")
    def reject_by_signal(self, rejection: Rejection) -> None:
        """As the update; what cannot be followed is told by the query `state`, in `refused`."""
        self._hear(_rejected(rejection))

    def _check(self, decision: Decision) -> None:
        if problem := self._steps.problem(decision):
            raise ApplicationError(problem, type="ValidationError", non_retryable=True)

    def _decide(self, decision: Decision) -> Decision:
        # Two updates of one task are both let through before the first is followed.
        self._check(decision)
        self._steps.decide(decision)
        return decision

    def _hear(self, decision: Decision) -> None:
        if problem := self._steps.problem(decision):
            self._steps.refuse(problem)
        else:
            self._steps.decide(decision)

    def _result(self, request: TestCycleInput, work: Work, compensation: Compensation) -> TestCycleResult:
        status: Literal["completed", "completed_in_part"] = "completed_in_part" if compensation.failed else "completed"
        return TestCycleResult(
            cycle_id=request.cycle_id,
            status=status,
            reports=tuple(work.results[each] for each in sorted(work.results)),
            failed_reports=tuple(compensation.failed),
            skipped_phases=tuple(
                TestCyclePhase(name) for name in PHASES if self._published.phases.get(name) == "skipped"
            ),
            version=self._version,
            duration=(workflow.now() - workflow.info().start_time).total_seconds(),
        )


class _Stage:
    """The phases that run side by side: their work, what is done about failures, and the approvals."""

    def __init__(
        self,
        request: TestCycleInput,
        phases: tuple[TestCyclePhase, ...],
        published: Publisher,
        work: Work,
        compensation: Compensation,
        people: People,
    ) -> None:
        self._request = request
        self._phases = [each for each in phases if each not in request.skip_phases]
        self._skipped = [each for each in phases if each in request.skip_phases]
        self._group = parallel_group(phases)
        self._published = published
        self._work = work
        self._compensation = compensation
        self._people = people

    async def run(self) -> None:
        """Return when the next stage may begin. Raises ApplicationError when the cycle cannot go on."""
        for phase in self._skipped:
            self._published.phase(phase, "skipped", self._group)
        for phase in self._phases:
            self._published.phase(phase, "started", self._group)
        self._published.progress(len(self._compensation.reports))
        # All have ended before anything is undone: nothing is written behind what was taken back.
        await self._compensated(await asyncio.gather(*(self._do(phase) for phase in self._phases)))
        await self._compensated(await asyncio.gather(*(self._approval(phase) for phase in self._phases)))
        for phase in self._phases:
            if self._published.phases[phase] == "started":
                self._published.phase(phase, "completed", self._group)
        self._published.progress(len(self._compensation.reports))

    async def _compensated(self, outcomes: list[PhaseFailure | None]) -> None:
        for failure in outcomes:
            if failure is not None:
                await self._compensation.after(failure)

    async def _do(self, phase: TestCyclePhase) -> PhaseFailure | None:
        reports = list(self._compensation.reports)
        errors = await asyncio.gather(*(self._report(phase, each) for each in reports))
        failed = {report: error for report, error in zip(reports, errors, strict=True) if error is not None}
        return PhaseFailure(phase, failed) if failed else None

    async def _report(self, phase: TestCyclePhase, report_id: int) -> Exception | None:
        try:
            await self._work.do(phase, report_id)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return error
        return None

    async def _approval(self, phase: TestCyclePhase) -> PhaseFailure | None:
        if phase not in self._request.approvals or self._published.phases[phase] != "started":
            return None
        try:
            await self._people.approval(phase)
        except ApplicationError as error:
            return PhaseFailure(phase, dict.fromkeys(self._compensation.reports, error))
        return None


def _validate(request: TestCycleInput) -> None:
    if wrong := problems(request):
        raise ApplicationError(
            "The input is wrong: " + " ".join(message for _, message in wrong),
            [{"path": list(path), "message": message} for path, message in wrong],
            type="ValidationError",
            non_retryable=True,
        )


def _approved(approval: Approval) -> Decision:
    return Decision(approval.step, True, approval.by, approval.note)


def _rejected(rejection: Rejection) -> Decision:
    return Decision(rejection.step, False, rejection.by, rejection.reason)


def _summary(result: TestCycleResult) -> Notice:
    tests = sum(each.tests for each in result.reports)
    failed = sum(each.failed_tests for each in result.reports)
    left = f" Reports that failed: {', '.join(str(each.report_id) for each in result.failed_reports)}."
    return Notice(
        kind="cycle_ended",
        subject=f"Cycle {result.cycle_id} is {result.status.replace('_', ' ')}",
        text=f"{failed} of {tests} tests failed, in {len(result.reports)} reports."
        + (left if result.failed_reports else ""),
    )


WORKFLOWS = (
    Entry(
        workflow=TestCycleWorkflow,
        task_queue=TASK_QUEUE,
        activities="app.workflows.test_cycle.activities:activities",
        check=problems,
        phases=PHASES,
        execution_timeout=timedelta(days=366),
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
