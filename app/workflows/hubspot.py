"""Deals, invoices and quotes to HubSpot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import Problem, sync_problems
    from app.workflows.sync.model import SyncInput, SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise

_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,99}")


@dataclass(frozen=True)
class HubSpotSyncInput(SyncInput):
    """Bring records to HubSpot, each known there by a property of its object that has unique values."""

    id_property: str = "external_id"
    """The property of the HubSpot object that holds the record's id. It must be made there once, with unique values."""


@dataclass(frozen=True)
class HubSpotDealSyncInput(HubSpotSyncInput):
    """Bring subscriptions to HubSpot, as deals. A subscription has subscription_id, plan_id, currency, interval, status
    and, where there are, name, amount in minor units and close_date."""

    pipeline: str = "default"
    stages: str = "active=closedwon,canceled=closedlost"
    """The stage of a deal by the status of its subscription, as status=stage by commas; a status that is not named
    leaves the stage as it is."""


def problems(request: HubSpotSyncInput) -> Iterator[Problem]:
    yield from sync_problems(request)
    if not _PROPERTY.fullmatch(request.id_property):
        yield ("id_property",), "id_property must be the internal name of a property, of a-z, 0-9 and _."


def deal_problems(request: HubSpotDealSyncInput) -> Iterator[Problem]:
    yield from problems(request)
    if not request.pipeline.isprintable() or not request.pipeline:
        yield ("pipeline",), "pipeline must be the id of a pipeline of deals."
    if any(not all(each.partition("=")[::2]) for each in request.stages.split(",")):
        yield ("stages",), f"stages must be status=stage by commas; it is {request.stages!r}."


@workflow.defn(name="HubSpotDealSyncWorkflow", failure_exception_types=[TypeError])
class HubSpotDealSyncWorkflow:
    """Brings subscriptions to HubSpot as deals, created or updated by their unique id, a hundred at a time."""

    @workflow.run
    async def run(self, request: HubSpotDealSyncInput) -> SyncResult:
        return await synchronise(Plan("hubspot_deals", "deals", deal_problems), request)


@workflow.defn(name="HubSpotInvoiceSyncWorkflow", failure_exception_types=[TypeError])
class HubSpotInvoiceSyncWorkflow:
    """Brings invoices to HubSpot, created or updated by their unique id, a hundred at a time.

    An invoice has invoice_id, currency, amount_due in minor units, status and, where there are, due_date and number.
    """

    @workflow.run
    async def run(self, request: HubSpotSyncInput) -> SyncResult:
        return await synchronise(Plan("hubspot_invoices", "invoices", problems), request)


@workflow.defn(name="HubSpotQuoteSyncWorkflow", failure_exception_types=[TypeError])
class HubSpotQuoteSyncWorkflow:
    """Brings quotes to HubSpot, created or updated by their unique id, a hundred at a time.

    A quote has quote_id, title, currency, expires_at, status and, where there is one, amount in minor units.
    """

    @workflow.run
    async def run(self, request: HubSpotSyncInput) -> SyncResult:
        return await synchronise(Plan("hubspot_quotes", "quotes", problems), request)


WORKFLOWS = tuple(
    Entry(
        workflow=each,
        task_queue="hubspot",
        activities="app.workflows.sync.hubspot:activities",
        check=check,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    )
    for each, check in (
        (HubSpotDealSyncWorkflow, deal_problems),
        (HubSpotInvoiceSyncWorkflow, problems),
        (HubSpotQuoteSyncWorkflow, problems),
    )
)
