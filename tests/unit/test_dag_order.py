"""The order of a graph, as tables of cases."""

from __future__ import annotations

import pytest

from app.workflows.dag.model import DagEdge, DagNode, NodeState, OnFailure
from app.workflows.dag.order import ancestors, cycle, next_step, sinks


def graph(text: str, **policies: OnFailure) -> tuple[tuple[DagNode, ...], tuple[DagEdge, ...]]:
    """`a>b c?true>d` is an edge from a to b, and one from c to d that is followed when c is true."""
    edges = []
    for each in text.split():
        source, _, target = each.partition(">")
        name, _, when = source.partition("?")
        edges.append(DagEdge(name, target, when={"true": True, "false": False}.get(when)))
    names = dict.fromkeys(name for edge in edges for name in (edge.source, edge.target) if name)
    nodes = tuple(DagNode(name, "delay", on_failure=policies.get(name, "fail")) for name in names)
    return nodes, tuple(edge for edge in edges if edge.target)


def states(nodes: tuple[DagNode, ...], text: str) -> dict[str, NodeState]:
    """`a=completed b=true`; a node that is not named is pending, and a boolean is what a condition came to."""
    found = {node.id: NodeState() for node in nodes}
    for each in text.split():
        name, _, status = each.partition("=")
        boolean = {"true": True, "false": False}.get(status)
        found[name] = NodeState("completed" if boolean is not None else status, output=boolean)
    return found


@pytest.mark.parametrize(
    ("edges", "ended", "ready", "skipped"),
    [
        ("a>c b>c", "", "a b", {}),
        ("a>c b>c", "a=completed b=running", "", {}),
        ("a>c b>c", "a=completed b=completed", "c", {}),
        # Branches: one side is left out, with all that hangs on it alone; the sides join again.
        ("a?true>b a?false>c b>d c>d", "a=true", "b", {"c": None}),
        ("a?true>b a?false>c b>d c>d", "a=false b=skipped c=completed", "d", {}),
        ("a?true>b b>c c>d", "a=false", "", {"b": None, "c": None, "d": None}),
        # Failures by policy: what depends on a node of `skip` is left out, however far away; others go on.
        ("skip>b b>c x>c x>y", "skip=failed x=completed", "y", {"b": "skip", "c": "skip"}),
        ("continue>b", "continue=failed", "b", {}),
        ("continue?true>b", "continue=failed", "", {"b": None}),
        ("fail>b", "fail=failed", "", {"b": None}),
        ("a>b", "a=cancelled", "", {"b": None}),
        ("a?true>j skip>j", "a=false skip=running", "", {}),
        ("a?true>j skip>j", "a=false skip=failed", "", {"j": "skip"}),
    ],
)
def test_what_follows(edges: str, ended: str, ready: str, skipped: dict[str, str | None]) -> None:
    nodes, links = graph(edges, skip="skip")
    nodes = tuple(
        DagNode(node.id, node.type, on_failure="continue") if node.id == "continue" else node for node in nodes
    )
    step = next_step(nodes, links, states(nodes, ended))
    assert ([node.id for node in step.ready], dict(step.skipped)) == (ready.split(), skipped)


def test_circles() -> None:
    assert cycle(*graph("a>b b>c a>c")) is None
    assert cycle(*graph("a>a")) == ["a", "a"]
    found = cycle(*graph("x>a a>b b>c c>a c>y"))
    assert found is not None
    assert (found[0], set(found)) == (found[-1], {"a", "b", "c"})


def test_what_comes_before_and_last() -> None:
    nodes, edges = graph("a>b b>c x>c c>y")
    assert ancestors(nodes, edges) == {"a": set(), "x": set(), "b": {"a"}, "c": {"a", "b", "x"}, "y": {*"abcx"}}
    assert sinks(nodes, edges) == ["y"]
