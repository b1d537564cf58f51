"""How billing's workflows do a step: an activity of billing, with its deadline and its retries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from app.workflows.beating import HEARTBEAT_TIMEOUT
from app.workflows.billing.problems import problems
from app.workflows.publishing import FINAL, phase, publish_progress, refuse

# Databases and payment services are tried again by seconds at first, then by minutes; what is wrong is not.
RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=5,
    non_retryable_error_types=[*FINAL, "PaymentRequiredError"],
)
_ONE_STEP = timedelta(minutes=2)


async def step(name: str, *args: Any, result: Any = None, summary: str | None = None) -> Any:
    return await workflow.execute_activity(
        name,
        args=args,
        result_type=result,
        start_to_close_timeout=_ONE_STEP,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY,
        summary=summary,
    )


def validate(request: Any) -> None:
    with phase("validate"):
        refuse(problems(request))


def reached(done: int, of: int, name: str, message: str) -> None:
    """Publish that so many phases are done."""
    publish_progress(name, round(100.0 * done / of, 1), message, done, of)


def now() -> datetime:
    return workflow.now()
