"""Tenants as an operator makes them, through GraphQL alone: start, watch, ask, change, cancel, take the key, use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from tests.acceptance.client import ask, data, subscribe
from tests.acceptance.process import Tideline
from tests.waiting import eventually

START = """
mutation ($input: TenantProvisioningInput!, $id: String!, $wait: Float) {
  startTenantProvisioning(input: $input, options: {workflowId: $id, waitForResultSeconds: $wait}) {
    created execution { workflowId runId status result } userErrors { code message path }
  }
}
"""
STATE = """
query ($id: String!) { workflow(workflowId: $id) {
  status query(name: "state") phases { name status } compensations { name status } failure { type message } } }
"""
SIGNAL = """
mutation ($id: String!, $name: String!, $args: [JSON!]) {
  signalWorkflow(input: {workflowId: $id, signalName: $name, args: $args}) { userErrors { code message } }
}
"""
CLAIM = "mutation ($id: ID!) { claimApiKey(input: {id: $id}) { secret apiKey { roles } userErrors { code } } }"
TENANT = """
query ($id: ID!) { tenant(id: $id) { status plan environments quotas { openWorkflows subscriptions }
  administrator { email } usage { openWorkflows } } }
"""
PROGRESS = "subscription ($id: String!) { workflowProgress(workflowId: $id) { status progress { percent step } } }"


def wanted(name: str, **changes: Any) -> dict[str, Any]:
    user = {"firstName": "John", "lastName": "Admin", "email": "admin@acme.com"}
    return {"tenantName": name, "adminUser": user, "companyName": "Acme Corp", "billingPlan": "STANDARD", **changes}


@asynccontextmanager
async def held(tideline: Tideline) -> AsyncIterator[None]:
    """Whoever makes an administrator waits, until the end."""
    connection = await asyncpg.connect(tideline.database_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table hand_overs in access exclusive mode")
            yield
    finally:
        await connection.close()


async def state(tideline: Tideline, workflow_id: str) -> Any:
    answer = await ask(tideline.http, STATE, id=workflow_id)
    return answer["data"]["workflow"]


async def at_the_administrator(tideline: Tideline, workflow_id: str) -> Any:
    async def asked() -> Any:
        return await state(tideline, workflow_id)

    return await eventually(
        asked, lambda run: bool(run and run["query"] and run["query"]["step"] == "administrator"), within=30
    )


async def test_a_tenant_is_made_and_its_administrator_comes_in(tideline: Tideline) -> None:
    started = (await data(tideline.http, START, input=wanted("Acme Corporation"), id="acme", wait=30))[
        "startTenantProvisioning"
    ]
    assert (started["created"], started["userErrors"]) == (True, [])
    run = started["execution"]
    assert (run["status"], run["result"]["tenant_id"]) == ("COMPLETED", "acme-corporation")
    updates = [each["workflowProgress"] for each in await subscribe(tideline.ws, PROGRESS, id="acme")]
    assert (updates[-1]["status"], updates[-1]["progress"]["percent"]) == ("COMPLETED", 100)
    shown = await state(tideline, "acme")
    assert (shown["query"]["progress"], shown["query"]["status"]) == (100, "completed")
    assert {each["status"] for each in shown["phases"]} == {"COMPLETED"}
    assert (await data(tideline.http, "{ health { ok checks { name ok } } }"))["health"]["ok"]
    assert (await data(tideline.http, TENANT, id="acme-corporation"))["tenant"] == {
        "status": "ACTIVE",
        "plan": "standard",
        "environments": ["production"],
        "quotas": {"openWorkflows": 1000, "subscriptions": 500},
        "administrator": {"email": "admin@acme.com"},
        "usage": {"openWorkflows": 0},
    }
    claimed = (await data(tideline.http, CLAIM, id=run["result"]["hand_over_id"]))["claimApiKey"]
    assert claimed["apiKey"] == {"roles": ["ADMIN"]}
    again = (await data(tideline.http, CLAIM, id=run["result"]["hand_over_id"]))["claimApiKey"]
    assert (again["secret"], again["userErrors"]) == (None, [{"code": "ALREADY_TAKEN"}])
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {claimed['secret']}"}) as client:
        query = '{ viewer { tenant environment roles } workflow(workflowId: "acme") { workflowId } }'
        answer = (await client.post(tideline.http, json={"query": query})).json()["data"]
    assert answer["viewer"] == {"tenant": "acme-corporation", "environment": "production", "roles": ["ADMIN"]}
    assert answer["workflow"] is None, "the run that has made the tenant is not the tenant's"


async def test_wrong_values_are_named_before_anything_begins(tideline: Tideline) -> None:
    given = wanted(" ", environments=["Production"], quotas={"openWorkflows": 0})
    refused = (await data(tideline.http, START, input=given, id="wrong"))["startTenantProvisioning"]
    assert refused["execution"] is None
    assert {tuple(each["path"]) for each in refused["userErrors"]} == {
        ("input", "tenantName"),
        ("input", "environments", "0"),
        ("input", "quotas", "openWorkflows"),
    }


async def test_one_is_changed_on_its_way_and_one_is_cancelled(tideline: Tideline) -> None:
    for id_ in ("globex", "initech"):
        async with held(tideline):
            assert (await data(tideline.http, START, input=wanted(id_), id=id_))["startTenantProvisioning"]["created"]
            run = await at_the_administrator(tideline, id_)
            assert (run["status"], run["query"]["progress"]) == ("RUNNING", 37.5)
            if id_ == "globex":
                name, said = "update", {"billing_plan": "enterprise", "quotas": {"subscriptions": 7}}
            else:
                name, said = "cancel", {"reason": "User requested cancellation", "requested_by": "admin@example.com"}
            sent = (await data(tideline.http, SIGNAL, id=id_, name=name, args=[said]))["signalWorkflow"]
            assert sent == {"userErrors": []}

    async def closed(workflow_id: str) -> Any:
        async def asked() -> Any:
            return await state(tideline, workflow_id)

        return await eventually(asked, lambda run: run["status"] != "RUNNING", within=40)

    assert (await closed("globex"))["status"] == "COMPLETED"
    tenant = (await data(tideline.http, TENANT, id="globex"))["tenant"]
    assert (tenant["plan"], tenant["quotas"]) == ("enterprise", {"openWorkflows": None, "subscriptions": 7})

    run = await closed("initech")
    assert (run["status"], run["failure"]["type"]) == ("FAILED", "CancelledByRequest")
    assert run["query"]["cancellation"] == {
        "reason": "User requested cancellation",
        "requested_by": "admin@example.com",
    }
    assert run["query"]["undone"] == ["administrator", "environments", "tenant"]
    assert [each["status"] for each in run["compensations"]] == ["COMPLETED"] * 3
    assert (await data(tideline.http, TENANT, id="initech"))["tenant"] is None
