"""Graphs whose histories `record_histories` keeps for the replay tests."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client, WorkflowHandle

from app.workflows.dag.model import DagChange, DagInput
from app.workflows.dag.workflow import DagExecutionWorkflow
from tests.graphs import NodeServer, Room, connections, graph, hosted, node, node_server, until

QUEUE = "recorded-dag"


async def dag_histories(client: Client) -> dict[str, WorkflowHandle[Any, Any]]:
    """File stem to the closed run whose history it holds."""
    async with node_server() as server, hosted(client, QUEUE, connections(server, "")):
        room = Room(client, QUEUE, server, "")
        nodes = await room.start(_every_kind(server))
        await nodes.result()
        failed = await room.start(
            graph([node("a", "api_call", url=f"{server.url}/status/422"), _note("b", "1")], "a>b")
        )
        await until(failed, a="failed")
        slow = node("slow", "api_call", url=f"{server.url}/slow")
        cancelled = await room.start(graph([slow, node("wait", "delay", delay_seconds=600), _note("b", "1")], "slow>b"))
        changed = await room.start(graph([slow, _note("b", "1")], "slow>b"))
        for handle in (cancelled, changed):
            await until(handle, slow="running")
        await cancelled.signal(DagExecutionWorkflow.cancel_workflow, "wrong plan")
        other = graph([slow, _note("c", "nodes.slow.output.status")], "slow>c")
        await changed.execute_update(DagExecutionWorkflow.change_graph, DagChange(other.nodes, other.edges))
        server.released.set()
        for handle in (cancelled, changed):
            await handle.result()
        first = await room.start(_long())
        await first.result()
    last = client.get_workflow_handle(first.id, run_id=(await client.get_workflow_handle(first.id).describe()).run_id)
    return {
        "dag_nodes": _run(client, nodes),
        "dag_failed": _run(client, failed),
        "dag_cancelled": _run(client, cancelled),
        "dag_changed": _run(client, changed),
        "dag_continued": _run(client, first),
        "dag_continued_last": last,
    }


def _run(client: Client, handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
    """The first run of a chain, by its id."""
    return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)


def _note(name: str, expression: str) -> Any:
    return node(name, "transform", transform_type="expression", expression=expression)


def _every_kind(server: NodeServer) -> DagInput:
    """But the database, which is recorded as the other activities are."""
    nodes = [
        node("fetch", "api_call", url=f"{server.url}/items"),
        node("many", "condition", condition="inputs.data.total > parameters.least"),
        node("shape", "transform", mapping={"ids": "[each.id for each in nodes.fetch.output.data.items]"}),
        node("wait", "delay", delay_seconds=0.1),
        node("ask", "ai_agent", connection="ai", prompt="Sum up {{ nodes.shape.output.ids }}."),
        node("tell", "webhook", url=f"{server.url}/hooks/2", sign_with="hooks"),
        node("gone", "api_call", url=f"{server.url}/status/404", on_failure="skip"),
        _note("never", "1"),
        node("lost", "api_call", url=f"{server.url}/status/404", on_failure="continue"),
        _note("end", "[nodes.lost.error.type, nodes.tell.output.status]"),
    ]
    edges = ("fetch>many", "many?true>shape", "many?false>wait", "shape>ask", "ask>tell", "gone>never")
    return graph(nodes, *edges, "tell>end", "lost>end", parameters={"least": 1})


def _long() -> DagInput:
    nodes = [_note("n0", "1"), *(_note(f"n{n}", f"nodes.n{n - 1}.output + 1") for n in range(1, 5))]
    edges = [f"n{n - 1}>n{n}" for n in range(1, 5)]
    return graph([*nodes, node("long", "delay", delay_seconds=0.5), _note("e", "1")], *edges, "long>e", nodes_per_run=2)
