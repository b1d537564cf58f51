"""Workflow types with a mutation of their own, and what there is to know of each type."""

from __future__ import annotations

import uuid
from typing import Any

from tests.integration.gateways import Host, member

START = """
mutation ($input: PriceSyncInput!, $options: StartOptions) {
  startPriceSync(input: $input, options: $options) {
    created execution { workflowId workflowType taskQueue tenant input summary }
    userErrors { code path message }
  }
}
"""


def wanted(**changes: Any) -> dict[str, Any]:
    end = {"kind": "POSTGRES", "connection": "demo", "table": "demo.plan_prices"}
    return {
        "planId": "plan-pro",
        "tenantId": "default",
        "environmentId": "default",
        "source": end,
        "destination": {**end, "subscriptions": "demo.subscriptions"},
        **changes,
    }


async def test_a_start_has_the_input_that_the_worker_reads(host: Host) -> None:
    workflow_id = f"typed-{uuid.uuid4().hex[:8]}"
    options = {"workflowId": workflow_id, "summary": "One line", "taskQueue": "nobody"}
    answer = (await host.data(START, input=wanted(rateLimit=5), options=options))["startPriceSync"]
    assert answer["userErrors"] == []
    assert answer["created"]
    run = answer["execution"]
    assert (run["workflowId"], run["workflowType"], run["taskQueue"], run["summary"]) == (
        workflow_id, "PriceSyncWorkflow", "nobody", "One line",
    )  # fmt: skip
    end = {"kind": "postgres", "connection": "demo", "table": "demo.plan_prices"}
    assert run["input"] == [
        {
            "plan_id": "plan-pro",
            "tenant_id": "default",
            "environment_id": "default",
            "source": end,
            "destination": {**end, "subscriptions": "demo.subscriptions"},
            "page_size": 50,
            "rate_limit": 5,
        }
    ]


async def test_wrong_values_are_told_in_the_names_of_graphql(host: Host) -> None:
    given = wanted(planId="", pageSize=0, source={"kind": "POSTGRES", "connection": "demo"})
    options = {"workflowId": "", "memo": {"tenant": "x"}}
    answer = (await host.data(START, input=given, options=options))["startPriceSync"]
    assert answer["execution"] is None
    assert {tuple(each["path"]): each["message"] for each in answer["userErrors"]} == {
        ("options", "workflowId"): "workflowId cannot be empty.",
        ("options", "memo", "tenant"): "memo.tenant is written by Tideline itself. Choose another key.",
        ("input", "planId"): "planId must not be empty.",
        ("input", "source", "table"): (
            "source.table must be schema.table, of a-z, 0-9 and _, when kind is postgres; it is None."
        ),
        ("input", "pageSize"): "pageSize must be 1 to 1000; it is 0.",
    }
    assert {each["code"] for each in answer["userErrors"]} == {"INVALID_INPUT"}


async def test_an_input_cannot_name_another_tenant(host: Host) -> None:
    answer = (await host.data(START, member("acme"), input=wanted(tenantId="other")))["startPriceSync"]
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_ALLOWED"]


async def test_what_there_is_to_know_of_a_type(host: Host) -> None:
    said = await host.data(
        """{ workflowType(name: "PriceSyncWorkflow") { mutation phases taskQueue description inputSchema
             signals { name arguments { name required schema } } defaults { runTimeoutSeconds memo
             retryPolicy { maximumAttempts } } } unknown: workflowType(name: "Elsewhere") { name }
             workflowTypes { name } }"""
    )
    known = said["workflowType"]
    assert (known["mutation"], known["taskQueue"]) == ("startPriceSync", "price-sync")
    assert known["phases"] == ["validate", "count", "sync", "verify"]
    assert known["inputSchema"]["required"][0] == "plan_id"
    assert known["defaults"] == {"runTimeoutSeconds": None, "memo": {}, "retryPolicy": None}
    assert said["unknown"] is None
    assert {"name": "PriceSyncWorkflow"} in said["workflowTypes"]
