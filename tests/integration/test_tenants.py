"""Tenants through a gateway behind a shut door: made, handed over, cancelled; and who may do any of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.datastructures import Secret

from app.access import Role
from tests.conftest import TemporalServer
from tests.integration.guarded import code_of, guarded
from tests.integration.office import ACME, CLAIM, RESUME, START, STATE, SUSPEND, UPDATE, VIEWER, Office, opened
from tests.tenants import TENANT, Estate, Hand
from tests.waiting import eventually


@pytest.fixture
async def office(
    temporal: TemporalServer, task_queue: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with opened(temporal, task_queue, database, monkeypatch) as made:
        yield made


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
