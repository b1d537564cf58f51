"""Every action on a run in each state, against the real server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from app.access import Role
from app.store.executions import Executions
from app.temporal import reads
from tests.integration.gateways import ANYBODY, Host, member
from tests.integration.states import CLOSED, STATES, Handle, Stage
from tests.waiting import eventually

DONE = "execution { workflowId runId status } userErrors { code path message }"
MUTATIONS: Mapping[str, str] = {
    "SIGNAL": f'signalWorkflow(input: {{TARGET signalName: "note", args: ["hello"]}}) {{ {DONE} }}',
    "CANCEL": f'cancelWorkflow(input: {{TARGET reason: "no longer"}}) {{ {DONE} }}',
    "TERMINATE": f'terminateWorkflow(input: {{TARGET reason: "stuck", details: [{{why: 1}}]}}) {{ {DONE} }}',
    "RESET": f'resetWorkflow(input: {{TARGET to: FIRST_WORKFLOW_TASK, reason: "again"}}) {{ {DONE} }}',
    "PAUSE": f'pauseWorkflow(input: {{TARGET reason: "wait"}}) {{ {DONE} }}',
    "UNPAUSE": f'unpauseWorkflow(input: {{TARGET reason: "go on"}}) {{ {DONE} }}',
    "UPDATE": (
        'updateWorkflow(input: {TARGET updateName: "add", args: ["x"]}) {'
        f" update {{ updateId stage result failure {{ message }} }} {DONE} }}"
    ),
    "DELETE": "deleteWorkflow(input: {TARGET}) { deletedId terminated runId userErrors { code path message } }",
}
REFUSED: Mapping[str, Mapping[str, str]] = {
    **{name: dict.fromkeys(CLOSED, "ALREADY_CLOSED") for name in ("SIGNAL", "CANCEL", "TERMINATE")},
    "UPDATE": {"PAUSED": "WORKFLOW_PAUSED", **dict.fromkeys(CLOSED, "ALREADY_CLOSED")},
    "PAUSE": {"PAUSED": "ALREADY_PAUSED", **dict.fromkeys(CLOSED, "ALREADY_CLOSED")},
    "UNPAUSE": {"RUNNING": "NOT_PAUSED", **dict.fromkeys(CLOSED, "ALREADY_CLOSED")},
    "RESET": {},
    "DELETE": {},
}
"""Action to state to the code of the refusal; whatever is not here is done."""
BECOMES: Mapping[str, str] = {"TERMINATE": "TERMINATED", "PAUSE": "PAUSED", "UNPAUSE": "RUNNING"}


async def act(host: Host, action: str, target: Handle | str, identity: Any = ANYBODY, more: str = "") -> Any:
    """The payload of one action on one run."""
    if isinstance(target, str):
        named = f'workflowId: "{target}"'
    else:
        named = f'workflowId: "{target.id}", runId: "{target.run_id}"'
    mutation = MUTATIONS[action].replace("TARGET", f"{named}, {more}")
    return (await host.data(f"mutation {{ done: {mutation} }}", identity))["done"]


def code(payload: Any) -> str | None:
    [*errors] = payload["userErrors"]
    return errors[0]["code"] if errors else None


async def events(handle: Handle, kind: EventType.ValueType) -> list[Any]:
    """Those of a kind, once there is one: Temporal keeps back what happens while a workflow task is worked on."""

    async def found() -> list[Any]:
        history = await handle.fetch_history()
        return [each for each in history.events if each.event_type == kind]

    return [getattr(each, each.WhichOneof("attributes") or "") for each in await eventually(found)]


@pytest.mark.parametrize("action", MUTATIONS)
async def test_each_action_on_a_run_in_each_state(host: Host, stage: Stage, action: str) -> None:
    runs = await stage.in_each_state()
    for state in STATES:
        handle = runs[state]
        done = await act(host, action, handle)
        assert code(done) == REFUSED[action].get(state), (action, state, done)
        if code(done) is not None:
            assert done["execution"] is None
            assert done["userErrors"][0]["message"].startswith("Workflow ")
            assert done["userErrors"][0]["path"] == ["workflowId"]
            continue
        if action == "DELETE":
            assert done["terminated"] is (state in {"RUNNING", "PAUSED"})
        elif action == "RESET":
            assert done["execution"]["runId"] != handle.run_id
            before = await row(host, handle)
            assert before == ("TERMINATED" if state in {"RUNNING", "PAUSED"} else state)
            assert await row(host, handle, done["execution"]["runId"]) is not None
        else:
            assert done["execution"]["runId"] == handle.run_id
        if action in BECOMES:
            assert done["execution"]["status"] == BECOMES[action]
            assert await row(host, handle, done["execution"]["runId"]) == BECOMES[action]
    unknown = await act(host, action, "never-was")
    hidden = await act(host, action, await stage.start("wait", tenant="acme"), member("other"))
    for refused in (unknown, hidden):
        [error] = refused["userErrors"]
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["workflowId"])
        assert error["message"].startswith("There is no workflow ")


@pytest.mark.parametrize(
    ("mutation", "argument"),
    [
        ("signalWorkflow", "signalName"),
        ("pauseWorkflow", "reason"),
        ("unpauseWorkflow", "reason"),
        ("updateWorkflow", "updateId"),
    ],
)
async def test_what_is_too_long_for_temporal_is_told_where_it_is(
    host: Host, stage: Stage, mutation: str, argument: str
) -> None:
    run = await stage.running()
    more = 'updateName: "add", ' if argument == "updateId" else ""
    for text, said in (("ü" * 501, "has at most 1000 bytes; this one has 1002"), ("a\\u0000b", "U+0000")):
        given = f'workflowId: "{run.id}", {more}{argument}: "{text}"'
        document = f"mutation {{ done: {mutation}(input: {{{given}}}) {{ {DONE} }} }}"
        [error] = (await host.data(document))["done"]["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", [argument])
        assert said in error["message"]


async def row(host: Host, handle: Handle, run_id: str | None = None) -> str | None:
    """The status that the index has for a run, once what was done is written there."""
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    status: str | None = await host.database.fetchval(
        "select status from executions where workflow_id = $1 and run_id = $2", handle.id, run_id or handle.run_id
    )
    return status


async def test_a_query_of_a_run_in_each_state(host: Host, stage: Stage) -> None:
    query = 'query ($id: String!, $run: ID) { workflow(workflowId: $id, runId: $run) { query(name: "notes") } }'
    runs = await stage.in_each_state()
    for state, handle in runs.items():
        answer = await host.ask(query, id=handle.id, run=handle.run_id)
        if state == "PAUSED":
            assert [each["extensions"]["code"] for each in answer["errors"]] == ["QUERY_FAILED"]
        else:
            assert answer["data"]["workflow"]["query"] == [], (state, answer)
    for identity, name in ((member("other"), runs["RUNNING"].id), (ANYBODY, "never-was")):
        assert (await host.data(query, identity, id=name))["workflow"] is None


async def test_what_is_offered_is_what_can_be_done(host: Host, stage: Stage) -> None:
    offer = "query ($id: String!, $run: ID) { workflow(workflowId: $id, runId: $run) { availableActions } }"
    for state, handle in (await stage.in_each_state()).items():
        offered = (await host.data(offer, id=handle.id, run=handle.run_id))["workflow"]["availableActions"]
        possible = {action for action in MUTATIONS if state not in REFUSED[action]}
        assert set(offered) == possible | (set() if state == "PAUSED" else {"QUERY"}), state


async def test_the_history_says_who_and_why(host: Host, stage: Stage) -> None:
    run = await stage.running()
    await act(host, "SIGNAL", run)
    [signal] = await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    assert signal.identity == "tideline:anybody"
    await act(host, "PAUSE", run)
    await act(host, "UNPAUSE", run)
    [paused] = await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED)
    [unpaused] = await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED)
    assert (paused.identity, paused.reason, unpaused.reason) == ("tideline:anybody", "wait", "go on")
    await act(host, "TERMINATE", run)
    [terminated] = await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
    assert (terminated.identity, terminated.reason) == ("tideline:anybody", "stuck")
    assert terminated.details.payloads[0].data == b'{"why":1}'
    run = await stage.running()
    await act(host, "CANCEL", run)
    [cancelled] = await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
    assert (cancelled.identity, cancelled.cause) == ("tideline:anybody", "no longer")


@pytest.mark.parametrize("action", ["SIGNAL", "RESET", "UPDATE", "PAUSE", "CANCEL"])
async def test_a_repeated_request_is_one_act(host: Host, stage: Stage, action: str) -> None:
    run = await stage.running()
    if action == "CANCEL":  # else it would have closed by the second time
        run = await stage.start("wait", queue="nobody-polls-here")
    first, second = [await act(host, action, run, more='idempotencyKey: "k1"') for _ in range(2)]
    assert first["userErrors"] == second["userErrors"] == []
    if action == "SIGNAL":
        assert len(await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)) == 1
    elif action == "RESET":
        assert first["execution"]["runId"] == second["execution"]["runId"]
        other = await act(host, action, run, more='idempotencyKey: "k2"')
        assert other["execution"]["runId"] != first["execution"]["runId"]
    elif action == "UPDATE":
        assert first["update"] == second["update"]
        assert len(await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)) == 1
    elif action == "PAUSE":
        assert len(await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED)) == 1
    else:
        assert len(await events(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)) == 1


ROLES = {
    Role.VIEWER: set[str](),
    Role.STARTER: set[str](),
    Role.OPERATOR: set(MUTATIONS) - {"DELETE"},
    Role.ADMIN: set(MUTATIONS),
}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_not_do_more_than_it_says(host: Host, stage: Stage, role: Role) -> None:
    offer = "query ($id: String!) { viewer { permissions } workflow(workflowId: $id) { availableActions } }"
    run = await stage.start("wait", tenant="acme")
    seen = await host.data(offer, member("acme", role), id=run.id)
    assert set(seen["viewer"]["permissions"]) & set(MUTATIONS) == ROLES[role]
    assert set(seen["workflow"]["availableActions"]) <= ROLES[role] | {"QUERY"}
    for action in set(MUTATIONS) - ROLES[role]:
        done = await act(host, action, run, member("acme", role))
        assert code(done) == "NOT_ALLOWED"
        assert code(await act(host, action, "never-was", member("acme", role))) == "NOT_ALLOWED"


async def test_a_deleted_run_is_gone_at_once_and_for_good(host: Host, stage: Stage) -> None:
    read = "query ($id: String!, $run: ID) { workflow(workflowId: $id, runId: $run) { runId } }"
    for state in ("RUNNING", "COMPLETED"):
        run = await stage.in_state(state)
        described = await reads.describe(host.temporal, "default", run.id, run.run_id)
        await Executions(host.database).record([described.execution])
        done = await act(host, "DELETE", run)
        assert (done["runId"], done["userErrors"]) == (run.run_id, [])
        # Temporal shows a closed one until it has come to deleting it, and the indexer reads that.
        await Executions(host.database).record([described.execution])
        assert await row(host, run) is None
        assert (await host.data(read, id=run.id, run=run.run_id))["workflow"] is None
        assert (await host.data(read, id=run.id))["workflow"] is None
        kinds = await host.database.fetch("select kind from changes where run_id = $1 order by position", run.run_id)
        assert [each["kind"] for each in kinds][1:] == ["DELETED"]
        assert code(await act(host, "DELETE", run)) == "NOT_FOUND"


async def test_a_run_that_only_the_archive_knows_can_be_deleted_and_no_more(host: Host, stage: Stage) -> None:
    run = await stage.in_state("COMPLETED")
    described = await reads.describe(host.temporal, "default", run.id, run.run_id)
    forgotten = stage.client.get_workflow_handle(run.id, run_id=str(uuid.uuid4()))
    await Executions(host.database).record([replace(described.execution, run_id=forgotten.run_id or "")])
    assert code(await act(host, "SIGNAL", forgotten)) == "ALREADY_CLOSED"
    refused = await act(host, "RESET", forgotten)
    assert code(refused) == "NOT_FOUND"
    assert "archive" in refused["userErrors"][0]["message"]
    assert (await act(host, "DELETE", forgotten))["terminated"] is False
    assert await row(host, forgotten) is None
