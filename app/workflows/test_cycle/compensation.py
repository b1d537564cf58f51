"""What is done about a phase that failed: the four strategies.

Activities that compensate have a summary that begins with `compensate`, by which a run's compensations are found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from app.workflows.ending import cause_of, said, uninterrupted
    from app.workflows.test_cycle.model import FailedReport, Notice, TestCycleInput
    from app.workflows.test_cycle.people import People
    from app.workflows.test_cycle.phases import COMPENSATIONS, TestCycleCompensation, TestCyclePhase, reversed_phases
    from app.workflows.test_cycle.publishing import Publisher
    from app.workflows.test_cycle.work import Work


@dataclass(frozen=True)
class PhaseFailure:
    phase: TestCyclePhase
    errors: Mapping[int, Exception]
    """By report; all reports where a person rejected the phase."""

    @property
    def error(self) -> Exception:
        return next(iter(self.errors.values()))


class Compensation:
    """Also holds which reports are still part of the cycle, and which it went on without."""

    def __init__(self, request: TestCycleInput, published: Publisher, work: Work, people: People) -> None:
        self._strategies = {**COMPENSATIONS, **{each.phase: each.strategy for each in request.compensations}}
        self._published = published
        self._work = work
        self._people = people
        self._cycle_id = request.cycle_id
        self.reports = list(request.report_ids)
        self.failed: list[FailedReport] = []

    async def after(self, failure: PhaseFailure) -> None:
        """Return when the cycle can go on behind the phase. Raises ApplicationError when it cannot."""
        strategy = self._strategies[failure.phase]
        if strategy is TestCycleCompensation.PARTIAL_ROLLBACK:
            await uninterrupted(self._undo_reports(failure))
            if self.reports:
                return
        self._published.phase(failure.phase, "failed")
        if strategy is TestCycleCompensation.SKIP:
            await self._intervention(failure)
            return
        if strategy is TestCycleCompensation.ROLLBACK:
            await uninterrupted(self._undo(self.reports))
        elif strategy is TestCycleCompensation.NOTIFY:
            await self._people.tell(
                self._notice(failure, "phase_failed", ""), f"compensate {failure.phase}: tell the manager"
            )
        raise self._ended(failure, strategy) from failure.error

    async def _undo_reports(self, failure: PhaseFailure) -> None:
        await self._undo(list(failure.errors))
        for report_id, error in failure.errors.items():
            self.reports.remove(report_id)
            self.failed.append(FailedReport(report_id, failure.phase, said(error)))

    async def _undo(self, reports: list[int]) -> None:
        """The last phase first. One step that cannot be undone does not keep the others from it."""
        for phase in reversed_phases():
            if self._published.began(phase):
                undone = (self._work.undo(phase, each) for each in reports)
                for error in await asyncio.gather(*undone, return_exceptions=True):
                    if isinstance(error, ActivityError):
                        workflow.logger.warning("%s could not be undone: %s", phase, error.cause)
                    elif isinstance(error, BaseException):
                        raise error

    async def _intervention(self, failure: PhaseFailure) -> None:
        phase = failure.phase
        wanted = f" Mend it by hand and approve the step {phase}, or reject it to end the cycle."
        try:
            await self._people.decision(
                phase,
                self._notice(failure, "intervention", wanted),
                f"compensate {phase}: ask for an intervention",
            )
        except ApplicationError as error:
            raise self._ended(PhaseFailure(phase, {0: error}), TestCycleCompensation.SKIP) from failure.error
        self._published.phase(phase, "skipped")

    def _notice(self, failure: PhaseFailure, kind: str, wanted: str) -> Notice:
        reports = ", ".join(str(each) for each in failure.errors)
        return Notice(
            kind=kind,
            subject=f"Cycle {self._cycle_id}: {failure.phase} failed",
            text=f"{failure.phase} failed for report {reports}: {said(failure.error)}{wanted}",
        )

    def _ended(self, failure: PhaseFailure, strategy: TestCycleCompensation) -> ApplicationError:
        cause = cause_of(failure.error)
        return ApplicationError(
            f"{failure.phase} failed: {said(failure.error)}",
            {"phase": str(failure.phase), "strategy": str(strategy), "reports": [*failure.errors]},
            type=cause.type if isinstance(cause, ApplicationError) else type(cause).__name__,
            non_retryable=True,
        )
