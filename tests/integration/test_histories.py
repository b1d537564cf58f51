"""Pages of events: of runs that are open, closed and archived, however long."""

from __future__ import annotations

import tracemalloc
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.gateway.reading import histories
from app.model import Description, Execution, ExecutionRef, Projection, WorkflowStatus
from app.store import Archive, Executions
from app.temporal import reads
from tests.conftest import TemporalServer
from tests.integration.chains import Waiting
from tests.integration.gateways import Host
from tests.integration.recorded import events_of, put
from tests.integration.test_store_archive import signals
from tests.waiting import eventually

PAGE = """
query ($id: String!, $first: Int, $after: Cursor, $types: [String!], $reverse: Boolean) {
  workflow(workflowId: $id) { events(first: $first, after: $after, types: $types, reverse: $reverse) {
    nodes { eventId eventType } pageInfo { hasNextPage endCursor }
  } }
}
"""


async def walk(host: Host, workflow_id: str, **arguments: Any) -> list[int]:
    """The ids of every event, page by page."""
    found: list[int] = []
    after = None
    while True:
        page = (await host.data(PAGE, id=workflow_id, after=after, **arguments))["workflow"]["events"]
        found += [each["eventId"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def long_run(host: Host, count: int) -> str:
    """An archived run with that many signals."""
    workflow_id = f"long-{uuid.uuid4().hex[:8]}"
    start = datetime(2026, 3, 1, tzinfo=UTC)
    row = Execution(
        "default", workflow_id, "run", "Long", "q", WorkflowStatus.COMPLETED, start, "acme", "default",
        close_time=start + timedelta(hours=1), history_length=count,
    )  # fmt: skip
    await Executions(host.database).record([row])
    await Archive(host.database).put(row.ref, Projection(status=WorkflowStatus.COMPLETED), signals(count))
    return workflow_id


@pytest.mark.parametrize("reverse", [False, True])
async def test_an_open_run_is_paged_from_temporal(
    temporal: TemporalServer, host: Host, task_queue: str, reverse: bool
) -> None:
    async with Worker(temporal.client, task_queue=task_queue, workflows=[Waiting]):
        handle = await temporal.client.start_workflow(
            Waiting.run, id=f"paged-{uuid.uuid4().hex[:8]}", task_queue=task_queue
        )
        for _ in range(5):
            await handle.signal(Waiting.add)
        live = [event.event_id async for event in handle.fetch_history_events()]
        ids = await walk(host, handle.id, first=4, reverse=reverse)
        assert ids[: len(live)] == live if not reverse else ids[-len(live) :] == live[::-1]
        signaled = await walk(host, handle.id, first=2, types=["WorkflowExecutionSignaled"], reverse=reverse)
        assert len(signaled) == 5
        await handle.signal(Waiting.finish)


@workflow.defn
class Stuck:
    """Its first workflow task fails for ever."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("not deterministic")


async def test_a_workflow_task_that_is_tried_again_is_no_history_yet(
    temporal: TemporalServer, host: Host, task_queue: str
) -> None:
    worker = Worker(
        temporal.client, task_queue=task_queue, workflows=[Stuck], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        handle = await temporal.client.start_workflow(
            Stuck.run, id=f"stuck-{uuid.uuid4().hex[:8]}", task_queue=task_queue
        )

        async def described() -> Description:
            return await reads.describe(host.temporal, "default", handle.id)

        now = await eventually(
            described, lambda found: found.pending_workflow_task is not None and found.pending_workflow_task.attempt > 1
        )
        length = now.execution.history_length
        await Executions(host.database).record([replace(now.execution, history_length=0)])  # as visibility tells
        listed = """query ($id: String!) { workflows(filter: {workflowId: {equals: $id}}) { nodes { historyLength } }
            workflow(workflowId: $id) { historyLength } }"""
        seen = await host.data(listed, id=handle.id)
        assert seen == {"workflow": {"historyLength": length}, "workflows": {"nodes": [{"historyLength": length}]}}
        assert await walk(host, handle.id) == list(range(1, length + 1))
        assert await walk(host, handle.id, reverse=True) == list(range(length, 0, -1))
        await handle.terminate()


@pytest.mark.parametrize("reverse", [False, True])
async def test_an_archived_run_is_paged_from_its_pieces(host: Host, reverse: bool) -> None:
    workflow_id = await long_run(host, 2500)
    ids = await walk(host, workflow_id, first=700, reverse=reverse)
    assert ids == (list(range(2500, 0, -1)) if reverse else list(range(1, 2501)))


async def test_a_page_of_a_long_history_costs_its_piece(host: Host) -> None:
    workflow_id = await long_run(host, 50_000)
    first = (await host.data(PAGE, id=workflow_id, first=2))["workflow"]["events"]
    assert [each["eventId"] for each in first["nodes"]] == [1, 2]
    last = (await host.data(PAGE, id=workflow_id, first=2, reverse=True))["workflow"]["events"]
    before = host.database.statements
    tracemalloc.start()
    try:
        page = await host.data(PAGE, id=workflow_id, first=1000, reverse=True, after=last["pageInfo"]["endCursor"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [each["eventId"] for each in page["workflow"]["events"]["nodes"]] == list(range(49_998, 48_998, -1))
    assert host.database.statements - before <= 3, "the row and at most two pieces"
    assert peak < 10_000_000, "a page of 1000 events, not 50,000"


async def test_a_filter_reads_on_until_its_page_is_full_or_it_has_seen_enough(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await long_run(host, 3000)
    monkeypatch.setattr(histories, "MOST_LOOKED_AT", 1000)
    page = (await host.data(PAGE, id=workflow_id, first=5, types=["TimerFired"]))["workflow"]["events"]
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"]
    assert await walk(host, workflow_id, first=5, types=["TimerFired"]) == []
    assert len(await walk(host, workflow_id, first=1000, types=["WorkflowExecutionSignaled"])) == 3000


async def test_events_are_told_in_words_and_counted(host: Host) -> None:
    ref = ExecutionRef("default", "told", "told-run")
    await put(Executions(host.database), Archive(host.database), ref, "sync")
    query = """query ($types: [String!]) { workflow(workflowId: "told") { historyLength
        events(types: $types) { totalCount nodes { eventType summary attributes } } } }"""
    everything = (await host.data(query))["workflow"]
    assert everything["events"]["totalCount"] == everything["historyLength"] == len(events_of("sync"))
    some = (await host.data(query, types=["ActivityTaskCompleted"]))["workflow"]["events"]
    assert some["totalCount"] == len(some["nodes"]) > 0
    for each in some["nodes"]:
        assert each["summary"].startswith("Activity ")
        assert "completed" in each["summary"]
        assert each["summary"] != "Activity completed", "the activity's name comes from the event that scheduled it"


async def test_lines_read_only_what_their_events_refer_to(host: Host) -> None:
    ref = ExecutionRef("default", "told", "told-run")
    await put(Executions(host.database), Archive(host.database), ref, "sync")
    await host.database.execute("update archive set projection = ''")
    before = host.database.statements
    query = """{ workflow(workflowId: "told") { events(types: ["TimerFired", "ActivityTaskCompleted"]) {
        nodes { summary } } } }"""
    nodes = (await host.data(query))["workflow"]["events"]["nodes"]
    assert {"summary": "Activity fetch completed (attempt 3)"} in nodes
    assert {"summary": "Timer Let caches settle fired"} in nodes
    assert host.database.statements - before == 4, "the row, one piece and that there is no more, the piece again"


async def test_a_page_of_events_needs_no_projection_unless_one_is_named(host: Host) -> None:
    workflow_id = await long_run(host, 100)
    before = host.database.statements
    query = "query ($id: String!) { workflow(workflowId: $id) { events { nodes { summary } } } }"
    nodes = (await host.data(query, id=workflow_id))["workflow"]["events"]["nodes"]
    assert nodes[0]["summary"] == "Signal signal-1 received"
    assert host.database.statements - before == 3, "the row, one piece, and the word that there is no more"


async def test_a_cursor_of_another_field_is_refused(host: Host) -> None:
    workflow_id = await long_run(host, 10)
    answer = await host.ask(PAGE, id=workflow_id, after="bm90IGEgY3Vyc29y")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["data"]["workflow"]["events"] is None
