"""Runs of whole graphs: order, failure policies, cancellation, changes, continuing as new, and worker deaths."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Replayer

from app.workflows.dag.model import NODE_TYPES, DagChange, DagEdge, DagInput, DagIssue, DagNode, DagVerdict
from app.workflows.dag.workflow import DagExecutionWorkflow, DagValidationWorkflow
from tests.conftest import TemporalServer
from tests.graphs import (
    DEADLINE,
    ONCE,
    Room,
    connections,
    failure,
    graph,
    hosted,
    node,
    node_server,
    status,
    until,
)
from tests.integration.worker_process import worker_process
from tests.prices import events, published

HISTORIES = Path(__file__).parent.parent / "histories"
RECORDED = sorted(path.stem for path in HISTORIES.glob("dag_*.json"))


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str) -> AsyncIterator[Room]:
    async with node_server() as server, hosted(temporal.client, task_queue, connections(server, "")):
        yield Room(temporal.client, task_queue, server, "")


def wait(name: str, seconds: float = 0.01) -> DagNode:
    return node(name, "delay", delay_seconds=seconds)


def slow(room: Room, name: str = "slow", **policy: Any) -> DagNode:
    return node(name, "api_call", url=f"{room.server.url}/slow", **policy)


def broken(room: Room, name: str = "broken", **policy: Any) -> DagNode:
    return node(name, "api_call", url=f"{room.server.url}/status/422", **policy)


def note(name: str, expression: str = "1") -> DagNode:
    return node(name, "transform", transform_type="expression", expression=expression)


async def test_nodes_run_side_by_side_in_the_order_of_edges(room: Room) -> None:
    """Two nodes are under way at once; the third waits for both."""
    request = graph([slow(room, "a"), slow(room, "b"), note("c", "nodes.a.output.data.slow")], "a>c", "b>c")
    handle = await room.start(request)
    found = await until(handle, a="running", b="running")
    assert (found.nodes["c"], found.running, found.percent, found.status) == ("pending", ["a", "b"], 0.0, "running")
    room.server.released.set()
    result = await handle.result()
    assert (result.status, result.outputs) == ("completed", {"c": True})
    assert {each.status for each in result.nodes.values()} == {"completed"}
    assert (await status(handle)).percent == 100.0
    assert (await handle.query(DagExecutionWorkflow.get_output, "a"))["data"] == {"slow": True}


async def test_no_more_nodes_at_once_than_allowed(room: Room) -> None:
    names = [f"n{number}" for number in range(5)]
    handle = await room.start(graph([slow(room, each) for each in names], max_parallel=2))
    found = await until(handle, n0="running", n1="running")
    assert found.running == ["n0", "n1"]
    room.server.released.set()
    await handle.result()
    assert room.server.asked["/slow"] == 5


async def test_branches(room: Room) -> None:
    nodes = [
        node("large", "condition", condition="parameters.total > 10"),
        note("yes"),
        note("no"),
        note("joined", "nodes.large.output"),
    ]
    edges = ("large?true>yes", "large?false>no", "yes>joined", "no>joined")
    for total, skipped in ((11, "no"), (1, "yes")):
        result = await room.result(graph(nodes, *edges, parameters={"total": total}))
        assert result.outputs == {"joined": total > 10}
        assert [name for name, each in result.nodes.items() if each.status == "skipped"] == [skipped]


async def test_a_failure_ends_the_run_and_cancels_what_is_under_way(room: Room) -> None:
    request = graph([slow(room), wait("first"), broken(room), note("after")], "first>broken", "broken>after")
    handle = await room.start(request)
    found = await failure(handle)
    assert (found.type, found.message[:21]) == ("NodeFailedError", "Node broken failed: h")
    told = found.details[0]
    assert (told["node"], told["error"]["type"]) == ("broken", "ValidationError")
    assert told["nodes"] == {"slow": "cancelled", "first": "completed", "broken": "failed", "after": "cancelled"}
    assert (await published(handle))["phase"] == {"name": "execute", "status": "failed"}


async def test_a_failure_skips_what_depends_on_it(room: Room) -> None:
    nodes = [broken(room, on_failure="skip"), note("after"), note("later"), note("other")]
    result = await room.result(graph(nodes, "broken>after", "after>later", "other>later"))
    shown = {name: (each.status, each.because) for name, each in result.nodes.items()}
    assert shown == {
        "broken": ("failed", None),
        "after": ("skipped", "broken"),
        "later": ("skipped", "broken"),
        "other": ("completed", None),
    }
    assert result.outputs == {}


async def test_a_failure_is_gone_on_from(room: Room) -> None:
    nodes = [broken(room, on_failure="continue"), note("after", "nodes.broken.error.type")]
    result = await room.result(graph(nodes, "broken>after"))
    assert (result.status, result.outputs) == ("completed", {"after": "ValidationError"})


async def test_publishes_phases_and_progress(room: Room) -> None:
    handle = await room.start(graph([wait("a"), note("b"), note("c")], "a>b", "b>c"))
    await handle.result()
    memo = await published(handle)
    assert memo["phase"] == {"name": "execute", "status": "completed"}
    assert memo["progress"] == {
        "step": "execute", "percent": 100.0, "message": "3 of 3 nodes", "completed": 3, "total": 3,
    }  # fmt: skip


async def test_cancelled_between_nodes_what_runs_may_end(room: Room) -> None:
    handle = await room.start(graph([slow(room), note("after"), wait("long", 600)], "slow>after"))
    await until(handle, slow="running", long="running")
    await handle.signal(DagExecutionWorkflow.cancel_workflow, "wrong plan")
    found = await until(handle, long="cancelled", slow="running")
    assert (found.status, found.cancel_reason) == ("cancelling", "wrong plan")
    room.server.released.set()
    result = await handle.result()
    assert (result.status, result.cancel_reason) == ("cancelled", "wrong plan")
    shown = {name: each.status for name, each in result.nodes.items()}
    assert shown == {"slow": "completed", "after": "cancelled", "long": "cancelled"}


async def test_cancelled_by_temporal_everything_ends_at_once(room: Room) -> None:
    handle = await room.start(graph([slow(room), wait("long", 600), note("after")], "slow>after"))
    await until(handle, slow="running", long="running")
    await room.server.reached.wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(20):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    found = await status(handle)
    assert (found.status, set(found.nodes.values())) == ("cancelled", {"cancelled"})
    assert (await published(handle))["progress"]["message"] == "3 of 3 nodes; 3 cancelled"


async def chain(client: Client, handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The ids of the runs of a chain, the first one first."""
    run_id: str | None = handle.first_execution_run_id
    found: list[str] = []
    while run_id:
        found.append(run_id)
        run = client.get_workflow_handle(handle.id, run_id=run_id)
        history = [event async for event in run.fetch_history_events()]
        run_id = history[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


async def test_a_long_graph_continues_as_new(room: Room) -> None:
    """Twelve nodes by three a run; a delay that spans runs keeps its time, and outputs reach later runs."""
    nodes = [note("n0", "parameters.first"), *(note(f"n{n}", f"nodes.n{n - 1}.output + 1") for n in range(1, 12))]
    nodes += [wait("long", 1.5), note("last", "nodes.n0.output + nodes.n11.output")]
    edges = [f"n{n - 1}>n{n}" for n in range(1, 12)]
    request = graph(nodes, *edges, "n11>last", "long>last", parameters={"first": 100}, nodes_per_run=3)
    handle = await room.start(request)
    result = await handle.result()
    assert result.outputs == {"last": 211}
    assert {each.status for each in result.nodes.values()} == {"completed"}
    assert len(await chain(room.client, handle)) >= 4
    assert result.duration >= 1.5
    memo = await published(room.client.get_workflow_handle(handle.id))
    assert memo["progress"]["completed"] == 14


async def test_an_output_that_nothing_asks_for_is_let_go_of(room: Room) -> None:
    nodes = [note("a", "'let go'"), note("b", "'kept'"), slow(room), note("c", "nodes.b.output")]
    handle = await room.start(graph(nodes, "a>b", "b>slow", "slow>c", nodes_per_run=2))
    following = room.client.get_workflow_handle(handle.id)
    await until(following, slow="running")
    assert await following.query(DagExecutionWorkflow.get_output, "a") is None
    assert await following.query(DagExecutionWorkflow.get_output, "b") == "kept"
    request = graph([*nodes[:3], note("c", "nodes.a.output")], "a>b", "b>slow", "slow>c")
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await following.execute_update(DagExecutionWorkflow.change_graph, DagChange(request.nodes, request.edges))
    assert "The output of a is no longer kept." in str(caught.value.cause)
    room.server.released.set()
    assert (await handle.result()).outputs == {"c": "kept"}


async def test_a_graph_is_changed_while_it_runs(room: Room) -> None:
    request = graph([slow(room), note("after")], "slow>after")
    handle = await room.start(request)
    await until(handle, slow="running")
    changed = graph([request.nodes[0], note("instead", "nodes.slow.output.status"), note("more")], "slow>instead")
    found = await handle.execute_update(DagExecutionWorkflow.change_graph, DagChange(changed.nodes, changed.edges))
    assert found.nodes == {"slow": "running", "instead": "pending", "more": "pending"}
    room.server.released.set()
    assert (await handle.result()).outputs == {"instead": 200, "more": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda now: replace(now, nodes=now.nodes[1:], edges=()), "slow has begun and cannot be left out."),
        (lambda now: replace(now, edges=(*now.edges, DagEdge("after", "slow"))), "edges go in a circle"),
        (lambda now: replace(now, nodes=(*now.nodes, DagNode("new", "email"))), "type must be one of"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(room: Room, change: Any, words: str) -> None:
    request = graph([slow(room), note("after")], "slow>after")
    handle = await room.start(request)
    await until(handle, slow="running")
    wrong: DagInput = change(request)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(DagExecutionWorkflow.change_graph, DagChange(wrong.nodes, wrong.edges))
    assert isinstance(caught.value.cause, ApplicationError)
    assert words in caught.value.cause.message
    assert caught.value.cause.details[0][0]["message"]
    room.server.released.set()
    assert (await handle.result()).outputs == {"after": 1}


async def test_validation_says_what_is_wrong(room: Room) -> None:
    async def verdict(request: Any) -> DagVerdict:
        return await room.client.execute_workflow(
            DagValidationWorkflow.run,
            request,
            id=f"validate-{os.urandom(6).hex()}",
            task_queue=room.task_queue,
            execution_timeout=DEADLINE,
        )

    assert await verdict(graph([wait("a"), wait("b")], "a>b")) == DagVerdict(True, [])
    found = await verdict(graph([wait("a"), DagNode("b", "email")], "a>c"))
    assert found == DagVerdict(
        False,
        [
            DagIssue(["edges", 0, "target"], "target must be the id of a node; there is no 'c'."),
            DagIssue(
                ["nodes", 1, "type"],
                f"type must be one of {', '.join(NODE_TYPES)}; it is 'email'.",
            ),
        ],
    )


async def test_a_wrong_graph_fails_its_run(room: Room) -> None:
    for request in (graph([wait("a")], "a>b"), replace(graph([wait("a")]), carried={"states": {}})):
        found = await failure(await room.start(request))
        assert (found.type, found.non_retryable) == ("ValidationError", True)


async def test_a_node_whose_worker_is_killed_is_run_by_another(
    temporal: TemporalServer, task_queue: str, tmp_path: Path
) -> None:
    """The process dies in the middle of a node; the next one repeats that node alone."""
    async with node_server() as server:
        room = Room(temporal.client, task_queue, server, "")
        nodes = [node("echo", "api_call", url=f"{server.url}/echo"), slow(room), note("after", "inputs.data.slow")]
        script = (
            "import asyncio, sys\nfrom temporalio.client import Client\nfrom tests.graphs import hosted\n"
            "async def main():\n"
            "    async with hosted(await Client.connect(sys.argv[1]), sys.argv[2], {}):\n"
            "        await asyncio.Event().wait()\n"
            "asyncio.run(main())\n"
        )
        async with worker_process(tmp_path / "worker.log", temporal.address, task_queue, program=script):
            handle = await room.start(graph(nodes, "echo>slow", "slow>after"))
            async with asyncio.timeout(60):
                await server.reached.wait()
        server.released.set()
        async with hosted(temporal.client, task_queue, {}):
            result = await handle.result()
        assert result.outputs == {"after": True}
        assert (server.asked["/echo"], server.asked["/slow"], result.nodes["slow"].attempts) == (1, 2, 2)


async def test_a_worker_that_leaves_hands_its_nodes_over(temporal: TemporalServer, task_queue: str) -> None:
    async with node_server() as server:
        room = Room(temporal.client, task_queue, server, "")
        async with hosted(temporal.client, task_queue, {}):
            handle = await room.start(graph([slow(room)]))
            async with asyncio.timeout(60):
                await server.reached.wait()
        server.released.set()
        async with hosted(temporal.client, task_queue, {}):
            assert (await handle.result()).nodes["slow"].attempts == 2


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_histories_replay(name: str) -> None:
    """Runs of yesterday go on with today's code. `tests/record_histories.py` records them."""
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayed = await Replayer(workflows=[DagExecutionWorkflow]).replay_workflow(history)
    assert replayed.replay_failure is None


async def test_a_run_replays_from_its_own_history(room: Room) -> None:
    """Of a graph with all that a workflow can do in it, also where its worker keeps nothing in memory."""
    async with hosted(room.client, f"{room.task_queue}-cold", connections(room.server, ""), max_cached_workflows=0):
        cold = replace(room, task_queue=f"{room.task_queue}-cold")
        nodes = [
            node("fetch", "api_call", url=f"{room.server.url}/items"),
            node("many", "condition", condition="inputs.data.total > 5"),
            note("yes"),
            wait("pause", 0.1),
            broken(room, on_failure="skip", retry=ONCE),
            note("lost"),
        ]
        request = graph(nodes, "fetch>many", "many?true>yes", "many?false>pause", "fetch>broken", "broken>lost")
        handle = await cold.start(request)
        result = await handle.result()
    shown = {name: each.status for name, each in result.nodes.items()}
    assert shown == {
        "fetch": "completed",
        "many": "completed",
        "yes": "skipped",
        "pause": "completed",
        "broken": "failed",
        "lost": "skipped",
    }
    assert len(await events(handle)) < 80
    await Replayer(workflows=[DagExecutionWorkflow]).replay_workflow(await handle.fetch_history())
