"""What is wrong with a graph: a problem for each wrong value, with its path."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from app.registry import Registry
from app.workflows.dag.model import NODE_TYPES, DagChange, DagEdge, DagInput, DagNode, DagRetry
from app.workflows.dag.problems import MOST_NODES, change_problems, problems

SCHEMA = {"type": "object", "properties": {"sure": {"type": "boolean"}}}
GOOD: dict[str, dict[str, Any]] = {
    "api_call": {"url": "https://api.example.com/{{ parameters.id }}", "headers": {"X-Trace": "{{ parameters.id }}"}},
    "condition": {"condition": "inputs.data.total > 10"},
    "transform": {"transform_type": "mapping", "mapping": {"result": "inputs.data"}},
    "delay": {"delay_seconds": 5},
    "database": {"connection": "demo", "query": "select $1::int", "parameters": ["{{ inputs }}"]},
    "webhook": {"url": "https://hooks.example.com/x", "sign_with": "hooks"},
    "ai_agent": {"connection": "ai", "agent_type": "summarizer", "prompt": "Sum up.", "output_schema": SCHEMA},
}


def node(name: str, kind: str = "delay", **data: Any) -> DagNode:
    return DagNode(name, kind, data or GOOD[kind])


def chain(*nodes: DagNode) -> DagInput:
    return DagInput(nodes, tuple(DagEdge(a.id, b.id) for a, b in itertools.pairwise(nodes)))


def told(found: list[tuple[tuple[str | int, ...], str]]) -> dict[str, str]:
    assert len({path for path, _ in found}) == len(found), f"one problem a value: {found}"
    return {".".join(map(str, path)): message for path, message in found}


def test_every_type_has_a_good_configuration() -> None:
    assert problems(chain(*(node(f"n-{kind}", kind) for kind in NODE_TYPES))) == []


@pytest.mark.parametrize(
    ("kind", "data", "path", "words"),
    [
        ("api_call", {"url": "ftp://x"}, "", "url must be an http or https URL."),
        ("api_call", {"url": "https://a:b@x"}, "", "must not carry credentials"),
        ("api_call", {"url": "//x", "connection": "crm"}, "", "url must be a path"),
        ("api_call", {}, "", "url must be an http or https URL."),
        ("api_call", {"url": "https://x", "connection": "A b"}, ".connection", "must be the name of a connection"),
        ("api_call", {"url": "https://x", "method": "BREW"}, ".method", "'GET', 'HEAD'"),
        ("api_call", {"url": "https://x", "headers": {"Authorization": "x"}}, ".headers", "must not carry Author"),
        ("api_call", {"url": "https://x", "headers": {"a": "b\nc"}}, ".headers", "cannot be sent"),
        ("api_call", {"url": "https://x", "metod": "GET"}, ".metod", "no field of api_call. It has: url, conn"),
        ("api_call", {"url": "https://x/{{ nope }}"}, ".url", "nope is unknown"),
        ("api_call", {"url": "https://x", "body": {"a": ["{{ 1 + }}"]}}, ".body.a.0", "no expression"),
        ("condition", {"condition": "__import__('os')"}, ".condition", "condition cannot be read: __import__ is no f"),
        ("condition", {"conditon": "1"}, ".conditon", "no field of condition"),
        ("transform", {"mapping": {"a": "1", "b": "(("}}, ".mapping.b", "b cannot be read"),
        ("transform", {"transform_type": "jq", "mapping": {"a": "1"}}, ".transform_type", "'mapping' or 'expression'"),
        ("transform", {"expression": "1"}, "", "mapping must have a field or more"),
        ("transform", {"transform_type": "expression"}, "", "expression must be given"),
        ("delay", {"delay_seconds": -1}, ".delay_seconds", "must be 0 to 2678400 seconds, or an expression; it is -1."),
        ("delay", {"delay_seconds": "soon"}, ".delay_seconds", "it is 'soon'."),
        ("delay", {}, ".delay_seconds", "delay_seconds is missing."),
        ("database", {"connection": "demo"}, "", "query must be given"),
        ("database", {"connection": "demo", "query": "select '{{ inputs }}'"}, ".query", "takes no {{ expression }}"),
        ("database", {"connection": "demo", "operation": "insert", "table": "t"}, "", "values must be given"),
        ("database", {"connection": "demo", "operation": "delete", "table": "t"}, "", "where must be given"),
        ("database", {"connection": "demo", "operation": "select", "table": "t; drop"}, ".table", "schema.table"),
        ("database", {"connection": "demo", "query": "select 1", "limit": 0}, ".limit", "greater than or equal to 1"),
        ("database", {"query": "select 1"}, ".connection", "connection is missing."),
        ("webhook", {"url": "https://x"}, ".sign_with", "sign_with is missing."),
        ("ai_agent", {"connection": "ai", "prompt": ""}, ".prompt", "at least 1 character"),
        ("ai_agent", {"connection": "ai", "prompt": "x", "token_budget": 0}, ".token_budget", "greater than"),
        (
            "ai_agent",
            {"connection": "ai", "prompt": "x", "output_schema": {"type": 1}},
            ".output_schema",
            "JSON Schema",
        ),
    ],
)
def test_configurations(kind: str, data: dict[str, Any], path: str, words: str) -> None:
    found = [
        each
        for each in told(problems(DagInput((DagNode("a", kind, data),)))).items()
        if not each[1].endswith(" is missing.") or "missing" in words
    ]
    assert [each[0] for each in found] == [f"nodes.0.data{path}"]
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (DagInput(()), {"nodes": "nodes must be 1 to 1000; there are 0."}),
        (chain(node("a"), node("b"), node("a")), {"nodes.2.id": "id must be unique; another node is 'a' as well."}),
        (
            chain(DagNode("a b", "delay", {"delay_seconds": 1})),
            {"nodes.0.id": "the first a letter or digit; it is 'a b'"},
        ),
        (chain(DagNode("a", "email", {})), {"nodes.0.type": "type must be one of api_call, condition, transform, del"}),
        (DagInput((node("a"),), (DagEdge("a", "b"),)), {"edges.0.target": "there is no 'b'."}),
        (DagInput((node("a"),), (DagEdge("a", "a"),)), {"edges.0": "from 'a' to itself."}),
        (DagInput((node("a"), node("b")), (DagEdge("a", "b"),) * 2), {"edges.1": "another edge leads from 'a' to 'b'"}),
        (
            DagInput((node("a"), node("b")), (DagEdge("a", "b", when=True),)),
            {"edges.0.when": "when is for edges behind a condition; 'a' is none."},
        ),
        (
            DagInput((node("a"), node("b"), node("c")), (DagEdge("a", "b"), DagEdge("b", "c"), DagEdge("c", "b"))),
            {"edges": "edges go in a circle: "},
        ),
        (
            chain(node("a"), node("b", "condition", condition="nodes.c.output or nodes.d.output"), node("c")),
            {"nodes.1.data.condition": "'c', which does not come before 'b'."},
        ),
        (chain(replace(node("a"), timeout_seconds=0)), {"nodes.0.timeout_seconds": "above 0"}),
        (
            chain(replace(node("a"), retry=DagRetry(maximum_attempts=0))),
            {"nodes.0.retry.maximum_attempts": "maximum_attempts must be 1 to 100; it is 0."},
        ),
        (chain(replace(node("a"), retry=DagRetry(3, 5, 2, 1))), {"nodes.0.retry": "not be below initial_interval"}),
        (replace(chain(node("a")), max_parallel=0), {"max_parallel": "must be 1 to 100; it is 0."}),
        (replace(chain(node("a")), nodes_per_run=0), {"nodes_per_run": "must be 1 to 1000; it is 0."}),
        (replace(chain(node("a")), parameters={"x": "y" * 1_000_000}), {"": "at most 1000000 bytes"}),
        (replace(chain(node("a")), carried={}), {"carried": "written by the run itself"}),
    ],
)
def test_graphs(request_: DagInput, expected: dict[str, str]) -> None:
    found = problems(request_)
    shown = {".".join(map(str, path)): message for path, message in found[:1]}
    assert list(shown) == list(expected)
    for path, words in expected.items():
        assert words in shown[path]


def test_a_reference_may_lead_to_anything_before_and_nothing_else() -> None:
    wanted = node("c", "transform", mapping={"x": "nodes.a.output", "y": "nodes.z.output"})
    found = told(problems(chain(node("a"), node("b"), wanted)))
    assert found == {"nodes.2.data.mapping.y": "y refers to node 'z', which is not there."}


def test_several_problems_come_together() -> None:
    wrong = DagInput((DagNode("a", "delay", {"delay_seconds": "x"}), DagNode("?", "nope")), (DagEdge("a", "x"),))
    assert set(told(problems(wrong))) == {"nodes.0.data.delay_seconds", "nodes.1.id", "nodes.1.type", "edges.0.target"}


def test_the_largest_graph_is_judged() -> None:
    nodes = tuple(node(f"n{number}", "condition", condition="1 < 2") for number in range(MOST_NODES + 1))
    assert problems(chain(*nodes[:-1])) == []
    assert told(problems(chain(*nodes))) == {"nodes": "nodes must be 1 to 1000; there are 1001."}


def test_changes_leave_what_has_begun() -> None:
    request = chain(node("a"), node("b"), node("c"))
    a, b, c = request.nodes
    begun, edges = ["a", "b"], request.edges
    fine = DagChange((a, b, node("d"), node("e")), (*edges[:1], DagEdge("b", "d"), DagEdge("b", "e")))
    assert change_problems(request, fine, begun) == []
    for change, path, words in (
        (DagChange((b, c), (edges[1],)), "nodes", "a has begun and cannot be left out."),
        (DagChange((a, replace(b, timeout_seconds=1), c), edges), "nodes.1", "b has begun and cannot be changed."),
        (DagChange((a, b, c), (edges[1],)), "edges", "b has begun: the edges that lead to it"),
        (DagChange((a, b, DagNode("d", "email")), edges[:1]), "nodes.2.type", "type must be one of"),
        (
            DagChange((a, b, node("d", "condition", condition="nodes.a.output")), (*edges[:1], DagEdge("b", "d"))),
            "nodes.2.data",
            "The output of a is no longer kept.",
        ),
    ):
        found = told(change_problems(request, change, begun, dropped=["a"]))
        assert words in found[path]


def test_at_the_edge_a_problem_has_the_path_of_its_argument() -> None:
    graph = {"nodes": [{"id": "a", "type": "delay", "data": {}}], "edges": [{"source": "a", "target": "b"}]}
    found = Registry().problems("DagExecutionWorkflow", [graph])
    assert [each.path for each in found] == [(0, "edges", 0, "target"), (0, "nodes", 0, "data", "delay_seconds")]
    assert Registry().problems("DagValidationWorkflow", [graph]) == []
