"""The activities as the workflow calls them: each kind with its deadlines and its way of being tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.beating import HEARTBEAT_TIMEOUT
    from app.workflows.test_cycle.model import Draft, LanguageModel, Mail, Notice, ReportRef, Tested
    from app.workflows.test_cycle.names import DRAFT, SEND, TEST
    from app.workflows.test_cycle.retries import EXPONENTIAL, FIXED, LINEAR

_QUESTION = timedelta(minutes=2)
_LETTER = timedelta(minutes=1)
_TESTS = timedelta(hours=2)
# Of one attempt, beyond the model's own: looking up the columns, and connecting.
_MARGIN = timedelta(seconds=60)


async def database(name: str, ref: ReportRef, *args: Any, result: Any, summary: str) -> Any:
    """One question to the database."""
    return await workflow.execute_activity(
        name,
        args=[ref, *args],
        result_type=result,
        start_to_close_timeout=_QUESTION,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=LINEAR,
        summary=summary,
    )


async def draft(ref: ReportRef, model: LanguageModel) -> Draft:
    drafted: Draft = await workflow.execute_activity(
        DRAFT,
        args=[ref, model],
        result_type=Draft,
        start_to_close_timeout=timedelta(seconds=model.timeout_seconds) + _MARGIN,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=EXPONENTIAL,
        summary=f"Draft the attributes of report {ref.report_id}",
    )
    return drafted


async def tests(ref: ReportRef) -> Tested:
    tested: Tested = await workflow.execute_activity(
        TEST,
        ref,
        result_type=Tested,
        start_to_close_timeout=_TESTS,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=LINEAR,
        summary=f"Test the samples of report {ref.report_id}",
    )
    return tested


async def letter(server: Mail, notice: Notice, notice_id: str, summary: str) -> None:
    await workflow.execute_activity(
        SEND,
        args=[server, notice, notice_id],
        start_to_close_timeout=_LETTER,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=FIXED,
        summary=summary,
    )
