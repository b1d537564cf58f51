"""Prices to QuickBooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import Problem, sync_problems
    from app.workflows.sync.model import SyncInput, SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise


@dataclass(frozen=True)
class QuickBooksPriceSyncInput(SyncInput):
    """Bring prices to a company of QuickBooks, as items. A price has price_id, plan_id, amount in minor units,
    currency, interval and, where there is one, name."""

    income_account: str = "1"
    """The id of the account in QuickBooks that what is sold counts to."""


def problems(request: QuickBooksPriceSyncInput) -> Iterator[Problem]:
    yield from sync_problems(request)
    if not request.income_account.isalnum():
        yield ("income_account",), "income_account must be the id of an account in QuickBooks, of letters and digits."


_PLAN = Plan("quickbooks_prices", "prices", problems)


# An input that does not fit the dataclass is its caller's: it fails the run instead of retrying its task.
@workflow.defn(name="QuickBooksPriceSyncWorkflow", failure_exception_types=[TypeError])
class QuickBooksPriceSyncWorkflow:
    """Brings prices to QuickBooks: an item for each, found by its stock keeping unit, created or brought up to date.

    Prices that are refused are told in the result; more of them than max_errors fail the run.
    """

    @workflow.run
    async def run(self, request: QuickBooksPriceSyncInput) -> SyncResult:
        return await synchronise(_PLAN, request)


WORKFLOWS = (
    Entry(
        workflow=QuickBooksPriceSyncWorkflow,
        task_queue="quickbooks",
        activities="app.workflows.sync.quickbooks:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
