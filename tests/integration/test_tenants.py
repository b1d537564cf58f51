"""Tenants through a gateway behind a shut door: made, handed over, bounded, suspended; and who may do any of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.datastructures import Secret

from app.access import Role
from tests.conftest import TemporalServer
from tests.integration.guarded import Guarded, closed_by, code_of, guarded, subscribed
from tests.integration.web_host import hear, say
from tests.tenants import TENANT, Estate, Hand
from tests.waiting import eventually

START = """
mutation ($input: TenantProvisioningInput!, $options: StartOptions) {
  startTenantProvisioning(input: $input, options: $options) {
    created execution { workflowId status result tenant failure { message type } }
    userErrors { code message path }
  }
}
"""
CLAIM = """
mutation ($id: ID!) { claimApiKey(input: {id: $id}) {
  secret apiKey { id name roles tenant environment } userErrors { code message } } }
"""
TENANTS = """
query ($id: ID!) {
  tenants { totalCount nodes { id status } }
  tenant(id: $id) {
    id status statusReason displayName companyName plan environments defaultEnvironment taskQueue
    archiveRetentionDays roles createdBy provisionedBy
    quotas { openWorkflows startsPerMinute subscriptions apiKeys }
    usage { openWorkflows startsLastMinute apiKeys }
    administrator { name email apiKey { id roles lastUsedAt } }
  }
}
"""
UPDATE = """
mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) {
  tenant { displayName roles defaultEnvironment quotas { openWorkflows startsPerMinute subscriptions apiKeys } }
  userErrors { code message path } } }
"""
SUSPEND = """
mutation ($id: ID!, $reason: String) { suspendTenant(input: {tenant: $id, reason: $reason}) {
  tenant { status statusReason } userErrors { code message } } }
"""
RESUME = """
mutation ($id: ID!) { resumeTenant(input: {tenant: $id}) { tenant { status } userErrors { code message } } }
"""
RUN = """
mutation ($id: String, $queue: String, $options: JSON) { startWorkflow(input: {
  workflowType: "Nothing", taskQueue: $queue, workflowId: $id, metadata: $options, idConflictPolicy: USE_EXISTING
}) { execution { workflowId taskQueue tenant environment } userErrors { code message path } } }
"""
KEY = """
mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  secret apiKey { id } userErrors { code message } } }
"""
VIEWER = "{ viewer { subject tenant environment roles scopedToTenant permissions } }"
STATE = 'query ($id: String!) { workflow(workflowId: $id) { status query(name: "state") } }'
ACME = {
    "tenantName": "Acme Corporation",
    "adminUser": {"firstName": "John", "lastName": "Admin", "email": "admin@acme.example"},
    "companyName": "Acme Corp",
    "billingPlan": "ENTERPRISE",
    "environments": ["production", "staging"],
    "defaults": {"taskQueue": "acme-tasks"},
}


@dataclass
class Office:
    """A gateway, a worker's estate, and the key of a platform."""

    gateway: Guarded
    estate: Estate
    platform: str

    async def start(self, workflow_id: str | None = None, wait: float = 30, **changes: Any) -> Any:
        options = {"taskQueue": self.estate.task_queue, "waitForResultSeconds": wait, "workflowId": workflow_id}
        given = {"input": {**ACME, **changes}, "options": options}
        return (await self.gateway.data(self.platform, START, **given))["startTenantProvisioning"]

    async def made(self, **changes: Any) -> str:
        """The secret of the administrator of a new tenant."""
        async with self.estate.worker():
            started = await self.start(**changes)
        assert started["execution"]["status"] == "COMPLETED", started
        claimed = (await self.claim(started["execution"]["result"]["hand_over_id"]))["secret"]
        assert isinstance(claimed, str)
        return claimed

    async def claim(self, id_: str, key: str | None = None) -> Any:
        return (await self.gateway.data(key or self.platform, CLAIM, id=id_))["claimApiKey"]

    async def shown(self) -> Any:
        return await self.gateway.data(self.platform, TENANTS, id=TENANT)

    async def update(self, **changes: Any) -> Any:
        given = {"tenant": TENANT, **changes}
        return (await self.gateway.data(self.platform, UPDATE, input=given))["updateTenant"]

    async def run(self, key: str, workflow_id: str | None = None, queue: str | None = "nobody") -> Any:
        """Start a run that no worker will ever work on."""
        workflow_id = workflow_id or f"of-acme-{uuid.uuid4().hex[:10]}"
        return (await self.gateway.data(key, RUN, id=workflow_id, queue=queue))["startWorkflow"]

    async def errors(self, key: str, **wanted: Any) -> list[tuple[str, str]]:
        """What the making of an API key is refused for."""
        given = {"name": "another", "roles": ["VIEWER"], **wanted}
        answer = (await self.gateway.data(key, KEY, input=given))["createApiKey"]
        return [(each["code"], each["message"]) for each in answer["userErrors"]]


@pytest.fixture
async def office(
    temporal: TemporalServer, task_queue: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with guarded(temporal.address, database, monkeypatch) as gateway:
        platform = await gateway.key(Role.PLATFORM, tenant=None, environment=None)
        yield Office(gateway, Estate(temporal.client, temporal.address, database, task_queue), platform)


async def test_a_tenant_is_made_and_its_key_is_handed_over_once(office: Office) -> None:
    async with office.estate.worker():
        started = await office.start()
    run = started["execution"]
    assert (started["created"], run["status"], run["tenant"]) == (True, "COMPLETED", "-")
    result = run["result"]
    first, second = await asyncio.gather(*(office.claim(result["hand_over_id"]) for _ in range(2)))
    taken, refused = (first, second) if first["secret"] else (second, first)
    assert [each["code"] for each in refused["userErrors"]] == ["ALREADY_TAKEN"]
    assert refused["secret"] is None
    assert taken["apiKey"] == {
        "id": result["key_id"],
        "name": "admin@acme.example",
        "roles": ["ADMIN"],
        "tenant": TENANT,
        "environment": None,
    }
    viewer = (await office.gateway.data(taken["secret"], VIEWER))["viewer"]
    assert viewer["subject"] == "key:admin@acme.example"
    assert (viewer["tenant"], viewer["environment"], viewer["scopedToTenant"]) == (TENANT, "production", TENANT)
    assert "MANAGE_KEYS" in viewer["permissions"]
    assert "MANAGE_TENANTS" not in viewer["permissions"]
    shown = await office.shown()
    assert shown["tenants"] == {"totalCount": 1, "nodes": [{"id": TENANT, "status": "ACTIVE"}]}
    administrator = shown["tenant"].pop("administrator")
    assert (administrator["name"], administrator["apiKey"]["roles"]) == ("John Admin", ["ADMIN"])
    assert administrator["apiKey"]["lastUsedAt"] is not None
    assert shown["tenant"] == {
        "id": TENANT,
        "status": "ACTIVE",
        "statusReason": None,
        "displayName": "Acme Corporation",
        "companyName": "Acme Corp",
        "plan": "enterprise",
        "environments": ["production", "staging"],
        "defaultEnvironment": "production",
        "taskQueue": "acme-tasks",
        "archiveRetentionDays": None,
        "roles": ["VIEWER", "STARTER", "OPERATOR", "ADMIN"],
        "createdBy": "key:key of None",
        "provisionedBy": run["workflowId"],
        "quotas": {"openWorkflows": None, "startsPerMinute": None, "subscriptions": None, "apiKeys": None},
        "usage": {"openWorkflows": 0, "startsLastMinute": 0, "apiKeys": 1},
    }


async def test_the_key_is_nowhere_but_with_who_took_it(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """Looked for in the history, in every table as text and bytes, and in all that was said."""
    async with office.estate.worker():
        started = await office.start()
    run = started["execution"]
    held = await office.estate.sql("select sealed from hand_overs")
    secret = (await office.claim(run["result"]["hand_over_id"]))["secret"]
    await office.gateway.data(secret, VIEWER)
    handle = office.estate.client.get_workflow_handle(run["workflowId"])
    history = (await handle.fetch_history()).to_json()
    described = str((await handle.describe()).raw_description)
    said = "".join(capsys.readouterr())
    tables = await office.estate.everything()
    assert run["workflowId"] in tables
    for place in (history, described, said, tables):
        for part in (secret, secret.removeprefix("tdl_key_"), secret.encode().hex()):
            assert part not in place
    assert secret.encode() not in held
    assert await office.estate.sql("select sealed from hand_overs") is None


async def test_what_is_not_taken_in_time_is_nobodys(office: Office) -> None:
    async with office.estate.worker():
        result = (await office.start())["execution"]["result"]
    await office.estate.sql("update hand_overs set expires_at = now()")
    late = await office.claim(result["hand_over_id"])
    assert [each["code"] for each in late["userErrors"]] == ["EXPIRED"]
    for unknown in (str(uuid.uuid4()), "x"):
        assert [each["code"] for each in (await office.claim(unknown))["userErrors"]] == ["NOT_FOUND"]


async def test_only_a_platform_makes_sees_and_changes_tenants(office: Office) -> None:
    gateway = office.gateway
    outsiders = [
        await gateway.key(Role.ADMIN),
        await gateway.key(Role.PLATFORM, tenant="acme", environment=None),
    ]
    async with office.estate.worker(Hand(holds="create_environments")) as hand:
        started = await office.start(wait=0)
        workflow_id = started["execution"]["workflowId"]
        await hand.reached.wait()
        for key in outsiders:
            refused = await gateway.data(key, START, input=ACME, options={"taskQueue": office.estate.task_queue})
            assert [each["code"] for each in refused["startTenantProvisioning"]["userErrors"]] == ["NOT_ALLOWED"]
            by_type = """mutation ($input: [JSON!]) { startWorkflow(input: {workflowType: "TenantProvisioningWorkflow",
              input: $input}) { userErrors { code } } }"""
            refused = await gateway.data(key, by_type, input=[{"tenant_name": "a", "admin_user": {
                "first_name": "a", "last_name": "b", "email": "a@b"}}])  # fmt: skip
            assert refused["startWorkflow"]["userErrors"] == [{"code": "NOT_ALLOWED"}]
            scheduled = """mutation { createSchedule(input: {scheduleId: "tenants", spec: {cron: ["0 0 * * *"]},
              action: {
              workflowType: "TenantProvisioningWorkflow", input: []}}) { userErrors { path } } }"""
            refused = await gateway.data(key, scheduled)
            assert ["action", "workflowType"] in [each["path"] for each in refused["createSchedule"]["userErrors"]]
            for act in ('cancelWorkflow(input: {workflowId: "%s", reason: "r"})',
                        'signalWorkflow(input: {workflowId: "%s", signalName: "cancel", args: []})',
                        'terminateWorkflow(input: {workflowId: "%s", reason: "r"})'):  # fmt: skip
                document = f"mutation {{ act: {act % workflow_id} {{ userErrors {{ code }} }} }}"
                assert (await gateway.data(key, document))["act"]["userErrors"] == [{"code": "NOT_FOUND"}]
            assert (await gateway.data(key, STATE, id=workflow_id))["workflow"] is None
            listed = '{ workflows(filter: {workflowType: ["TenantProvisioningWorkflow"]}) { nodes { workflowId } } }'
            assert (await gateway.data(key, listed))["workflows"]["nodes"] == []
            for query in ("{ tenants { totalCount } }", '{ tenant(id: "acme-corporation") { id } }'):
                assert code_of(await gateway.ask(key, query)) == "FORBIDDEN"
            for answer in (
                (await gateway.data(key, UPDATE, input={"tenant": TENANT, "displayName": "x"}))["updateTenant"],
                (await gateway.data(key, SUSPEND, id=TENANT))["suspendTenant"],
                (await gateway.data(key, RESUME, id=TENANT))["resumeTenant"],
                await office.claim(str(uuid.uuid4()), key),
            ):
                assert [each["code"] for each in answer["userErrors"]] == ["NOT_ALLOWED"]
        hand.go_on.set()
        await office.estate.client.get_workflow_handle(workflow_id).result()


async def test_a_cancellation_by_signal_through_graphql_alone(office: Office) -> None:
    signal = """mutation ($id: String!, $args: [JSON!]) { signalWorkflow(input: {workflowId: $id, signalName: "cancel",
      args: $args}) { userErrors { code message } } }"""
    async with office.estate.worker(Hand(holds="set_tenant_roles")) as hand:
        workflow_id = (await office.start(wait=0))["execution"]["workflowId"]
        await hand.reached.wait()
        args = [{"reason": "User requested cancellation", "requested_by": "admin@example.com"}]
        assert (await office.gateway.data(office.platform, signal, id=workflow_id, args=args))["signalWorkflow"] == {
            "userErrors": []
        }

        async def stands() -> Any:
            return (await office.gateway.data(office.platform, STATE, id=workflow_id))["workflow"]

        found = await eventually(stands, lambda run: run["query"]["cancellation"] is not None)
        assert (found["query"]["step"], found["query"]["progress"]) == ("roles", 50)
        hand.go_on.set()
        run = await eventually(stands, lambda run: run["status"] != "RUNNING")
    assert (run["status"], run["query"]["status"] if run["query"] else "cancelled") == ("FAILED", "cancelled")
    shown = (
        "query ($id: String!) { workflow(workflowId: $id) { failure { message type } compensations { name status } } }"
    )
    ended = (await office.gateway.data(office.platform, shown, id=workflow_id))["workflow"]
    assert ended["failure"]["type"] == "CancelledByRequest"
    assert ended["failure"]["message"].startswith("Cancelled by admin@example.com: User requested cancellation.")
    assert [each["status"] for each in ended["compensations"]] == ["COMPLETED"] * 4
    assert (await office.shown())["tenant"] is None


async def test_the_key_of_a_tenant_that_is_being_made_is_not_good_yet(office: Office) -> None:
    async with office.estate.worker(Hand(holds="activate_tenant")) as hand:
        workflow_id = (await office.start(wait=0))["execution"]["workflowId"]
        await hand.reached.wait()
        claimed = await office.claim(str(await office.estate.sql("select id from hand_overs")))
        answer = await office.gateway.ask(claimed["secret"], VIEWER)
        assert (code_of(answer), "still being made" in answer["errors"][0]["message"]) == ("FORBIDDEN", True)
        assert [each[0] for each in await office.errors(office.platform, tenant=TENANT)] == ["NOT_ALLOWED"]
        refused = await office.update(displayName="x")
        assert [each["code"] for each in refused["userErrors"]] == ["NOT_ALLOWED"]
        hand.go_on.set()
        await office.estate.client.get_workflow_handle(workflow_id).result()

    async def viewed() -> Any:
        return (await office.gateway.ask(claimed["secret"], VIEWER)).get("data")

    assert await eventually(viewed)


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
    assert await office.errors(admin, environment="staging") == []
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


async def test_who_did_what_is_in_the_audit(office: Office) -> None:
    await office.made()
    await office.gateway.data(office.platform, SUSPEND, id=TENANT, reason="r")
    audit = "{ audit(first: 20) { nodes { action identity outcome detail } } }"
    nodes = (await office.gateway.data(office.platform, audit))["audit"]["nodes"]
    found = {each["action"]: each for each in nodes}
    assert {"startWorkflow", "claimApiKey", "suspendTenant"} <= found.keys()
    assert {each["outcome"] for each in nodes} == {"OK"}
    assert found["suspendTenant"]["detail"]["tenant"] == TENANT


async def test_a_gateway_with_another_secret_takes_nothing(
    temporal: TemporalServer, task_queue: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = Estate(temporal.client, temporal.address, database, task_queue)
    async with guarded(temporal.address, database, monkeypatch, token_secret=Secret("a" * 40)) as gateway:
        office = Office(gateway, estate, await gateway.key(Role.PLATFORM, tenant=None, environment=None))
        async with estate.worker():
            result = (await office.start())["execution"]["result"]
        answer = await gateway.ask(office.platform, CLAIM, id=result["hand_over_id"])
        assert (code_of(answer), "TIDELINE_TOKEN_SECRET" in answer["errors"][0]["message"]) == ("CONFLICT", True)
        assert await estate.sql("select sealed is not null from hand_overs")
    async with guarded(temporal.address, database, monkeypatch) as gateway:
        office = Office(gateway, estate, office.platform)
        assert (await office.claim(result["hand_over_id"]))["secret"]
