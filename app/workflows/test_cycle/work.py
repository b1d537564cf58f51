"""What each phase does about one report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.test_cycle import calls
    from app.workflows.test_cycle.model import Notice, ReportRef, ReportResult, TestCycleInput
    from app.workflows.test_cycle.names import (
        CONCLUDE,
        OBSERVE,
        OWN,
        REQUEST,
        SAMPLE,
        SAVE,
        SCOPE,
        UNDO,
        WRITE_NOTICE,
    )
    from app.workflows.test_cycle.phases import TestCyclePhase


class Work:
    def __init__(self, request: TestCycleInput) -> None:
        self._request = request
        self.results: dict[int, ReportResult] = {}
        self._phases: Mapping[TestCyclePhase, Callable[[ReportRef], Awaitable[object]]] = {
            TestCyclePhase.PLANNING: self._plan,
            TestCyclePhase.SCOPING: self._scope,
            TestCyclePhase.SAMPLE_SELECTION: self._sample,
            TestCyclePhase.DATA_OWNER_IDENTIFICATION: self._own,
            TestCyclePhase.REQUEST_FOR_INFORMATION: self._request_information,
            TestCyclePhase.TEST_EXECUTION: calls.tests,
            TestCyclePhase.OBSERVATION_MANAGEMENT: self._observe,
            TestCyclePhase.FINALIZE_TEST_REPORT: self._conclude,
        }

    async def do(self, phase: TestCyclePhase, report_id: int) -> None:
        """Raises ActivityError."""
        await self._phases[phase](self.ref(report_id))

    async def undo(self, phase: TestCyclePhase, report_id: int) -> None:
        """Take back what this run has done. Raises ActivityError."""
        self.results.pop(report_id, None)
        await calls.database(
            UNDO, self.ref(report_id), phase, result=int, summary=f"compensate {phase} of report {report_id}"
        )

    async def tell(self, notice: Notice, summary: str) -> None:
        """Keep a notice, and mail it where there is mail. Raises ActivityError."""
        ref, notice_id = self.ref(self._request.report_ids[0]), str(workflow.uuid4())
        address: str = await calls.database(WRITE_NOTICE, ref, notice, notice_id, result=str, summary=summary)
        if self._request.mail is not None:
            addressed = replace(notice, recipient=address)
            await calls.letter(self._request.mail, addressed, notice_id, f"{summary}: mail to {address}")

    def ref(self, report_id: int) -> ReportRef:
        request = self._request
        return ReportRef(
            tenant_id=request.tenant_id,
            environment_id=request.environment_id,
            cycle_id=request.cycle_id,
            report_id=report_id,
            connection=request.connection,
            schema_name=request.schema_name,
            made_by=workflow.info().workflow_id,
        )

    async def _plan(self, ref: ReportRef) -> None:
        assert self._request.language_model is not None, "the input was checked"
        drafted = await calls.draft(ref, self._request.language_model)
        await calls.database(
            SAVE,
            ref,
            drafted.attributes,
            result=int,
            summary=f"Save {len(drafted.attributes)} attributes of report {ref.report_id}",
        )

    async def _scope(self, ref: ReportRef) -> None:
        summary = f"Scope report {ref.report_id}"
        await calls.database(SCOPE, ref, self._request.lowest_risk, result=int, summary=summary)

    async def _sample(self, ref: ReportRef) -> None:
        summary = f"Select up to {self._request.sample_size} samples of report {ref.report_id}"
        await calls.database(SAMPLE, ref, self._request.sample_size, result=int, summary=summary)

    async def _own(self, ref: ReportRef) -> None:
        await calls.database(OWN, ref, result=int, summary=f"Identify the data owners of report {ref.report_id}")

    async def _request_information(self, ref: ReportRef) -> None:
        asked: dict[str, list[str]] = await calls.database(
            REQUEST, ref, result=dict[str, list[str]], summary=f"Prepare the requests about report {ref.report_id}"
        )
        await asyncio.gather(*(self._ask_owner(ref, email, names) for email, names in asked.items()))

    async def _ask_owner(self, ref: ReportRef, email: str, attributes: list[str]) -> None:
        notice = Notice(
            kind="request_for_information",
            recipient=email,
            subject=f"Cycle {ref.cycle_id}: information about report {ref.report_id}",
            text="Please hand in the evidence for: " + ", ".join(attributes) + ".",
        )
        await self.tell(notice, f"Ask {email} about report {ref.report_id}")

    async def _observe(self, ref: ReportRef) -> None:
        await calls.database(OBSERVE, ref, result=int, summary=f"Raise the observations of report {ref.report_id}")

    async def _conclude(self, ref: ReportRef) -> None:
        summary = f"Write the final report about report {ref.report_id}"
        self.results[ref.report_id] = await calls.database(CONCLUDE, ref, result=ReportResult, summary=summary)
