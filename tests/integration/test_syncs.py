"""Synchronisations of the catalog against a real Temporal, a real Postgres and vendors on real sockets."""

from __future__ import annotations

import asyncio
import csv
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from starlette.requests import Request
from starlette.responses import Response
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from app.workflows import demo
from app.workflows.sync import activities as sync_activities
from app.workflows.sync import run
from tests import catalog
from tests.conftest import TemporalServer
from tests.hosting import hosted_catalog
from tests.prices import events, published
from tests.vendors import Vendors, basic, connections, vendors_server

DEADLINE = timedelta(seconds=60)


@dataclass
class Room:
    client: Client
    task_queue: str
    database: str
    folder: Path
    vendors: Vendors
    started: list[Any] = field(default_factory=list)

    async def start(self, kind: str, request: dict[str, Any]) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            kind, request, id=f"{kind}-{uuid.uuid4()}", task_queue=self.task_queue, execution_timeout=DEADLINE
        )

    async def result(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = await (await self.start(kind, request)).result()
        return result

    async def failure(self, kind: str, request: dict[str, Any]) -> ApplicationError:
        with pytest.raises(WorkflowFailureError) as caught:
            await self.result(kind, request)
        cause: BaseException | None = caught.value.cause
        if isinstance(cause, ActivityError):
            cause = cause.cause
        assert isinstance(cause, ApplicationError)
        return cause

    async def sql(self, query: str) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with vendors_server() as running:
        yield running


@pytest.fixture
async def room(
    temporal: TemporalServer, task_queue: str, empty_database: str, vendors: Vendors, tmp_path: Path
) -> AsyncIterator[Room]:
    await demo.seed(empty_database)
    queries = Path(demo.__file__).with_name("demo.toml")
    reached = connections(vendors, empty_database, str(tmp_path), str(queries))
    async with hosted_catalog(temporal.client, task_queue, reached):
        yield Room(temporal.client, task_queue, empty_database, tmp_path, vendors)


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("records", "created", "updated", "unchanged", "failed"))


async def test_prices_become_items_of_quickbooks_once(room: Room) -> None:
    kind, request = (
        "QuickBooksPriceSyncWorkflow",
        catalog.prices(ids=[f"plan-pro-meter-{n:02}-eur-month" for n in (1, 2)]),
    )
    assert counts(await room.result(kind, request)) == (2, 2, 0, 0, 0)
    assert counts(await room.result(kind, request)) == (2, 0, 0, 2, 0)
    await room.sql("update demo.plan_prices set amount = 999 where price_id = 'plan-pro-meter-01-eur-month'")
    assert counts(await room.result(kind, request)) == (2, 0, 1, 1, 0)
    item = room.vendors.held("items")["plan-pro-meter-01-eur-month"]
    assert (item["UnitPrice"], item["SyncToken"], item["IncomeAccountRef"]) == (9.99, "1", {"value": "1"})
    assert {each[2] for each in room.vendors.calls} == {"Bearer qb-token"}


async def test_subscriptions_become_deals_a_hundred_at_a_time(room: Room) -> None:
    await room.sql("update demo.subscriptions set status = 'canceled' where subscription_id = 'sub-plan-pro-001'")
    assert counts(await room.result("HubSpotDealSyncWorkflow", catalog.deals(page_size=200))) == (78, 78, 0, 0, 0)
    assert len(room.vendors.calls) == 1
    deals = room.vendors.held("deals")
    assert deals["sub-plan-pro-001"]["dealstage"] == "closedlost"
    assert deals["sub-plan-pro-002"]["dealstage"] == "closedwon"
    assert counts(await room.result("HubSpotDealSyncWorkflow", catalog.deals())) == (78, 0, 78, 0, 0)


async def test_quotes_and_invoices_go_to_hubspot(room: Room) -> None:
    room.vendors.records = catalog.quotes(30)
    assert counts(await room.result("HubSpotQuoteSyncWorkflow", catalog.listed("hubspot"))) == (30, 30, 0, 0, 0)
    room.vendors.records = catalog.invoices(30)
    assert counts(await room.result("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot"))) == (30, 30, 0, 0, 0)
    assert room.vendors.held("invoices")["i-007"]["hs_amount_billed"] == "10.07"


async def test_invoices_go_to_nomod_once_and_customers_with_them(room: Room) -> None:
    room.vendors.records = catalog.invoices(3)
    request = catalog.listed("nomod")
    assert counts(await room.result("NomodInvoiceSyncWorkflow", request)) == (3, 3, 0, 0, 0)
    assert counts(await room.result("NomodInvoiceSyncWorkflow", request)) == (3, 0, 0, 3, 0)
    assert len(room.vendors.held("nomod customers")) == 1
    room.vendors.records[1]["amount_due"] = 5
    result = await room.result("NomodInvoiceSyncWorkflow", request)
    assert counts(result) == (3, 0, 0, 2, 1)
    assert (result["errors"][0]["number"], result["errors"][0]["key"]) == (2, "i-001")
    assert "over 10.01 EUR" in result["errors"][0]["message"]
    assert "nomod-key" in {each[2] for each in room.vendors.calls}


async def test_invoices_go_to_moyasar_once_and_a_changed_one_anew(room: Room) -> None:
    room.vendors.records = catalog.invoices(3)
    request = catalog.listed("moyasar")
    assert counts(await room.result("MoyasarInvoiceSyncWorkflow", request)) == (3, 3, 0, 0, 0)
    room.vendors.records[0]["amount_due"] = 5
    room.vendors.held("moyasar")["m-2"]["status"] = "paid"
    room.vendors.records[1]["amount_due"] = 6
    assert counts(await room.result("MoyasarInvoiceSyncWorkflow", request)) == (3, 0, 1, 1, 1)
    assert [each["status"] for each in room.vendors.held("moyasar").values()] == [
        "canceled",
        "paid",
        "initiated",
        "initiated",
    ]
    assert basic("sk_test", "") in {each[2] for each in room.vendors.calls}


@pytest.mark.parametrize("style", ["cursor", "page", "link"])
async def test_every_way_of_paging_reads_every_record_once(room: Room, style: str) -> None:
    room.vendors.records = catalog.invoices(25)
    source = {"kind": "http", "connection": "lists", "url": f"/{style}", "pagination": style}
    result = await room.result("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot", source=source, page_size=10))
    assert counts(result) == (25, 25, 0, 0, 0)
    assert sorted(room.vendors.held("invoices")) == [f"i-{number:03}" for number in range(25)]


async def test_what_is_refused_stands_alone_and_the_others_go_on(room: Room) -> None:
    room.vendors.records = catalog.invoices(40)
    room.vendors.records[7]["status"] = "forbidden"
    room.vendors.records[20] = {"invoice_id": "i-020", "currency": "EUR", "amount_due": "much", "status": "open"}
    result = await room.result("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot"))
    assert counts(result)[0] == 40
    assert counts(result)[4] == 2
    assert [(each["number"], each["key"]) for each in result["errors"]] == [(8, "i-007"), (21, "i-020")]
    assert "amount_due" in result["errors"][1]["message"]
    assert len(room.vendors.held("invoices")) == 38


async def test_too_many_refusals_end_it_with_the_reasons(room: Room) -> None:
    room.vendors.records = [{**each, "status": "forbidden"} for each in catalog.invoices(20)]
    failure = await room.failure("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot", max_errors=5, page_size=10))
    assert (failure.type, failure.non_retryable) == ("TooManyErrorsError", True)
    assert failure.details[0][0]["key"] == "i-000"
    assert room.vendors.held("invoices") == {}


@pytest.mark.parametrize(("status", "type_"), [(401, "AuthenticationError"), (404, "NotFoundError")])
async def test_what_no_retry_can_mend_fails_at_once(room: Room, status: int, type_: str) -> None:
    async def answer(request: Request) -> Response | None:
        return Response(status_code=status) if "crm" in request.url.path else None

    room.vendors.answer, room.vendors.records = answer, catalog.invoices(3)
    failure = await room.failure("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot"))
    assert (failure.type, failure.non_retryable) == (type_, True)
    assert sum("crm" in path for _, path, _ in room.vendors.calls) == 1


async def test_waits_in_place_as_long_as_the_vendor_asks(room: Room) -> None:
    """No attempt of the activity is spent on it."""
    busy = [Response(status_code=429, headers={"retry-after": "1"}) for _ in range(2)]

    async def answer(request: Request) -> Response | None:
        return busy.pop() if "crm" in request.url.path and busy else None

    room.vendors.answer, room.vendors.records = answer, catalog.invoices(3)
    handle = await room.start("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot"))
    assert counts(await handle.result()) == (3, 3, 0, 0, 0)
    attempts = [
        event.activity_task_started_event_attributes.attempt
        for event in await events(handle)
        if event.HasField("activity_task_started_event_attributes")
    ]
    assert attempts == [1, 1]


async def test_keeps_to_its_rate(room: Room) -> None:
    room.vendors.records = catalog.invoices(20)
    result = await room.result("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot", rate_limit=10))
    assert result["duration"] >= 1.0  # two pages of ten, the last one without a pause


async def test_a_long_one_goes_on_as_new_and_loses_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_LEGS", 2)
    monkeypatch.setattr(sync_activities, "LEG_TIME", timedelta(microseconds=1))
    room.vendors.records = catalog.invoices(50)
    handle = await room.start("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot", page_size=10))
    result = await handle.result()
    assert counts(result) == (50, 50, 0, 0, 0)
    assert sum("crm" in path for _, path, _ in room.vendors.calls) == 5
    first = [
        event
        async for event in room.client.get_workflow_handle(
            handle.id, run_id=handle.first_execution_run_id
        ).fetch_history_events()
    ]
    assert first[-1].HasField("workflow_execution_continued_as_new_event_attributes")


async def test_cancelled_it_ends_and_tells_what_was_done(room: Room) -> None:
    room.vendors.records = catalog.invoices(50)
    reached = room.vendors.hold(2, "/crm")
    handle = await room.start("HubSpotInvoiceSyncWorkflow", catalog.listed("hubspot", page_size=10))
    await reached.wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(10):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    memo = await published(handle)
    assert memo["phase"] == {"name": "sync", "status": "failed"}
    assert memo["progress"]["completed"] == 20


async def test_a_file_of_rows_goes_into_a_table_and_the_refused_into_a_report(room: Room) -> None:
    rows = catalog.CUSTOMERS + "bad-1,,bad@example.com\nbad-2,only two\n" + 'ok-1,"Two\nlines, quoted",x@example.com\n'
    (room.folder / "customers.csv").write_text(rows, encoding="utf-8")
    result = await room.result("TaskProcessingWorkflow", catalog.task())
    assert counts(result) == (253, 251, 0, 0, 2)
    assert result["report"] == "reports/customers.jsonl"
    report = [json.loads(line) for line in (room.folder / "reports/customers.jsonl").read_text().splitlines()]
    assert [(each["number"], each["key"]) for each in report] == [(251, "bad-1"), (252, None)]
    assert "2 values where there are 3 columns" in report[1]["error"]
    assert await room.sql("select name from demo.customers where customer_id = 'ok-1'") == "Two\nlines, quoted"
    again = await room.result("TaskProcessingWithProgressWorkflow", catalog.task())
    assert counts(again) == (253, 0, 0, 251, 2)


async def test_rows_belong_to_the_tenant_who_asks_whatever_they_say(room: Room) -> None:
    (room.folder / "rows.jsonl").write_text(
        json.dumps({"tenant_id": "other", "customer_id": "c", "name": "n", "email": "e"}) + "\nnonsense\n"
    )
    file = {"format": "jsonl", "connection": "files", "path": "rows.jsonl"}
    result = await room.result("TaskProcessingWorkflow", catalog.task(file=file, report=None))
    assert counts(result) == (2, 1, 0, 0, 1)
    assert await room.sql("select tenant_id from demo.customers where customer_id = 'c'") == "default"


async def test_a_file_from_a_url_is_posted_row_by_row(room: Room) -> None:
    room.vendors.held("files")["rows.csv"] = {"content": "id,name\n1,one\n2,forbidden\n3,three\n"}
    file = {"format": "csv", "connection": "lists", "url": "/files/rows.csv"}
    target = {"kind": "http", "connection": "lists", "url": "/take", "key": ["id"]}
    request = catalog.task(file=file, target=target, report=None)
    assert counts(await room.result("TaskProcessingWorkflow", request)) == (3, 2, 0, 0, 1)
    assert counts(await room.result("TaskProcessingWorkflow", request)) == (3, 0, 0, 2, 1)


@pytest.mark.parametrize("path", ["../secret.csv", "link.csv"])
async def test_no_path_leads_out_of_the_folder(room: Room, path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.csv"
    secret.write_text("a\n1\n")
    (room.folder / "link.csv").symlink_to(secret)
    file = {"format": "csv", "connection": "files", "path": path}
    failure = await room.failure("TaskProcessingWorkflow", catalog.task(file=file))
    assert (failure.type, failure.non_retryable) == ("ValidationError", True)


async def test_a_url_of_an_input_leads_into_no_private_network(room: Room) -> None:
    """The worker of these tests allows none."""
    file = {"format": "csv", "url": f"{room.vendors.url}/files/rows.csv"}
    failure = await room.failure("TaskProcessingWorkflow", catalog.task(file=file))
    assert "TIDELINE_OUTBOUND_NETWORKS" in failure.message
    assert room.vendors.calls == []


async def test_a_query_goes_into_a_file_that_appears_whole(room: Room) -> None:
    result = await room.result("ExecuteExportWorkflow", catalog.export(page_size=50))
    assert counts(result) == (120, 120, 0, 0, 0)
    rows = list(csv.DictReader((room.folder / "out/prices.csv").read_text().splitlines()))
    assert (len(rows), rows[0]["price_id"], rows[0]["amount"]) == (120, "plan-pro-meter-01-eur-month", "575")
    assert [each.name for each in (room.folder / "out").iterdir()] == ["prices.csv"]


async def test_only_queries_that_are_listed_can_be_asked(room: Room) -> None:
    unknown = await room.failure("ExecuteExportWorkflow", catalog.export(query="everything"))
    assert (unknown.type, "there are: invoices, prices" in unknown.message) == ("NotFoundError", True)
    missing = await room.failure("ExecuteExportWorkflow", catalog.export(parameters=[]))
    assert (missing.type, "plan_id" in missing.message) == ("ValidationError", True)
    other = await room.result("ExecuteExportWorkflow", catalog.export(tenant_id="other"))
    assert other["records"] == 0


async def test_events_that_were_not_taken_are_sent_again(room: Room) -> None:
    failed = await room.sql("select count(*) from demo.usage_events where status = 'failed'")
    await room.sql("update demo.usage_events set meter = 'forbidden' where event_id = 'event-plan-pro-005-storage-gb'")
    result = await room.result("ReprocessEventsWorkflow", catalog.reprocess())
    assert counts(result) == (failed, failed - 1, 0, 0, 1)
    left = "select event_id || attempts || last_error from demo.usage_events where status = 'failed'"
    assert (await room.sql(left)).startswith("event-plan-pro-005-storage-gb1/take of connection 'lists' answered 422")
    assert len(set(room.vendors.keys)) == failed


async def test_a_wrong_input_is_refused_naming_each_field(room: Room) -> None:
    wrong = catalog.task(
        tenant_id=" ", page_size=0, file={"format": "csv", "connection": "files", "path": "/etc/passwd"}
    )
    failure = await room.failure("TaskProcessingWorkflow", wrong)
    assert [each["path"] for each in failure.details[0]] == [["tenant_id"], ["page_size"], ["file", "path"]]
