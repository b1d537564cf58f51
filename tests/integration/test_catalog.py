"""What holds for every type of the catalog: it replays, outlives its worker, and survives each step's failure."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor, Replayer

from app.registry import CATALOG
from app.workflows import demo
from app.workflows.conversion import CONVERTER
from tests.catalog import CASES, furnish
from tests.conftest import TemporalServer
from tests.hosting import hosted_catalog
from tests.integration.worker_process import worker_process
from tests.prices import published
from tests.vendors import Vendors, connections, vendors_server

HISTORIES = Path(__file__).parent.parent / "histories" / "catalog"
QUERIES = str(Path(demo.__file__).with_name("demo.toml"))
PROGRAM = """
import asyncio, json, sys
from tests.hosting import serve
asyncio.run(serve(*json.loads(sys.argv[1])))
"""
# What has a place of its own: price synchronisation, and the types that other systems bring.
NAMES = [each.name for each in CATALOG if each.name in CASES]


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with vendors_server() as running:
        yield running


@pytest.fixture
async def billing(empty_database: str, vendors: Vendors, tmp_path: Path) -> str:
    await demo.seed(empty_database)
    await furnish(empty_database, tmp_path, vendors)
    return empty_database


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_history_replays(name: str) -> None:
    """Runs of yesterday go on with today's code."""
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayer = Replayer(workflows=[each.workflow for each in CATALOG], data_converter=CONVERTER)
    assert (await replayer.replay_workflow(history)).replay_failure is None


def test_every_type_of_these_systems_has_a_case() -> None:
    assert set(CASES) <= {each.name for each in CATALOG}
    assert sorted(each.stem for each in HISTORIES.iterdir()) == sorted(NAMES)


class Failing(Interceptor):
    """Fails activities: the first attempt of each, or one of them for good."""

    def __init__(self, for_good: str | None = None) -> None:
        self.for_good = for_good
        self.seen: list[str] = []

    def intercept_activity(self, following: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        outer = self

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
                info = activity.info()
                outer.seen.append(info.activity_type)
                if outer.for_good == info.activity_type:
                    raise ApplicationError("broken for good", type="ValidationError", non_retryable=True)
                if outer.for_good is None and info.attempt == 1:
                    raise ApplicationError("broken once", next_retry_delay=timedelta(milliseconds=10))
                return await super().execute_activity(input)

        return Inbound(following)


@pytest.mark.parametrize("name", NAMES)
async def test_each_step_may_fail_once_and_each_may_fail_for_good(
    name: str, temporal: TemporalServer, task_queue: str, billing: str, vendors: Vendors, tmp_path: Path
) -> None:
    reached = connections(vendors, billing, str(tmp_path), QUERIES)

    seen: set[str] = set()

    async def play(failing: Failing) -> Any:
        async with hosted_catalog(temporal.client, task_queue, reached, interceptors=[failing]):
            handle = await temporal.client.start_workflow(
                name, CASES[name], id=f"{name}-{uuid.uuid4()}", task_queue=task_queue, execution_timeout=DEADLINE
            )
            async with asyncio.timeout(DEADLINE.total_seconds()):
                try:
                    await handle.result()
                    return (await handle.describe()).status, None
                except WorkflowFailureError:
                    memo = await published(handle)
                    return (await handle.describe()).status, memo["phase"]["status"]
                finally:
                    seen.update(failing.seen)

    # For good first, since the whole play leaves nothing to do for another. A payment that was made is not made again.
    steps = STEPS.get(name, [f"count_{SYNCS.get(name)}", f"sync_{SYNCS.get(name)}"])
    for step in steps:
        assert await play(Failing(step)) == (WorkflowExecutionStatus.FAILED, "failed"), step
    assert await play(Failing()) == (WorkflowExecutionStatus.COMPLETED, None)
    assert set(steps) <= seen


DEADLINE = timedelta(seconds=60)
SYNCS = {
    "QuickBooksPriceSyncWorkflow": "quickbooks_prices",
    "HubSpotDealSyncWorkflow": "hubspot_deals",
    "HubSpotInvoiceSyncWorkflow": "hubspot_invoices",
    "HubSpotQuoteSyncWorkflow": "hubspot_quotes",
    "NomodInvoiceSyncWorkflow": "nomod_invoices",
    "MoyasarInvoiceSyncWorkflow": "moyasar_invoices",
    "TaskProcessingWorkflow": "task_rows",
    "TaskProcessingWithProgressWorkflow": "task_rows",
    "ExecuteExportWorkflow": "export_rows",
    "ReprocessEventsWorkflow": "events",
}
# Of types without steps of a synchronisation; what fails in a child of a schedule is told in its result instead.
STEPS = {
    "CustomerOnboardingWorkflow": ["create_customer", "create_subscription", "notify_onboarded"],
    "SubscriptionCreationWorkflow": ["create_subscription"],
    "SubscriptionChangeWorkflow": ["quote_change", "apply_change"],
    "CalculationWorkflow": ["calculate_charges"],
    "ProcessSubscriptionBillingWorkflow": [
        "check_subscription",
        "calculate_charges",
        "create_draft_invoice",
        "finalise_invoice",
        "collect_payment",
        "advance_period",
    ],
    "ProcessInvoiceWorkflow": ["finalise_invoice", "collect_payment"],
    "ScheduleSubscriptionBillingWorkflow": ["count_due_subscriptions", "list_due_subscriptions"],
    "BillingWorkflow": ["count_due_subscriptions", "list_due_subscriptions"],
}
HELD = {
    "QuickBooksPriceSyncWorkflow": (8, "/item"),
    "HubSpotDealSyncWorkflow": (2, "/deals/"),
    "HubSpotInvoiceSyncWorkflow": (2, "/objects/invoices/"),
    "HubSpotQuoteSyncWorkflow": (2, "/quotes/batch"),
    "NomodInvoiceSyncWorkflow": (12, "/nomod/v1/invoices"),
    "MoyasarInvoiceSyncWorkflow": (12, "/moyasar/"),
    "TaskProcessingWithProgressWorkflow": (70, "/take/rows"),
    "ReprocessEventsWorkflow": (6, "/take/events"),
    "CustomerOnboardingWorkflow": (0, "/take/onboarded"),
    "ProcessInvoiceWorkflow": (0, "/take/payment"),
}
"""Where each is in the middle: behind so many calls of a path."""


@asynccontextmanager
async def process(
    address: str, queue: str, reached: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = json.dumps([address, queue, reached])
    async with worker_process(log, arguments, program=PROGRAM) as started:
        yield started


async def test_another_worker_goes_on_where_a_killed_one_was(
    temporal: TemporalServer, task_queue: str, billing: str, vendors: Vendors, tmp_path: Path
) -> None:
    """All at once, so that two processes do."""
    reached = connections(vendors, billing, str(tmp_path), QUERIES)
    waits = [vendors.hold(times, path) for times, path in HELD.values()]
    handles = {
        name: await temporal.client.start_workflow(
            name,
            CASES[name],
            id=f"{name}-{uuid.uuid4()}",
            task_queue=task_queue,
            execution_timeout=timedelta(minutes=3),
        )
        for name in HELD
    }
    async with process(temporal.address, task_queue, reached, tmp_path / "first.log") as first:
        async with asyncio.timeout(90):
            await asyncio.gather(*(each.wait() for each in waits))
        first.kill()
        await first.wait()
    async with process(temporal.address, task_queue, reached, tmp_path / "second.log"):
        async with asyncio.timeout(150):
            results = dict(
                zip(handles, await asyncio.gather(*(each.result() for each in handles.values())), strict=True)
            )
    for name, result in results.items():
        if "records" in result:
            made = result["created"] + result["updated"] + result["unchanged"]
            assert (result["records"], result["failed"]) == (made, 0), name
    assert results["ProcessInvoiceWorkflow"]["status"] == "paid"
    taken = vendors.held("taken")
    # Rows, events, an onboarding and a payment.
    assert len(taken) == 250 + 15 + 1 + 1, "what was sent twice had one key, and nothing was left out"
    assert len(vendors.held("items")) == 20
    assert len(vendors.held("nomod invoices")) == len(vendors.held("moyasar")) == 20
