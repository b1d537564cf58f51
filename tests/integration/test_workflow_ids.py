"""Tenants that share a namespace and call their workflows the same."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from app.access import Role
from app.api.engine import Operation
from app.gateway import Caller
from app.settings import Settings
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member

ACME, OTHER = member("acme"), member("globex")
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
