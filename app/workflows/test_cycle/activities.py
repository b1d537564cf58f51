"""The activities of a test cycle, bound to the connections of their worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from temporalio import activity

from app.workflows.beating import beating, beats
from app.workflows.failures import unavailable_error
from app.workflows.outbound import Connections
from app.workflows.test_cycle import language, mail, notices
from app.workflows.test_cycle.model import (
    Attribute,
    Draft,
    LanguageModel,
    Mail,
    Notice,
    ReportRef,
    ReportResult,
    Tested,
)
from app.workflows.test_cycle.names import (
    CONCLUDE,
    DRAFT,
    OBSERVE,
    OWN,
    REQUEST,
    SAMPLE,
    SAVE,
    SCOPE,
    SEND,
    TEST,
    UNDO,
    WRITE_NOTICE,
)
from app.workflows.test_cycle.phases import TestCyclePhase
from app.workflows.test_cycle.reports import Report, open_report
from app.workflows.test_cycle.retries import linear_pace

_PAGE = 100


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    """What a worker registers."""
    bound = TestCycleActivities(connections)
    return (
        bound.draft_attributes, bound.save_attributes, bound.scope_report, bound.select_samples,
        bound.identify_owners, bound.prepare_requests, bound.execute_tests, bound.raise_observations,
        bound.write_report, bound.undo_phase, bound.write_notice, bound.send_mail,
    )  # fmt: skip


class TestCycleActivities:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @activity.defn(name=DRAFT)
    async def draft_attributes(self, ref: ReportRef, wanted: LanguageModel) -> Draft:
        """What a language model would test. Tokens of earlier attempts count."""
        budget = language.Budget(wanted.token_budget, _tokens_used())
        async with open_report(ref, self._connections) as report:
            columns = await report.columns()
        try:
            async with beating(lambda: activity.heartbeat({"tokens": budget.used})):
                attributes = await language.draft(wanted, columns, budget, self._connections)
        finally:
            activity.heartbeat({"tokens": budget.used})
        return Draft(tuple(attributes), budget.used)

    @activity.defn(name=SAVE)
    @beats
    async def save_attributes(self, ref: ReportRef, attributes: list[Attribute]) -> int:
        async with self._report(ref) as report:
            return await report.save(attributes)

    @activity.defn(name=SCOPE)
    @beats
    async def scope_report(self, ref: ReportRef, lowest_risk: int) -> int:
        async with self._report(ref) as report:
            return await report.scope(lowest_risk)

    @activity.defn(name=SAMPLE)
    @beats
    async def select_samples(self, ref: ReportRef, size: int) -> int:
        async with self._report(ref) as report:
            return await report.sample(size)

    @activity.defn(name=OWN)
    @beats
    async def identify_owners(self, ref: ReportRef) -> int:
        async with self._report(ref) as report:
            return await report.assign_owners()

    @activity.defn(name=REQUEST)
    @beats
    async def prepare_requests(self, ref: ReportRef) -> dict[str, list[str]]:
        """The attributes to ask about, by address."""
        async with self._report(ref) as report:
            return await report.request()

    @activity.defn(name=TEST)
    async def execute_tests(self, ref: ReportRef) -> Tested:
        """Test every sample. A new attempt goes on behind the last page that a heartbeat has told of."""
        position = _last_position()
        async with self._report(ref) as report:
            samples = await report.samples()
            try:
                async with beating(lambda: activity.heartbeat(_progress(position, samples))):
                    while not position.finished:
                        position = await report.test(position, _PAGE)
                        activity.heartbeat(_progress(position, samples))
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details and details.worker_shutdown:
                    # As a failure, since Temporal then hears the last heartbeat; a cancellation would drop it.
                    raise unavailable_error("The worker left; another one goes on.") from None
                raise
        return position

    @activity.defn(name=OBSERVE)
    @beats
    async def raise_observations(self, ref: ReportRef) -> int:
        async with self._report(ref) as report:
            return await report.observe()

    @activity.defn(name=CONCLUDE)
    @beats
    async def write_report(self, ref: ReportRef) -> ReportResult:
        async with self._report(ref) as report:
            return await report.conclude()

    @activity.defn(name=UNDO)
    @beats
    async def undo_phase(self, ref: ReportRef, phase: TestCyclePhase) -> int:
        """Take back what the run has written about a report in a phase; how many rows."""
        async with self._report(ref) as report:
            return await report.undo(phase)

    @activity.defn(name=WRITE_NOTICE)
    @beats
    async def write_notice(self, ref: ReportRef, notice: Notice, notice_id: str) -> str:
        """Keep a notice; the address of its recipient."""
        with linear_pace(activity.info().attempt):
            return await notices.write(ref, notice, notice_id, self._connections)

    @activity.defn(name=SEND)
    @beats
    async def send_mail(self, server: Mail, notice: Notice, notice_id: str) -> None:
        await mail.send(server, notice, notice_id, self._connections)

    @asynccontextmanager
    async def _report(self, ref: ReportRef) -> AsyncIterator[Report]:
        with linear_pace(activity.info().attempt):
            async with open_report(ref, self._connections) as report:
                yield report


def _tokens_used() -> int:
    return max((int(each["tokens"]) for each in _told() if "tokens" in each), default=0)


def _last_position() -> Tested:
    """Where the attempt before this one was last heard of."""
    return next((Tested(**each["position"]) for each in _told() if "position" in each), Tested())


def _told() -> list[dict[str, Any]]:
    return [each for each in activity.info().heartbeat_details if isinstance(each, dict)]


def _progress(position: Tested, samples: int) -> dict[str, Any]:
    return {
        "percent": min(100.0, round(100.0 * position.records / samples, 1)) if samples else None,
        "step": str(TestCyclePhase.TEST_EXECUTION),
        "message": f"{position.records} of {samples} records, {position.failed} of {position.tests} tests failed",
        "completed": position.records,
        "total": samples,
        "position": asdict(position),
    }
