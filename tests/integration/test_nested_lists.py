"""A page of runs with everything nested: how many statements it takes, and what it says where Temporal is away."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psutil
import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.api.admission import Admission
from app.api.engine import Engine
from app.bounds import Bounds
from app.model import ExecutionRef, WorkflowStatus
from app.store import Archive, Executions
from app.temporal import reads
from tests.conftest import TemporalServer, development_server
from tests.integration.chains import Chain, Waiting
from tests.integration.gateways import Host, hosted, member
from tests.integration.indexing import World, world_of_its_own
from tests.integration.recorded import put
from tests.recorded_activities import ACTIVITIES
from tests.recorded_workflows import WORKFLOWS, Parent

EVERYTHING = """
query ($first: Int!) {
  workflows(first: $first, filter: {workflowType: "Sync"}) {
    totalCount
    nodes {
      id workflowId status input result failure { message cause { message } }
      progress { percent step } phases { name } version { sdkName } availableActions
      activities { totalCount nodes { activityType status input result failure { message } attempts { attempt } } }
      timeline { nodes { name input child { workflowId status } activity { activityId } } }
      parent { workflowId status } root { workflowId parent { workflowId } }
      previousRun { runId } nextRun { runId }
      children { totalCount nodes { workflowId status } }
    }
  }
}
"""


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as made:
        # What one operation may cost by default is less than a page of all that there is.
        yield replace(made, engine=Engine(made.gateway, admission=Admission(Bounds(cost=20_000))))


async def fill(host: Host, count: int) -> None:
    """Closed runs with several activities each, a parent, a neighbour on either side and two children."""
    executions, archive = Executions(host.database), Archive(host.database)
    await put(executions, archive, ExecutionRef("default", "top", "top-run"), "children")
    for number in range(count):
        workflow_id, run_id = f"sync-{number}", f"sync-run-{number}"
        of_top = {
            "parent_workflow_id": "top", "parent_run_id": "top-run", "root_workflow_id": "top",
            "root_run_id": "top-run",
        }  # fmt: skip
        ref = ExecutionRef("default", workflow_id, run_id)
        row = await put(executions, archive, ref, "sync", previous_run_id=f"before-{number}", **of_top)
        for name, minutes, links in (("before", -9, {}), ("after", 9, {"previous_run_id": run_id})):
            near = ExecutionRef("default", workflow_id, f"{name}-{number}")
            moved = row.start_time + timedelta(minutes=minutes)
            await put(executions, archive, near, "terminated", start_time=moved, **links)
        for child in range(2):
            below = ExecutionRef("default", f"child-{number}-{child}", f"child-run-{number}-{child}")
            mine = {"parent_workflow_id": workflow_id, "parent_run_id": run_id}
            await put(executions, archive, below, "terminated", **mine)


@pytest.mark.parametrize("count", [10, 50])
async def test_a_page_with_everything_nested_takes_few_statements(host: Host, count: int) -> None:
    await fill(host, count)
    await host.data(EVERYTHING, first=1)
    before = host.database.statements
    page = (await host.data(EVERYTHING, first=count))["workflows"]
    statements = host.database.statements - before
    assert page["totalCount"] == count
    assert len(page["nodes"]) == count
    for node in page["nodes"]:
        number = node["workflowId"].removeprefix("sync-")
        assert node["parent"]["workflowId"] == node["root"]["workflowId"] == "top"
        assert node["previousRun"] == {"runId": f"before-{number}"}
        assert node["nextRun"] == {"runId": f"after-{number}"}
        assert [each["workflowId"] for each in node["children"]["nodes"]] == [f"child-{number}-0", f"child-{number}-1"]
        assert node["children"]["totalCount"] == 2
        assert len(node["activities"]["nodes"]) == node["activities"]["totalCount"] > 1
        assert node["progress"]["percent"] == 100
    assert statements == 5, "the page, its count, projections, related runs, children with their count"


async def test_children_are_paged(host: Host) -> None:
    await fill(host, 3)
    query = """query ($after: Cursor) { workflow(workflowId: "top") { children(first: 2, after: $after) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor } nodes { workflowId } } } }"""
    first = (await host.data(query))["workflow"]["children"]
    assert (first["totalCount"], len(first["nodes"])) == (3, 2)
    assert first["pageInfo"]["hasNextPage"]
    rest = (await host.data(query, after=first["pageInfo"]["endCursor"]))["workflow"]["children"]
    assert not rest["pageInfo"]["hasNextPage"]
    assert rest["pageInfo"]["hasPreviousPage"]
    ids = [each["workflowId"] for each in (*first["nodes"], *rest["nodes"])]
    assert sorted(ids) == ["sync-0", "sync-1", "sync-2"]


async def test_relations_into_another_tenant_are_not_there(host: Host) -> None:
    executions, archive = Executions(host.database), Archive(host.database)
    top, below = ExecutionRef("default", "t", "t-run"), ExecutionRef("default", "b", "b-run")
    await put(executions, archive, top, "terminated", tenant="globex", next_run_id="t-next")
    await put(executions, archive, below, "terminated", parent_workflow_id="t", parent_run_id="t-run")
    await put(executions, archive, ExecutionRef("default", "t", "t-next"), "terminated", tenant="acme")
    query = """query ($id: String!, $run: ID) { workflow(workflowId: $id, runId: $run) {
        parent { workflowId } previousRun { runId } children { totalCount nodes { workflowId } } } }"""
    seen = (await host.data(query, member("acme"), id="b"))["workflow"]
    assert seen["parent"] is None
    seen = (await host.data(query, member("acme"), id="t", run="t-next"))["workflow"]
    assert seen["previousRun"] is None
    seen = (await host.data(query, member("globex"), id="t", run="t-run"))["workflow"]
    assert seen["children"] == {"totalCount": 0, "nodes": []}


@asynccontextmanager
async def working(world: World, queue: str) -> AsyncIterator[None]:
    workflows = [Chain, Waiting, *WORKFLOWS]
    async with Worker(
        world.client,
        task_queue=queue,
        workflows=workflows,
        activities=ACTIVITIES,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def test_a_chain_is_known_in_both_directions(temporal: TemporalServer, database: str, task_queue: str) -> None:
    async with world_of_its_own(temporal, database) as world, world.indexer() as indexer, working(world, task_queue):
        await world.leads(indexer)
        async with hosted(temporal.address, database, world.namespace) as host:
            handle = await world.client.start_workflow(Chain.run, 2, id="chain", task_queue=task_queue)
            await handle.result()
            last = (await handle.describe()).run_id
            # At once, whatever the indexer has come to by now.
            walk = '{ workflow(workflowId: "chain") { runId previousRun { runId previousRun { runId } } } }'
            seen = (await host.data(walk))["workflow"]
            assert seen["runId"] == last
            assert seen["previousRun"]["previousRun"]["runId"] == handle.first_execution_run_id
            await world.archived(ExecutionRef(world.namespace, "chain", last))
            forwards = """query ($run: ID) { workflow(workflowId: "chain", runId: $run) {
                previousRun { runId } nextRun { runId nextRun { runId nextRun { runId } } } } }"""
            seen = (await host.data(forwards, run=handle.first_execution_run_id))["workflow"]
            assert seen["previousRun"] is None
            assert seen["nextRun"]["nextRun"] == {"runId": last, "nextRun": None}
            of_chain = '{ workflows(filter: {workflowId: {equals: "chain"}}) { nodes { firstRunId } } }'
            found = (await host.data(of_chain))["workflows"]["nodes"]
            assert found == [{"firstRunId": handle.first_execution_run_id}] * 3


async def test_what_was_said_at_its_start_outlives_a_run(temporal: TemporalServer, database: str) -> None:
    async with world_of_its_own(temporal, database) as world, world.indexer() as indexer:
        await world.leads(indexer)
        handle = await world.client.start_workflow(
            "Nobody", id="said", task_queue="nobody", static_summary="pays", static_details="all of it"
        )
        await handle.terminate()
        await world.archived(world.ref(handle))
        async with hosted(temporal.address, database, world.namespace) as host:
            seen = await host.data("""{ workflow(workflowId: "said") { summary details firstRunId }
                workflows { nodes { summary details firstRunId } } }""")
            said = {"summary": "pays", "details": "all of it", "firstRunId": handle.first_execution_run_id}
            assert seen == {"workflow": said, "workflows": {"nodes": [said]}}


async def test_children_show_below_their_parent(temporal: TemporalServer, database: str, task_queue: str) -> None:
    async with world_of_its_own(temporal, database) as world, world.indexer() as indexer, working(world, task_queue):
        await world.leads(indexer)
        handle = await world.client.start_workflow(Parent.run, id="parent", task_queue=task_queue)
        await asyncio.gather(handle.result(), return_exceptions=True)
        await world.archived(world.ref(handle))
        async with hosted(temporal.address, database, world.namespace) as host:
            query = """{ workflow(workflowId: "parent") { workflowId root { workflowId }
                timeline(kinds: [CHILD_WORKFLOW]) { nodes { child { workflowId } } }
                children { totalCount nodes { workflowId parent { workflowId } root { workflowId } } } } }"""
            seen = (await host.data(query))["workflow"]
            assert seen["root"] == {"workflowId": "parent"}
            assert seen["children"]["totalCount"] == len(seen["children"]["nodes"]) > 0
            for child in seen["children"]["nodes"]:
                assert child["parent"] == child["root"] == {"workflowId": "parent"}
            started = {each["child"]["workflowId"] for each in seen["timeline"]["nodes"] if each["child"]}
            assert started == {each["workflowId"] for each in seen["children"]["nodes"]}


MIXED = """{ workflows(first: 50) { nodes { workflowId status activities { nodes { activityType } } } } }"""


async def running(temporal: TemporalServer, host: Host, count: int) -> list[str]:
    """Open runs in Temporal and the index."""
    ids = [f"open-{uuid.uuid4().hex[:8]}" for _ in range(count)]
    for workflow_id in ids:
        await temporal.client.start_workflow("Nobody", id=workflow_id, task_queue="nobody")
    found = [(await reads.describe(host.temporal, "default", each)).execution for each in ids]
    await Executions(host.database).record(found)
    return ids


async def test_one_run_that_fails_is_one_null_field(temporal: TemporalServer, host: Host) -> None:
    executions, archive = Executions(host.database), Archive(host.database)
    await put(executions, archive, ExecutionRef("default", "closed", "closed-run"), "sync")
    ids = await running(temporal, host, 3)
    lost = (await reads.describe(host.temporal, "default", ids[0])).execution
    # Known to the index alone.
    await executions.delete(lost.ref)
    gone = ExecutionRef("default", "gone", str(uuid.uuid4()))
    await put(executions, archive, gone, "terminated")
    await host.database.execute("delete from archive where workflow_id = 'gone'")
    answer: Any = await host.ask(MIXED)
    nodes = {each["workflowId"]: each for each in answer["data"]["workflows"]["nodes"] if each}
    assert {"closed", *ids[1:]} <= set(nodes)
    assert nodes["closed"]["activities"]["nodes"]
    assert nodes["gone"]["activities"] is None
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert "'gone'" in error["message"]


async def test_while_temporal_is_away_closed_runs_are_whole_and_open_ones_say_why(
    temporal: TemporalServer, database: str, host: Host
) -> None:
    await put(Executions(host.database), Archive(host.database), ExecutionRef("default", "c", "c-run"), "sync")
    ids = await running(temporal, host, 3)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{probe.getsockname()[1]}"
    async with hosted(nowhere, database) as cut_off:
        answer: Any = await cut_off.ask(MIXED)
    nodes = {each["workflowId"]: each for each in answer["data"]["workflows"]["nodes"]}
    assert nodes["c"]["activities"]["nodes"]
    assert [nodes[each]["activities"] for each in ids] == [None, None, None]
    assert {each["extensions"]["code"] for each in answer["errors"]} <= {"TEMPORAL_UNAVAILABLE", "TIMEOUT"}
    assert len(answer["errors"]) == 3


async def test_while_temporal_hangs_a_named_run_that_was_continued_is_read_at_once(database: str, host: Host) -> None:
    ref = ExecutionRef("default", "c", "c-run")
    await put(Executions(host.database), Archive(host.database), ref, "sync", status=WorkflowStatus.CONTINUED_AS_NEW)
    query = '{ workflow(workflowId: "c", runId: "c-run") { status activities { totalCount } } }'
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with hosted(f"127.0.0.1:{silent.getsockname()[1]}", database) as cut_off, asyncio.timeout(3):
            seen = await cut_off.data(query)
    assert seen["workflow"]["status"] == "CONTINUED_AS_NEW"
    assert seen["workflow"]["activities"]["totalCount"]


async def test_while_temporal_hangs_a_page_comes_in_time(database: str) -> None:
    async with development_server() as own, hosted(own.address, database) as host:
        [server] = [each for each in psutil.Process().children() if own.address.rpartition(":")[2] in each.cmdline()]
        host.temporal.timeout = 1.0
        await put(Executions(host.database), Archive(host.database), ExecutionRef("default", "c", "c-run"), "sync")
        ids = await running(own, host, 40)
        server.suspend()
        try:
            async with asyncio.timeout(5):
                answer: Any = await host.ask(MIXED)
        finally:
            server.resume()
    nodes = {each["workflowId"]: each for each in answer["data"]["workflows"]["nodes"]}
    assert nodes["c"]["activities"]["nodes"]
    assert all(nodes[each]["activities"] is None for each in ids)
    assert {each["extensions"]["code"] for each in answer["errors"]} == {"TIMEOUT"}


async def test_a_relation_that_cannot_be_asked_for_fails_alone(
    temporal: TemporalServer, database: str, host: Host
) -> None:
    executions, archive = Executions(host.database), Archive(host.database)
    unknown = str(uuid.uuid4())
    ref = ExecutionRef("default", "lonely", "lonely-run")
    await put(executions, archive, ref, "terminated", parent_workflow_id="gone", parent_run_id=unknown)
    query = (
        '{ workflow(workflowId: "lonely") { status parent { workflowId } previousRun { runId } nextRun { runId } } }'
    )
    seen = await host.data(query)
    assert seen["workflow"]["parent"] is None, "Temporal does not know it either"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{probe.getsockname()[1]}"
    async with hosted(nowhere, database) as cut_off:
        cut_off.temporal.timeout = 1.0
        answer: Any = await cut_off.ask(query)
    assert answer["data"]["workflow"]["status"] == "TERMINATED"
    assert answer["data"]["workflow"]["parent"] is None
    assert [each["path"] for each in answer["errors"]] == [["workflow", "parent"]]
