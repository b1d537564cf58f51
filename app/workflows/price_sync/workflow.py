"""The workflow of a price synchronisation: validate, count, sync, verify."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from app.workflows.beating import HEARTBEAT_TIMEOUT
    from app.workflows.entry import Entry
    from app.workflows.price_sync.model import PriceSyncInput, PriceSyncResult, SyncPosition
    from app.workflows.price_sync.problems import problems
    from app.workflows.publishing import percent_of, phase, publish_phase, publish_progress, refuse

TASK_QUEUE = "price-sync"
PHASES = ("validate", "count", "sync", "verify")

COUNT = "count_prices"
SYNC = "sync_prices"
VERIFY = "verify_prices"

_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=3,
    non_retryable_error_types=["ValidationError", "AuthenticationError", "NotFoundError"],
)
_SYNC_TIME = timedelta(minutes=30)
_ONE_QUESTION = timedelta(minutes=2)


# An input that does not fit the dataclass is its caller's: it fails the run instead of retrying its task.
@workflow.defn(name="PriceSyncWorkflow", failure_exception_types=[TypeError])
class PriceSyncWorkflow:
    """Brings the prices of a plan to the line items of all active subscriptions on that plan.

    Fails with ApplicationError of type ValidationError, AuthenticationError, NotFoundError or
    VerificationError, or with what the last of three attempts met. Cancelled, it leaves the page in hand and
    tells in memo and details what was done; a later run finds those line items unchanged.
    """

    @workflow.run
    async def run(self, request: PriceSyncInput) -> PriceSyncResult:
        with phase("validate"):
            refuse(problems(request))
        with phase("count"):
            expected = await self._count(request)
        with phase("sync"):
            position = await self._sync(request, expected)
            if not position.finished:
                raise CancelledError(f"Cancelled: {_done(position, expected)}.")
        if request.destination.kind == "postgres":
            with phase("verify"):
                await self._verify(request, position)
        else:
            publish_phase("verify", "skipped")
        _publish("done", 100.0, position, expected)
        duration = (workflow.now() - workflow.info().start_time).total_seconds()
        return PriceSyncResult(
            plan_id=request.plan_id,
            prices=position.prices,
            total=position.total,
            created=position.created,
            updated=position.updated,
            unchanged=position.unchanged,
            duration=duration,
        )

    async def _count(self, request: PriceSyncInput) -> int | None:
        count: int | None = await workflow.execute_activity(
            COUNT,
            request,
            result_type=int | None,  # type: ignore[arg-type]  # a union is a type to the converter
            start_to_close_timeout=_ONE_QUESTION,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=_RETRY,
            summary=f"Count the prices of {request.plan_id}",
        )
        return count

    async def _sync(self, request: PriceSyncInput, expected: int | None) -> SyncPosition:
        held_back = timedelta(seconds=(expected or 0) / request.rate_limit) if request.rate_limit else timedelta()
        position: SyncPosition = await workflow.execute_activity(
            SYNC,
            args=[request, expected],
            result_type=SyncPosition,
            start_to_close_timeout=_SYNC_TIME + held_back,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=_RETRY,
            # A cancelled synchronisation answers with how far it came.
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"Sync {'the' if expected is None else expected} prices of {request.plan_id}",
        )
        # Not earlier: what a workflow publishes goes before its activity's heartbeats, and would hide them.
        percent = 99.0 if position.finished else percent_of(position.prices, expected)
        _publish("sync", percent, position, expected)
        return position

    async def _verify(self, request: PriceSyncInput, position: SyncPosition) -> None:
        held = await workflow.execute_activity(
            VERIFY,
            request,
            result_type=int,
            start_to_close_timeout=_ONE_QUESTION,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=_RETRY,
            summary=f"Verify the line items of {request.plan_id}",
        )
        if held < position.total:
            raise ApplicationError(
                f"{request.destination.table} holds {held} line items of plan {request.plan_id} where "
                f"{position.total} were synchronised: something deletes them. Start it again.",
                type="VerificationError",
                non_retryable=True,
            )


def _publish(step: str, percent: float | None, position: SyncPosition, expected: int | None) -> None:
    publish_progress(step, percent, _done(position, expected), position.prices, expected)


def _done(position: SyncPosition, expected: int | None) -> str:
    return (
        f"{position.prices}{'' if expected is None else f' of {expected}'} prices, "
        f"{position.created} line items created, {position.updated} updated, {position.unchanged} unchanged"
    )


WORKFLOWS = (
    Entry(
        workflow=PriceSyncWorkflow,
        task_queue=TASK_QUEUE,
        activities="app.workflows.price_sync.activities:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
