"""Tenants that share a namespace and call their workflows the same."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from app.access import Role
from app.access.workflow_ids import WorkflowIds
from app.api.engine import Operation
from app.cursors import seal
from app.errors import BadUserInput
from app.gateway import Caller
from app.gateway.acting.consistency import Written
from app.gateway.seeing import serving
from app.model import NOBODY
from app.settings import Settings
from app.temporal.connection import Tenancy
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member

ACME, OTHER = member("acme"), member("globex")
APART = WorkflowIds(apart=True)
START = """
mutation ($id: String!) { startWorkflow(input: {workflowType: "Nothing", taskQueue: "nobody", workflowId: $id}) {
  created execution { id workflowId runId tenant } userErrors { code message } } }
"""
SIGNAL = """
mutation ($id: String!) { signalWorkflow(input: {workflowId: $id, signalName: "go"}) {
  execution { workflowId runId } userErrors { code message } } }
"""
READ = "query ($id: String!) { workflow(workflowId: $id) { workflowId runId tenant } }"
LIST = "query ($filter: WorkflowFilter) { workflows(filter: $filter) { nodes { workflowId runId } } }"
SCHEDULE = """
mutation ($id: String!) { createSchedule(input: {scheduleId: $id, spec: {intervals: [{everySeconds: 86400}]},
  action: {workflowType: "Nothing", workflowId: "nightly", taskQueue: "nobody"}}) {
  schedule { scheduleId action { workflowId } } userErrors { message } } }
"""
PAUSE = (
    "mutation ($id: String!) { pauseSchedule(input: {scheduleId: $id}) { schedule { scheduleId paused }"
    " userErrors { code message } } }"
)
SCHEDULES = "query ($id: String!) { schedule(scheduleId: $id) { scheduleId paused action { workflowId } } }"


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database, settings=Settings(workflow_ids="tenant")) as host:
        yield host


@pytest.fixture
def name() -> str:
    return f"sync-{uuid.uuid4().hex[:8]}"


async def started(host: Host, who: Any, name: str) -> Any:
    done = (await host.data(START, who, id=name))["startWorkflow"]
    assert done["userErrors"] == []
    assert done["created"]
    return done["execution"]


async def test_both_have_their_own_run_of_one_name(host: Host, name: str) -> None:
    mine, theirs = await started(host, ACME, name), await started(host, OTHER, name)
    assert (mine["workflowId"], mine["tenant"], theirs["tenant"]) == (name, "acme", "globex")
    for who, run in ((ACME, mine), (OTHER, theirs)):
        found = (await host.data(READ, who, id=name))["workflow"]
        assert found == {"workflowId": name, "runId": run["runId"], "tenant": who.tenant}
        told = (await host.data(SIGNAL, who, id=name))["signalWorkflow"]
        assert told == {"execution": {"workflowId": name, "runId": run["runId"]}, "userErrors": []}
        for filter_ in ({"equals": name}, {"startsWith": name[:9]}, {"contains": name[3:]}):
            nodes = (await host.data(LIST, who, filter={"workflowId": filter_}))["workflows"]["nodes"]
            assert nodes == [{"workflowId": name, "runId": run["runId"]}]
        again = (await host.data(START, who, id=name))["startWorkflow"]
        assert [each["code"] for each in again["userErrors"]] == ["ALREADY_STARTED"]
    other = await host.data("query ($id: ID!) { node(id: $id) { id } }", ACME, id=theirs["id"])
    assert other == {"node": None}


async def test_the_platform_sees_and_says_whole_names(host: Host, name: str) -> None:
    mine = await started(host, ACME, name)
    whole = f"acme/default/{name}"
    assert (await host.data(READ, id=whole))["workflow"]["workflowId"] == whole
    assert (await host.data(READ, id=name))["workflow"] is None
    assert (await host.data(READ, OTHER, id=whole))["workflow"] is None
    assert (await host.data(READ, ACME, id=whole))["workflow"]["runId"] == mine["runId"]


async def test_a_run_from_elsewhere_keeps_its_name(host: Host, temporal: TemporalServer, name: str) -> None:
    handle = await temporal.client.start_workflow("Nothing", id=name, task_queue="nobody", memo={"tenant": "acme"})
    found = (await host.data(READ, ACME, id=name))["workflow"]
    assert found == {"workflowId": name, "runId": handle.first_execution_run_id, "tenant": "acme"}
    assert (await host.data(READ, OTHER, id=name))["workflow"] is None
    mine = await started(host, OTHER, name)
    assert (await host.data(READ, OTHER, id=name))["workflow"]["runId"] == mine["runId"]


async def test_a_stream_says_the_name_that_its_caller_does(host: Host, name: str) -> None:
    await started(host, ACME, name)
    document = f'subscription {{ workflow(workflowId: "{name}") {{ workflowId status }} }}'
    async with aclosing(host.engine.stream(Operation(document, {}), Caller(ACME, "request-1"))) as stream:
        answer = orjson.loads((await anext(stream)).body)
    assert answer["data"]["workflow"] == {"workflowId": name, "status": "RUNNING"}


async def test_what_is_told_of_a_run_names_it_as_its_caller_does(host: Host, name: str) -> None:
    await started(host, ACME, name)
    document = """query ($id: String!) { workflow(workflowId: $id) { events(first: 1) { nodes { attributes } } } }"""
    [event] = (await host.data(document, ACME, id=name))["workflow"]["events"]["nodes"]
    assert event["attributes"]["workflowId"] == name
    [event] = (await host.data(document, id=f"acme/default/{name}"))["workflow"]["events"]["nodes"]
    assert event["attributes"]["workflowId"] == f"acme/default/{name}"
    stop = "mutation ($id: String!) { terminateWorkflow(input: {workflowId: $id}) { userErrors { message } } }"
    assert (await host.data(stop, ACME, id=name))["terminateWorkflow"]["userErrors"] == []
    [again] = (await host.data(stop, ACME, id=name))["terminateWorkflow"]["userErrors"]
    assert again == {"message": f"Workflow '{name}' has closed already."}
    erase = "mutation ($id: String!) { deleteWorkflow(input: {workflowId: $id}) { workflowId userErrors { code } } }"
    assert (await host.data(erase, ACME, id=name))["deleteWorkflow"] == {"workflowId": name, "userErrors": []}
    audit = "query ($id: String!) { audit(filter: {workflowId: $id}) { nodes { action workflowId } } }"
    acts = (await host.data(audit, member("acme", Role.ADMIN), id=name))["audit"]["nodes"]
    assert {each["action"] for each in acts} == {"startWorkflow", "terminateWorkflow", "deleteWorkflow"}
    assert {each["workflowId"] for each in acts} == {name}


async def test_who_names_a_run_by_a_token_of_its_own_making_is_told_as_of_nothing(host: Host, name: str) -> None:
    """A token is no secret: whoever writes one learns nothing of another's runs."""
    theirs = await started(host, OTHER, name)
    consistency, asked = host.gateway.consistency, []
    for workflow_id, run_id in ((f"globex/default/{name}", theirs["runId"]), ("sync-0", str(uuid.uuid4()))):
        forged = Written("default", workflow_id, run_id, "RUNNING", "acme", "default")
        before = host.database.statements
        with serving(ACME, APART):
            await consistency.reached(ACME, seal("consistency", forged))
        asked.append(host.database.statements - before)
    assert asked[0] == asked[1]
    honest = Written("default", f"globex/default/{name}", theirs["runId"], "RUNNING", "globex", "default")
    with pytest.raises(BadUserInput) as told:
        await consistency.reached(ACME, seal("consistency", honest))
    with pytest.raises(BadUserInput) as damaged:
        await consistency.reached(ACME, "nonsense")
    assert told.value.message == damaged.value.message
    with serving(OTHER, APART):
        await consistency.reached(OTHER, seal("consistency", honest))


async def test_runs_of_nobody_are_the_platforms(temporal: TemporalServer, database: str, name: str) -> None:
    settings = Settings(workflow_ids="tenant")
    async with hosted(temporal.address, database, settings=settings, tenancy=Tenancy(NOBODY, "default")) as host:
        handle = await temporal.client.start_workflow("Nothing", id=name, task_queue="nobody")
        assert (await host.data(READ, id=name))["workflow"]["tenant"] == NOBODY
        run = await host.gateway.reading.execution(ANYBODY, None, name, None)
        assert run is not None
        await host.gateway.consistency.rows.write([run])
        listed = {"workflowId": {"equals": name}}
        assert len((await host.data(LIST, filter=listed))["workflows"]["nodes"]) == 1
        for who in (ACME, member("default")):
            assert (await host.data(LIST, who, filter=listed))["workflows"]["nodes"] == [], who.tenant
            assert (await host.data(READ, who, id=name))["workflow"] is None
        await handle.terminate()


async def test_schedules_are_called_like_runs(host: Host, name: str) -> None:
    mine, theirs = member("acme", Role.ADMIN), member("globex", Role.ADMIN)
    for who in (mine, theirs):
        made = (await host.data(SCHEDULE, who, id=name))["createSchedule"]
        assert made == {"schedule": {"scheduleId": name, "action": {"workflowId": "nightly"}}, "userErrors": []}
    paused = (await host.data(PAUSE, mine, id=name))["pauseSchedule"]
    assert paused == {"schedule": {"scheduleId": name, "paused": True}, "userErrors": []}
    assert (await host.data(SCHEDULES, theirs, id=name))["schedule"]["paused"] is False
    again = (await host.data(SCHEDULE, mine, id=name))["createSchedule"]
    assert again["userErrors"][0]["message"].startswith(f"Schedule id '{name}' is in use.")
    whole = f"acme/default/{name}"
    shown = await host.data(SCHEDULES, id=whole)
    action = {"workflowId": "acme/default/nightly"}
    assert shown == {"schedule": {"scheduleId": whole, "paused": True, "action": action}}
    for who, id_ in ((theirs, whole), (ANYBODY, name)):
        assert await host.data(SCHEDULES, who, id=id_) == {"schedule": None}
    told = (await host.data(PAUSE, theirs, id=whole))["pauseSchedule"]
    assert told["userErrors"] == [{"code": "NOT_FOUND", "message": f"There is no schedule '{whole}'."}]
