"""Two systems that live on the catalog, through GraphQL alone: a monitoring API over its types, and a billing service
with typed starts, results by workflow id, and figures."""

from __future__ import annotations

import csv
import uuid
from typing import Any

from tests.acceptance.client import data, subscribe
from tests.acceptance.process import Tideline
from tests.waiting import eventually

STANDARD = """tenantId: "default", environmentId: "default" """
BOOKS = """books: {connection: "demo", schema: "demo"} """
PAYLOAD = "created execution { workflowId runId status } userErrors { code message path }"
DETAILS = """
query ($id: String!) {
  workflow(workflowId: $id) {
    workflowId runId workflowType status taskQueue startTime closeTime durationMs durationText createdBy tenant
    environment metadata result failure { type message } progress { percent message }
    phases { name status }
    activities {
      nodes { activityId activityType status startTime closeTime durationMs attempt failure { message type } }
    }
    timeline(kinds: [PHASE, ACTIVITY, CHILD_WORKFLOW]) { nodes { kind name status startTime endTime } }
  }
}
"""


async def start(tideline: Tideline, field: str, given: str, **options: Any) -> dict[str, Any]:
    chosen = options.get("options", "")
    document = f"mutation {{ {field}(input: {{{STANDARD} {given}}} {chosen}) {{ {PAYLOAD} }} }}"
    payload: dict[str, Any] = (await data(tideline.http, document))[field]
    return payload


async def finished(tideline: Tideline, workflow_id: str) -> dict[str, Any]:
    progress = "subscription ($id: String!) { workflowProgress(workflowId: $id) { status progress { percent } } }"
    await subscribe(tideline.ws, progress, id=workflow_id)
    run: dict[str, Any] = (await data(tideline.http, DETAILS, id=workflow_id))["workflow"]
    return run


async def test_the_monitoring_api(tideline: Tideline) -> None:
    """List, summary, details, timeline and batch of what the catalog's types have done."""
    batch = uuid.uuid4().hex[:8]
    names = [f"price-{batch}", f"export-{batch}"]
    prices = """planId: "plan-starter",
      source: {kind: POSTGRES, connection: "demo", table: "demo.plan_prices"},
      destination: {kind: POSTGRES, connection: "demo", table: "demo.subscription_prices",
        subscriptions: "demo.subscriptions"}"""
    export = """query: "prices", parameters: [{name: "plan_id", value: "plan-starter"}],
      file: {connection: "files", path: "prices.csv"}"""
    for name, field, given in zip(names, ("startPriceSync", "startExecuteExport"), (prices, export), strict=True):
        options = f', options: {{workflowId: "{name}", metadata: {{batch: "{batch}"}}}}'
        payload = await start(tideline, field, given, options=options)
        assert (payload["userErrors"], payload["created"]) == ([], True)
    runs = [await finished(tideline, name) for name in names]
    assert [each["status"] for each in runs] == ["COMPLETED", "COMPLETED"]
    assert [each["tenant"] for each in runs] == ["default", "default"]
    assert {each["status"] for each in runs[1]["phases"]} == {"COMPLETED"}
    assert [each["activityType"] for each in runs[1]["activities"]["nodes"]] == [
        "count_export_rows",
        "sync_export_rows",
    ]
    with (tideline.data / "files" / "prices.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == runs[1]["result"]["records"] == 36

    listing = """query ($m: JSON!) { workflows(filter: {metadata: $m, status: [COMPLETED]}, first: 50) {
      totalCount nodes { workflowId runId workflowType taskQueue startTime createdBy metadata } } }"""

    async def listed() -> Any:
        return (await data(tideline.http, listing, m={"batch": batch}))["workflows"]

    page = await eventually(listed, lambda found: found["totalCount"] == 2, within=10)
    assert {each["workflowType"] for each in page["nodes"]} == {"PriceSyncWorkflow", "ExecuteExportWorkflow"}
    refs = """query ($refs: [WorkflowRef!]!) { workflowBatch(refs: $refs) { workflowId status
      activities { nodes { activityType } } } }"""
    many = (await data(tideline.http, refs, refs=[{"workflowId": each} for each in names]))["workflowBatch"]
    assert [each["workflowId"] for each in many] == names


async def test_every_type_of_the_catalog_has_a_typed_start(tideline: Tideline) -> None:
    types = "{ workflowTypes { name taskQueue } __schema { mutationType { fields { name } } } }"
    found = await data(tideline.http, types)
    mutations = {each["name"] for each in found["__schema"]["mutationType"]["fields"]}
    names = {each["name"] for each in found["workflowTypes"]}
    assert {f"start{name.removesuffix('Workflow')}" for name in names} <= mutations
    assert len(names) >= 19


async def test_the_billing_service(tideline: Tideline) -> None:
    """A typed start that is validated, billing in runs of its own, results by workflow id, and figures."""
    refused = await start(tideline, "startProcessSubscriptionBilling", f'{BOOKS} subscriptionId: " ", dueDays: 1000')
    assert {tuple(each["path"]) for each in refused["userErrors"]} == {
        ("input", "subscriptionId"),
        ("input", "dueDays"),
    }
    customer = f"customer-{uuid.uuid4().hex[:8]}"
    taken = await start(
        tideline,
        "startCustomerOnboarding",
        f"""{BOOKS} planId: "plan-pro",
        customer: {{customerId: "{customer}", name: "Ada", email: "ada@example.com"}}""",
    )
    onboarded = await finished(tideline, taken["execution"]["workflowId"])
    subscription = f"sub-{customer}-plan-pro"
    assert onboarded["result"]["subscription_id"] == subscription
    assert "CHILD_WORKFLOW" in {each["kind"] for each in onboarded["timeline"]["nodes"]}

    billed = await start(
        tideline,
        "startProcessSubscriptionBilling",
        f'{BOOKS} subscriptionId: "{subscription}", asOf: "2100-01-01T00:00:00Z"',
    )
    run = await finished(tideline, billed["execution"]["workflowId"])
    assert (run["status"], run["progress"]["percent"]) == ("COMPLETED", 100)
    assert run["result"]["invoice"]["status"] == "open"
    assert [each["activityType"] for each in run["activities"]["nodes"]] == [
        "check_subscription",
        "calculate_charges",
        "create_draft_invoice",
        "advance_period",
    ]
    unknown = await start(tideline, "startCalculation", f'{BOOKS} subscriptionId: "nobody"')
    failed = await finished(tideline, unknown["execution"]["workflowId"])
    assert (failed["status"], failed["activities"]["nodes"][0]["attempt"]) == ("FAILED", 1)
    assert failed["activities"]["nodes"][0]["failure"]["type"] == "NotFoundError"


async def test_a_file_of_tasks_tells_its_progress(tideline: Tideline) -> None:
    (tideline.data / "files" / "customers.csv").write_text(
        "customer_id,name,email\n" + "".join(f"c{n},Name {n},c{n}@example.com\n" for n in range(40)) + "broken\n"
    )
    payload = await start(
        tideline,
        "startTaskProcessingWithProgress",
        """rateLimit: 20, file: {format: CSV, connection: "files", path: "customers.csv"},
        target: {kind: TABLE, connection: "demo", table: "demo.customers", key: ["customer_id"]},
        report: {connection: "files", path: "customers.errors.jsonl"}""",
    )
    document = """subscription ($id: String!) { workflowProgress(workflowId: $id) {
      status progress { percent source } } }"""
    updates = [
        each["workflowProgress"]
        for each in await subscribe(tideline.ws, document, id=payload["execution"]["workflowId"])
    ]
    steps = [each["progress"]["percent"] or 0 for each in updates if each["progress"]]
    assert steps == sorted(steps)
    assert len(set(steps)) >= 2
    run = (await data(tideline.http, DETAILS, id=payload["execution"]["workflowId"]))["workflow"]
    assert (run["result"]["records"], run["result"]["failed"]) == (41, 1)
    assert (tideline.data / "files" / "customers.errors.jsonl").read_text().count("\n") == 1
    figures = "{ workflowStats(groupBy: [TASK_QUEUE]) { taskQueue count successRate failureRate durationP95Ms } }"
    by_queue = {each["taskQueue"]: each for each in (await data(tideline.http, figures))["workflowStats"]}
    assert by_queue["task-processing-with-progress"]["count"] >= 1
