"""What is set for a tenant holds: quotas, roles, environments, defaults, and whether its callers come in at all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import TemporalServer
from tests.integration.guarded import closed_by, code_of, subscribed
from tests.integration.office import KEY, RESUME, RUN, SUSPEND, VIEWER, Office, opened
from tests.integration.web_host import hear, say
from tests.tenants import TENANT
from tests.waiting import eventually


@pytest.fixture
async def office(
    temporal: TemporalServer, task_queue: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with opened(temporal, task_queue, database, monkeypatch) as made:
        yield made


async def test_only_so_many_workflows_are_open_at_once(office: Office) -> None:
    admin = await office.made(quotas={"openWorkflows": 3})
    answers = await asyncio.gather(*(office.run(admin) for _ in range(8)))
    opened = [each["execution"]["workflowId"] for each in answers if each["execution"]]
    refused = [each["userErrors"] for each in answers if not each["execution"]]
    assert (len(opened), len(refused)) == (3, 5)
    assert {each[0]["code"] for each in refused} == {"QUOTA_EXCEEDED"}
    assert (await office.run(admin, opened[0]))["userErrors"] == [], "what uses an open run starts none"
    ((message,),) = [[each["message"] for each in (await office.run(admin))["userErrors"]]]
    assert message == (
        "Tenant 'acme-corporation' has 3 workflows that are open or being started, and 3 is the most (quota"
        " openWorkflows). Wait until one has closed."
    )
    end = 'mutation ($id: String!) { terminateWorkflow(input: {workflowId: $id, reason: "r"}) { userErrors { code } } }'
    await office.gateway.data(admin, end, id=opened[0])
    assert (await office.run(admin))["userErrors"] == []
    assert (await office.update(quotas={"openWorkflows": 4}))["userErrors"] == []
    assert (await office.run(admin))["userErrors"] == []
    assert (await office.shown())["tenant"]["usage"]["openWorkflows"] == 4
    assert (await office.update(quotas={"openWorkflows": None}))["tenant"]["quotas"]["openWorkflows"] is None
    assert (await office.run(admin))["userErrors"] == []


async def test_an_idempotency_key_that_is_used_is_answered_beyond_every_quota(office: Office) -> None:
    admin = await office.made(quotas={"openWorkflows": 1})
    document = """mutation ($key: String!) { startWorkflow(input: {workflowType: "Nothing", taskQueue: "nobody",
      idempotencyKey: $key}) { created execution { runId } userErrors { code } } }"""
    first = (await office.gateway.data(admin, document, key="one"))["startWorkflow"]
    again = (await office.gateway.data(admin, document, key="one"))["startWorkflow"]
    assert (first["created"], again["created"], again["execution"]) == (True, False, first["execution"])
    other = (await office.gateway.data(admin, document, key="two"))["startWorkflow"]
    assert other["userErrors"] == [{"code": "QUOTA_EXCEEDED"}]


async def test_only_so_many_workflows_are_started_a_minute(office: Office) -> None:
    admin = await office.made(quotas={"startsPerMinute": 3})
    answers = await asyncio.gather(*(office.run(admin) for _ in range(6)))
    assert sorted(bool(each["execution"]) for each in answers) == [False] * 3 + [True] * 3
    (refusal,) = (await office.run(admin))["userErrors"]
    assert refusal["code"] == "QUOTA_EXCEEDED"
    assert "has started 3 workflows within a minute" in refusal["message"]
    await office.estate.sql(
        "update executions set start_time = start_time - interval '1 minute' where tenant = $1", TENANT
    )
    assert (await office.run(admin))["userErrors"] == []


async def test_only_so_many_subscriptions_at_once(office: Office) -> None:
    admin = await office.made(quotas={"subscriptions": 1})
    workflow_id = (await office.run(admin))["execution"]["workflowId"]
    document = f'subscription {{ workflow(workflowId: "{workflow_id}") {{ status }} }}'
    second = (await office.gateway.data(admin, KEY, input={"name": "second", "roles": ["VIEWER"]}))["createApiKey"]
    async with office.gateway.session(admin) as one, office.gateway.session(second["secret"]) as other:
        assert (await subscribed(one, document))["data"]["workflow"]["status"] == "RUNNING"
        await say(other, id="1", type="subscribe", payload={"query": document})
        refused = await hear(other)
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "QUOTA_EXCEEDED"
        await say(one, id="1", type="complete")

        async def free() -> Any:
            await say(other, id=uuid.uuid4().hex, type="subscribe", payload={"query": document})
            return (await hear(other))["type"] == "next"

        assert await eventually(free)


async def test_keys_stay_within_roles_environments_and_number(office: Office) -> None:
    admin = await office.made(roles=["VIEWER", "ADMIN"], quotas={"apiKeys": 2})
    for key, more in ((admin, {}), (office.platform, {"tenant": TENANT})):
        assert await office.errors(key, roles=["VIEWER", "OPERATOR"], **more) == [
            ("NOT_ALLOWED", "Keys of tenant 'acme-corporation' have the roles VIEWER, ADMIN, not OPERATOR.")
        ]
    assert await office.errors(admin, environment="elsewhere") == [
        ("INVALID_INPUT", "Tenant 'acme-corporation' has no environment 'elsewhere'. It has: production, staging.")
    ]
    assert [each[0] for each in await office.errors(office.platform, tenant="-")] == ["INVALID_INPUT"]
    at_once = await asyncio.gather(*(office.errors(admin, environment="staging") for _ in range(4)))
    assert sorted(code for each in at_once for code, _ in each) == ["QUOTA_EXCEEDED"] * 3
    assert [each[0] for each in await office.errors(admin)] == ["QUOTA_EXCEEDED"]
    assert (await office.update(roles=None, quotas={"apiKeys": 3}))["tenant"]["roles"] is None
    assert await office.errors(admin, roles=["OPERATOR"]) == []


async def test_runs_are_in_environments_and_queues_of_their_tenant(office: Office) -> None:
    admin = await office.made()
    (run,) = [(await office.run(admin, queue=None))["execution"]]
    assert (run["taskQueue"], run["tenant"], run["environment"]) == ("acme-tasks", TENANT, "production")
    headers = {"authorization": f"Bearer {admin}", "x-environment-id": "elsewhere"}
    body = {"query": RUN, "variables": {"queue": "nobody"}}
    refused = (await office.gateway.http.post("/graphql", json=body, headers=headers)).json()["data"]["startWorkflow"]
    assert [(each["code"], each["message"]) for each in refused["userErrors"]] == [
        ("INVALID_INPUT", "Tenant 'acme-corporation' has no environment 'elsewhere'. It has: production, staging.")
    ]
    assert (await office.update(defaultEnvironment="staging", taskQueue="other"))["userErrors"] == []

    async def at_home() -> Any:
        return (await office.run(admin, queue=None))["execution"]

    moved = await eventually(at_home, lambda found: found["environment"] == "staging")
    assert moved["taskQueue"] == "other"
    assert (await office.update(environments=["staging", "live"]))["userErrors"] == []

    async def shut() -> Any:
        body = {"query": RUN, "variables": {"queue": "nobody"}}
        headers = {"authorization": f"Bearer {admin}", "x-environment-id": "production"}
        answer = (await office.gateway.http.post("/graphql", json=body, headers=headers)).json()
        return answer["data"]["startWorkflow"]["userErrors"]

    (refusal,) = await eventually(shut)
    assert refusal["message"].endswith("has no environment 'production'. It has: live, staging.")
    assert [each["path"] for each in (await office.update(environments=["live", "Live"]))["userErrors"]] == [
        ["environments", "1"],
        ["defaultEnvironment"],
    ]
    wrong = await office.update(defaultEnvironment="elsewhere", archiveRetentionDays=-1, displayName="", roles=[])
    assert {tuple(each["path"]) for each in wrong["userErrors"]} == {
        ("defaultEnvironment",), ("archiveRetentionDays",), ("displayName",), ("roles",),
    }  # fmt: skip
    assert [each["code"] for each in (await office.update())["userErrors"]] == ["INVALID_INPUT"]


async def test_a_suspended_tenant_is_shut_out_and_let_in_again(office: Office) -> None:
    admin = await office.made()
    workflow_id = (await office.run(admin))["execution"]["workflowId"]
    document = f'subscription {{ workflow(workflowId: "{workflow_id}") {{ status }} }}'
    async with office.gateway.session(admin) as websocket:
        assert (await subscribed(websocket, document))["data"]["workflow"]["status"] == "RUNNING"
        suspended = await office.gateway.data(office.platform, SUSPEND, id=TENANT, reason="the bill is not paid")
        assert suspended["suspendTenant"]["tenant"] == {"status": "SUSPENDED", "statusReason": "the bill is not paid"}
        assert await closed_by(websocket, 5) == (4403, "The tenant has been suspended.")
    answer = await office.gateway.ask(admin, VIEWER)
    assert answer["errors"][0]["message"] == "Tenant 'acme-corporation' is suspended: the bill is not paid."
    assert code_of(answer) == "FORBIDDEN"
    headers = {"authorization": f"Bearer {office.platform}", "x-tenant-id": TENANT, "x-environment-id": "production"}
    body = {"query": RUN, "variables": {"queue": "nobody"}}
    refused = (await office.gateway.http.post("/graphql", json=body, headers=headers)).json()["data"]["startWorkflow"]
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_ALLOWED"], "nor is anything started for it"
    again = (await office.gateway.data(office.platform, SUSPEND, id=TENANT))["suspendTenant"]
    assert [each["code"] for each in again["userErrors"]] == ["ALREADY_SUSPENDED"]
    resumed = (await office.gateway.data(office.platform, RESUME, id=TENANT))["resumeTenant"]
    assert resumed["tenant"] == {"status": "ACTIVE"}
    assert (await office.gateway.data(admin, VIEWER))["viewer"]["tenant"] == TENANT
    again = (await office.gateway.data(office.platform, RESUME, id=TENANT))["resumeTenant"]
    assert [each["code"] for each in again["userErrors"]] == ["NOT_SUSPENDED"]
    unknown = (await office.gateway.data(office.platform, SUSPEND, id="nobody"))["suspendTenant"]
    assert [each["code"] for each in unknown["userErrors"]] == ["NOT_FOUND"]


async def test_resets_and_triggers_need_a_place_as_starts_do(office: Office) -> None:
    admin = await office.made(quotas={"openWorkflows": 1}, defaults={"taskQueue": "nobody", "environment": "staging"})
    run = (await office.run(admin))["execution"]
    reset = """mutation ($id: String!) { act: resetWorkflow(input: {workflowId: $id, to: FIRST_WORKFLOW_TASK,
      reason: "r"}) { userErrors { code } } }"""
    end = """mutation ($id: String!) { act: terminateWorkflow(input: {workflowId: $id, reason: "r"}) {
      userErrors { code } } }"""
    make = """mutation { act: createSchedule(input: {scheduleId: "%s", spec: {}, triggerNow: %s,
      action: {workflowType: "Nothing", taskQueue: "nobody"}}) { userErrors { code } } }"""
    name = f"nightly-{uuid.uuid4().hex[:8]}"
    trigger = f'mutation {{ act: triggerSchedule(input: {{scheduleId: "{name}"}}) {{ userErrors {{ code }} }} }}'

    async def refused(document: str, **variables: Any) -> Any:
        return (await office.gateway.data(admin, document, **variables))["act"]["userErrors"]

    assert await refused(make % (f"{name}-now", "true")) == [{"code": "QUOTA_EXCEEDED"}]
    assert await refused(make % (name, "false")) == []
    assert await refused(trigger) == [{"code": "QUOTA_EXCEEDED"}]
    assert await refused(end, id=run["workflowId"]) == []
    other = (await office.run(admin))["execution"]
    assert await refused(reset, id=run["workflowId"]) == [{"code": "QUOTA_EXCEEDED"}]
    assert await refused(end, id=other["workflowId"]) == []
    assert await refused(trigger) == []
