"""The same act on many runs, and what a server does not offer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from app.access import Role
from app.gateway.batches.many import MAX_MANY
from tests.conftest import TEMPORAL, TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.states import Handle, Stage

RESULTS = "results { execution { workflowId status } userErrors { code } } userErrors { code path }"
DELETED = "results { workflowId terminated userErrors { code } } userErrors { code path }"


async def many(host: Host, field: str, refs: list[Any], identity: Any = ANYBODY, **more: Any) -> Any:
    kind = f"{field[0].upper()}{field[1:]}Input"
    selection = DELETED if field.startswith("delete") else RESULTS
    document = f"mutation ($input: {kind}!) {{ done: {field}(input: $input) {{ {selection} }} }}"
    return (await host.data(document, identity, input={"refs": refs, **more}))["done"]


def ref(run: Handle) -> dict[str, str | None]:
    return {"workflowId": run.id, "runId": run.run_id}


@pytest.mark.parametrize(
    ("field", "more", "becomes"),
    [
        ("signalWorkflows", {"signalName": "note", "args": ["x"]}, "RUNNING"),
        ("cancelWorkflows", {"reason": "no"}, "RUNNING"),
        ("terminateWorkflows", {"reason": "no"}, "TERMINATED"),
        ("resetWorkflows", {"to": "FIRST_WORKFLOW_TASK"}, "RUNNING"),
        ("pauseWorkflows", {}, "PAUSED"),
        ("deleteWorkflows", {}, None),
    ],
)
async def test_each_has_its_own_result_in_order(
    host: Host, stage: Stage, field: str, more: dict[str, Any], becomes: str | None
) -> None:
    runs = [await stage.running() for _ in range(3)]
    other = await stage.start("wait", tenant="acme")
    refs = [ref(runs[0]), {"workflowId": "never-was"}, ref(runs[1]), ref(other), ref(runs[2])]
    done = await many(host, field, refs, member("default"), **more)
    assert done["userErrors"] == []
    codes = [[each["code"] for each in result["userErrors"]] for result in done["results"]]
    assert codes == [[], ["NOT_FOUND"], [], ["NOT_FOUND"], []]
    shown = [result.get("execution", result) for result in done["results"]]
    assert [shown[at]["workflowId"] for at in (0, 2, 4)] == [run.id for run in runs]
    if becomes in {"TERMINATED", "PAUSED"}:
        assert {shown[at]["status"] for at in (0, 2, 4)} == {becomes}
    if field == "pauseWorkflows":
        again = await many(host, "unpauseWorkflows", refs, member("default"))
        assert [bool(result["userErrors"]) for result in again["results"]] == [False, True, False, True, False]
    rows = await host.database.fetch("select action, outcome, request_id from audit where outcome <> 'REQUESTED'")
    told = Counter((row["action"], row["outcome"]) for row in rows)
    action = field.removesuffix("s")
    assert (told[action, "OK"], told[action, "NOT_FOUND"]) == (3, 2)
    assert {row["request_id"] for row in rows} == {"request-1"}


async def test_a_repeated_request_is_one_act_on_each(host: Host, stage: Stage) -> None:
    runs = [await stage.running() for _ in range(2)]
    for _ in range(2):
        await many(
            host, "signalWorkflows", [ref(run) for run in runs], signalName="note", args=["x"], idempotencyKey="k"
        )
    for run in runs:
        history = await run.fetch_history()
        kinds = [each.event_type for each in history.events]
        assert kinds.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED) == 1


@pytest.mark.parametrize("field", ["terminateWorkflows", "deleteWorkflows"])
async def test_one_token_stands_for_all_that_changed(
    host: Host, stage: Stage, temporal: TemporalServer, database: str, field: str
) -> None:
    runs = [await stage.running() for _ in range(3)]
    kind = f"{field[0].upper()}{field[1:]}Input"
    document = f"mutation ($input: {kind}!) {{ done: {field}(input: $input) {{ consistencyToken }} }}"
    listing = """query ($token: String) {
      workflows(filter: {workflowType: "Acted"}, consistencyToken: $token) { nodes { status } }
    }"""
    refs = [*(ref(run) for run in runs), {"workflowId": "never-was"}]
    async with hosted(temporal.address, database) as other:
        token = (await host.data(document, input={"refs": refs}))["done"]["consistencyToken"]
        assert token is not None
        listed = await other.data(listing, token=token)
    expected = [{"status": "TERMINATED"}] * 3 if field == "terminateWorkflows" else []
    assert listed["workflows"]["nodes"] == expected
    nothing = await host.data(document, input={"refs": [{"workflowId": "never-was"}]})
    assert nothing["done"]["consistencyToken"] is None


async def test_what_is_refused_as_a_whole(host: Host) -> None:
    assert await many(host, "cancelWorkflows", []) == {"results": [], "userErrors": []}
    refs = [{"workflowId": f"w-{number}"} for number in range(MAX_MANY + 1)]
    assert (await many(host, "cancelWorkflows", refs)) == {
        "results": [],
        "userErrors": [{"code": "TOO_MANY", "path": ["refs"]}],
    }
    refused = await many(host, "deleteWorkflows", refs[:1], member("acme", Role.OPERATOR))
    assert (refused["results"], refused["userErrors"][0]["code"]) == ([], "NOT_ALLOWED")
    rows = await host.database.fetch("select action, outcome from audit order by position")
    assert [tuple(row) for row in rows if row["outcome"] != "REQUESTED"] == [
        ("cancelWorkflows", "OK"),
        ("cancelWorkflows", "TOO_MANY"),
        ("deleteWorkflows", "NOT_ALLOWED"),
    ]


async def test_what_the_server_does_not_offer_is_told_with_what_it_needs(database: str) -> None:
    pause = """mutation ($id: String!) { pauseWorkflow(input: {workflowId: $id}) { userErrors { code message } } }"""
    offer = "query ($id: String!) { workflow(workflowId: $id) { availableActions } }"
    environment = await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL)
    try:
        client = environment.client
        async with hosted(client.service_client.config.target_host, database) as host:
            run = await client.start_workflow("Nothing", id="w", task_queue="nobody")
            [error] = (await host.data(pause, id=run.id))["pauseWorkflow"]["userErrors"]
            assert error["code"] == "NOT_SUPPORTED"
            assert "Temporal server 1.30 or newer" in error["message"]
            assert "frontend.WorkflowPauseEnabled" in error["message"]
            offered = (await host.data(offer, id=run.id))["workflow"]["availableActions"]
            assert "PAUSE" not in offered
            assert "UPDATE" in offered
    finally:
        await environment.shutdown()
