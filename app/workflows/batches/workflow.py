"""A batch: one act on every run that a filter found, page by page, at a chosen rate.

What is left to do stands in Tideline's database, so that the workflow carries no cursor: a page is an activity that
takes the next runs, and one that is tried again takes those that were left.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from app.workflows.entry import Entry

NAME = "TidelineBatch"
TASK_QUEUE = "tideline-batches"
ADVANCE = "advance_batch"
CLOSE = "close_batch"
_PAGES_A_RUN = 500
_BEAT = timedelta(seconds=15)
_LONGEST_PAGE = timedelta(minutes=5)
_RETRY = RetryPolicy(maximum_interval=timedelta(seconds=30))


@dataclass(frozen=True)
class BatchInput:
    job_id: str
    """Of the batch as Tideline wrote it down when it was asked for."""


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is; `state` is RUNNING until it has come to an end."""

    state: str
    total: int
    completed: int
    failed: int
    skipped: int
    problem: str | None = None


@workflow.defn(name=NAME)
class BatchWorkflow:
    """Acts on every run that a filter found. Started by Tideline itself: cancelWorkflows(filter:) and its like."""

    def __init__(self) -> None:
        self._is_held = False

    @workflow.run
    async def run(self, request: BatchInput) -> BatchProgress:
        try:
            for _ in range(_PAGES_A_RUN):
                await workflow.wait_condition(lambda: not self._is_held)
                progress = await self._advance(request)
                if progress.state != "RUNNING":
                    return _ended(progress)
                if workflow.info().is_continue_as_new_suggested():
                    break
            workflow.continue_as_new(request)
        except (asyncio.CancelledError, FailureError) as error:
            if is_cancelled_exception(error):
                await self._close(request, "CANCELED")
            raise

    @workflow.signal
    def hold(self) -> None:
        """Begin no further page until it is released."""
        self._is_held = True

    @workflow.signal
    def release(self) -> None:
        """Go on."""
        self._is_held = False

    async def _advance(self, request: BatchInput) -> BatchProgress:
        progress: BatchProgress = await workflow.execute_activity(
            ADVANCE,
            request,
            result_type=BatchProgress,
            start_to_close_timeout=_LONGEST_PAGE,
            heartbeat_timeout=_BEAT,
            retry_policy=_RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        done = progress.completed + progress.failed + progress.skipped
        workflow.upsert_memo(
            {
                "progress": {
                    "step": "Act",
                    "percent": 100.0 * done / progress.total if progress.total else 100.0,
                    "message": f"{done} of {progress.total} runs, {progress.failed} failed, {progress.skipped} skipped",
                    "completed": done,
                    "total": progress.total,
                }
            }
        )
        return progress

    async def _close(self, request: BatchInput, state: str) -> None:
        closing = workflow.execute_activity(
            CLOSE, args=[request, state], start_to_close_timeout=timedelta(seconds=30), retry_policy=_RETRY
        )
        await asyncio.shield(closing)


def _ended(progress: BatchProgress) -> BatchProgress:
    if progress.state == "FAILED":
        raise ApplicationError(progress.problem or "The batch failed.", type="BatchFailed", non_retryable=True)
    return progress


WORKFLOWS = (
    Entry(
        workflow=BatchWorkflow,
        task_queue=TASK_QUEUE,
        house_activities="app.gateway.hosted.hosting:activities",
        is_ours=True,
    ),
)
