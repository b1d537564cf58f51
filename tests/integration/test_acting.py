"""Starting, signalling and cancelling: each on a run in each state, for its own tenant and another."""

from __future__ import annotations

import uuid

import pytest

from app.access import Identity, Role
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, member

START = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) {
    created
    execution { workflowId status tenant environment createdBy memo metadata searchAttributes summary }
    userErrors { code path message }
  }
}
"""
SIGNAL = """
mutation ($id: String!) {
  done: signalWorkflow(input: {workflowId: $id, signalName: "go", args: [1]}) {
    execution { status } userErrors { code path message }
  }
}
"""
CANCEL = """
mutation ($id: String!) {
  done: cancelWorkflow(input: {workflowId: $id, reason: "why not"}) {
    execution { status } userErrors { code path message }
  }
}
"""


async def started(host: Host, identity: Identity = ANYBODY) -> str:
    workflow_id = f"act-{uuid.uuid4().hex[:10]}"
    given = {"workflowType": "Nothing", "taskQueue": "nobody", "workflowId": workflow_id}
    answer = (await host.data(START, identity, input=given))["startWorkflow"]
    assert answer["userErrors"] == []
    return workflow_id


async def codes(host: Host, mutation: str, workflow_id: str, identity: Identity = ANYBODY) -> list[str]:
    done = (await host.data(mutation, identity, id=workflow_id))["done"]
    assert (done["execution"] is None) == bool(done["userErrors"])
    return [each["code"] for each in done["userErrors"]]


async def test_a_start_says_whose_it_is_and_is_found_at_once(host: Host) -> None:
    given = {
        "workflowType": "Nothing",
        "taskQueue": "nobody",
        "workflowId": f"act-{uuid.uuid4().hex[:10]}",
        "metadata": {"order": 7},
        "memo": {"note": "hello"},
        "summary": "One line",
    }
    answer = (await host.data(START, member("acme"), input=given))["startWorkflow"]
    run = answer["execution"]
    assert answer["created"]
    assert (run["tenant"], run["environment"], run["createdBy"]) == ("acme", "default", "member of acme")
    assert (run["memo"]["note"], run["metadata"], run["summary"]) == ("hello", {"order": 7}, "One line")
    assert run["searchAttributes"] == {"TenantId": "acme", "EnvironmentId": "default"}
    mine = "query ($m: JSON) { workflows(filter: {metadata: $m}) { nodes { workflowId } } }"
    for identity, found in ((member("acme"), 1), (ANYBODY, 1), (member("other"), 0)):
        listed = await host.data(mine, identity, m={"order": 7})
        assert len(listed["workflows"]["nodes"]) == found


async def test_an_id_is_made_up_where_none_is_given(host: Host) -> None:
    answer = await host.data(START, input={"workflowType": "Nothing", "taskQueue": "nobody"})
    assert answer["startWorkflow"]["execution"]["workflowId"].startswith("Nothing-")


async def test_every_wrong_value_of_a_start_is_told_at_its_path(host: Host) -> None:
    given = {"workflowType": "", "workflowId": "x" * 1001, "runTimeoutSeconds": -1, "memo": {"tenant": "acme"}}
    answer = (await host.data(START, input=given))["startWorkflow"]
    assert {tuple(each["path"]) for each in answer["userErrors"]} == {
        ("workflowType",),
        ("workflowId",),
        ("runTimeoutSeconds",),
        ("memo", "tenant"),
    }
    assert {each["code"] for each in answer["userErrors"]} == {"INVALID_INPUT"}
    wrong = (await host.data(START, input={"workflowType": "A", "metadata": 3}))["startWorkflow"]
    assert sorted(each["path"] for each in wrong["userErrors"]) == [["metadata"], ["taskQueue"]]


async def test_an_id_in_use_is_refused(host: Host) -> None:
    workflow_id = await started(host)
    given = {"workflowType": "Nothing", "taskQueue": "nobody", "workflowId": workflow_id}
    again = (await host.data(START, input=given))["startWorkflow"]
    assert [each["code"] for each in again["userErrors"]] == ["ALREADY_STARTED"]
    assert again["created"] is False


async def test_acting_on_each_state(host: Host, temporal: TemporalServer) -> None:
    for mutation in (SIGNAL, CANCEL):
        workflow_id = await started(host)
        assert await codes(host, mutation, workflow_id) == []
        await temporal.client.get_workflow_handle(workflow_id).terminate()
        assert await codes(host, mutation, workflow_id) == ["ALREADY_CLOSED"]
        assert await codes(host, mutation, "never-was") == ["NOT_FOUND"]


async def test_another_tenants_run_is_unknown_in_the_same_words(host: Host) -> None:
    workflow_id = await started(host, member("acme"))
    for mutation in (SIGNAL, CANCEL):
        hidden = (await host.data(mutation, member("other"), id=workflow_id))["done"]["userErrors"]
        unknown = (await host.data(mutation, member("other"), id="never-was"))["done"]["userErrors"]
        assert [each["message"].replace(workflow_id, "never-was") for each in hidden] == [
            each["message"] for each in unknown
        ]
        assert [each["code"] for each in hidden] == ["NOT_FOUND"]
    read = "query ($id: String!) { workflow(workflowId: $id) { id } }"
    assert (await host.data(read, member("other"), id=workflow_id))["workflow"] is None


@pytest.mark.parametrize(
    ("role", "allowed"), [(Role.VIEWER, set()), (Role.STARTER, {START}), (Role.OPERATOR, {SIGNAL, CANCEL})]
)
async def test_a_role_may_not_do_more_than_it_says(host: Host, role: Role, allowed: set[str]) -> None:
    workflow_id = await started(host, member("acme"))
    identity = member("acme", role)
    for mutation in (SIGNAL, CANCEL):
        assert await codes(host, mutation, workflow_id, identity) == ([] if mutation in allowed else ["NOT_ALLOWED"])
    given = {"workflowType": "Nothing", "taskQueue": "nobody"}
    answer = (await host.data(START, identity, input=given))["startWorkflow"]
    assert [each["code"] for each in answer["userErrors"]] == ([] if START in allowed else ["NOT_ALLOWED"])


async def test_every_act_is_written_down_before_and_after(host: Host) -> None:
    workflow_id = await started(host, member("acme"))
    await codes(host, CANCEL, "never-was", member("acme"))
    rows = await host.database.fetch(
        "select identity, action, outcome, workflow_id, request_id from audit order by position"
    )
    assert [(row["action"], row["outcome"], row["workflow_id"]) for row in rows] == [
        ("startWorkflow", "REQUESTED", workflow_id),
        ("startWorkflow", "OK", workflow_id),
        ("cancelWorkflow", "REQUESTED", "never-was"),
        ("cancelWorkflow", "NOT_FOUND", "never-was"),
    ]
    assert {(row["identity"], row["request_id"]) for row in rows} == {("member of acme", "request-1")}
