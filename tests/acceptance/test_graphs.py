"""Graphs of nodes as their users work with them, through GraphQL alone: execute, validate, watch, cancel, change."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.client import data, subscribe
from tests.acceptance.process import Start, Tideline
from tests.graphs import NodeServer, node_server
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)

EXECUTE = """
mutation ($input: DagExecutionInput!, $options: StartOptions) {
  startDagExecution(input: $input, options: $options) {
    created execution { workflowId status result failure { message type } } userErrors { code path message }
  }
}
"""
VALIDATE = """
mutation ($input: DagValidationInput!) {
  startDagValidation(input: $input, options: {waitForResultSeconds: 30}) {
    execution { status result } userErrors { code path message }
  }
}
"""
STATUS = 'query ($id: String!) { workflow(workflowId: $id) { status query(name: "get_status") } }'
SIGNAL = """
mutation ($id: String!) {
  signalWorkflow(input: {workflowId: $id, signalName: "cancel_workflow", args: ["no longer wanted"]}) {
    userErrors { code message }
  }
}
"""
CHANGE = """
mutation ($input: UpdateWithStartWorkflowInput!) {
  updateWithStartWorkflow(input: $input) {
    created update { stage result failure { message } } userErrors { code path message }
  }
}
"""
PROGRESS = """
subscription ($id: String!) {
  workflowProgress(workflowId: $id) { status progress { percent step message source } }
}
"""
SEEN = """
query ($id: String!) {
  workflow(workflowId: $id) {
    status progress { percent } phases { name status }
    activities { nodes { activityType status summary attempt } }
    timeline(kinds: [ACTIVITY, TIMER]) { nodes { kind name status } }
  }
}
"""


@dataclass(frozen=True)
class Service:
    """A whole Tideline that may call this machine, and a server to call."""

    tideline: Tideline
    nodes: NodeServer

    async def execute(self, graph: dict[str, Any], wait: float | None = 30, **options: Any) -> Any:
        given = {"workflowId": f"dag-{uuid.uuid4()}", "waitForResultSeconds": wait, **options}
        answer = await data(self.tideline.http, EXECUTE, input=graph, options=given)
        return answer["startDagExecution"]

    async def until(self, workflow_id: str, **nodes: str) -> Any:
        async def ask() -> Any:
            return (await data(self.tideline.http, STATUS, id=workflow_id))["workflow"]["query"]

        return await eventually(ask, lambda said: all(said["nodes"][name] == each for name, each in nodes.items()))


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, start_dev: Start) -> AsyncIterator[Service]:
    async with node_server() as nodes:
        ai = f"ai=http://bearer:a-key@{urlsplit(nodes.url).netloc}/v1?model=tiny"
        environment = {
            "TIDELINE_OUTBOUND_NETWORKS": "127.0.0.0/8",
            "TIDELINE_CONNECTIONS": f"hooks=hmac://:a-secret@hooks,{ai}",
        }
        async with start_dev(tmp_path_factory.mktemp("dag") / "data", **environment) as tideline:
            yield Service(tideline, nodes)


def example(url: str) -> dict[str, Any]:
    """An API's answer brought into another shape."""
    return {
        "id": "test-workflow-001",
        "name": "Test Workflow",
        "nodes": [
            {"id": "node-1", "type": "api_call", "data": {"url": f"{url}/items", "method": "GET"}},
            {
                "id": "node-2",
                "type": "transform",
                "data": {"transform_type": "mapping", "mapping": {"result": "inputs.data"}},
            },
        ],
        "edges": [{"id": "edge-1", "source": "node-1", "target": "node-2"}],
    }


async def test_a_graph_is_executed_and_seen(service: Service) -> None:
    answer = await service.execute(example(service.nodes.url), workflowId="test-execution-001")
    assert (answer["userErrors"], answer["created"]) == ([], True)
    run = answer["execution"]
    assert (run["workflowId"], run["status"]) == ("test-execution-001", "COMPLETED")
    assert run["result"]["outputs"]["node-2"]["result"]["total"] == 2
    seen = (await data(service.tideline.http, SEEN, id="test-execution-001"))["workflow"]
    assert seen["progress"]["percent"] == 100
    assert [(each["name"], each["status"]) for each in seen["phases"]] == [
        ("validate", "COMPLETED"), ("execute", "COMPLETED"),
    ]  # fmt: skip
    assert {"activityType": "api_call", "status": "COMPLETED", "summary": "node-1 (api_call)", "attempt": 1} in (
        seen["activities"]["nodes"]
    )


async def test_a_graph_is_validated(service: Service) -> None:
    graph = example(service.nodes.url)
    answer = (await data(service.tideline.http, VALIDATE, input=graph))["startDagValidation"]
    assert answer["execution"]["result"] == {"valid": True, "issues": []}
    graph["edges"].append({"source": "node-2", "target": "node-1"})
    graph["nodes"][0]["data"]["method"] = "BREW"
    answer = (await data(service.tideline.http, VALIDATE, input=graph))["startDagValidation"]
    result = answer["execution"]["result"]
    assert (result["valid"], [each["path"] for each in result["issues"]]) == (
        False, [["edges"], ["nodes", 0, "data", "method"]],
    )  # fmt: skip
    # The same at the edge: such a graph is not even started.
    refused = await service.execute(graph)
    assert refused["execution"] is None
    assert {tuple(each["path"]): each["message"] for each in refused["userErrors"]} == {
        ("input", *map(str, each["path"])): each["message"] for each in result["issues"]
    }


async def test_every_type_of_node_through_the_catalog(service: Service) -> None:
    url = service.nodes.url
    service.nodes.answers = ['{"fair": true}']
    schema = {"type": "object", "required": ["fair"], "properties": {"fair": {"type": "boolean"}}}
    nodes = [
        {"id": "fetch", "type": "api_call", "data": {"url": f"{url}/items"}},
        {"id": "many", "type": "condition", "data": {"condition": "inputs.data.total > parameters.least"}},
        {"id": "pause", "type": "delay", "data": {"delay_seconds": 0.1}},
        {
            "id": "ask",
            "type": "ai_agent",
            "data": {"connection": "ai", "prompt": "Is {{ nodes.fetch.output.data.items[0].price }} fair?",
                     "output_schema": schema},
        },
        {"id": "never", "type": "delay", "data": {"delay_seconds": 600}},
        {"id": "tell", "type": "webhook", "data": {"url": f"{url}/hooks", "sign_with": "hooks"}},
    ]  # fmt: skip
    edges = [
        {"source": "fetch", "target": "many"},
        {"source": "many", "target": "pause", "when": True},
        {"source": "many", "target": "never", "when": False},
        {"source": "pause", "target": "ask"},
        {"source": "ask", "target": "tell"},
    ]
    answer = await service.execute({"nodes": nodes, "edges": edges, "parameters": {"least": 1}})
    result = answer["execution"]["result"]
    assert result["outputs"]["tell"] == {**result["outputs"]["tell"], "delivered": True, "status": 204}
    assert {name: each["status"] for name, each in result["nodes"].items() if each["status"] != "completed"} == {
        "never": "skipped"
    }
    assert service.nodes.prompts[-1]["messages"][1]["content"] == "Is 12.5 fair?"
    assert b'"fair":true' in service.nodes.hooks[-1][1]


async def test_a_graph_is_watched_asked_changed_and_cancelled(service: Service) -> None:
    slow = {"id": "slow", "type": "api_call", "data": {"url": f"{service.nodes.url}/slow"}}
    wait = {"id": "wait", "type": "delay", "data": {"delay_seconds": 600}}
    after = {"id": "after", "type": "transform", "data": {"mapping": {"slow": "nodes.slow.output.data.slow"}}}
    graph = {"nodes": [slow, wait], "edges": []}
    workflow_id = (await service.execute(graph, wait=None))["execution"]["workflowId"]
    said = await service.until(workflow_id, slow="running", wait="running")
    assert (said["status"], said["completed"], said["total"]) == ("running", 0, 2)

    async def change(nodes: list[Any], edges: list[Any]) -> Any:
        given = {
            "workflowType": "DagExecutionWorkflow", "workflowId": workflow_id, "idConflictPolicy": "USE_EXISTING",
            "input": [graph], "updateName": "change_graph", "updateArgs": [{"nodes": nodes, "edges": edges}],
        }  # fmt: skip
        return (await data(service.tideline.http, CHANGE, input=given))["updateWithStartWorkflow"]

    wrong = await change([wait], [])
    assert "slow has begun and cannot be left out." in str(wrong)
    changed = await change([slow, wait, after], [{"source": "slow", "target": "after"}])
    assert changed["update"]["result"]["nodes"]["after"] == "pending"
    await data(service.tideline.http, SIGNAL, id=workflow_id)
    assert (await service.until(workflow_id, wait="cancelled", slow="running"))["status"] == "cancelling"
    service.nodes.released.set()
    updates = await subscribe(service.tideline.ws, PROGRESS, id=workflow_id)
    last = updates[-1]["workflowProgress"]
    assert (last["status"], last["progress"]["percent"]) == ("COMPLETED", 100)
    assert "2 cancelled" in last["progress"]["message"]
