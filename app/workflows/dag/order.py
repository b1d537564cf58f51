"""PURE. The order of a graph: circles, what comes before what, and what may run next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from app.workflows.dag.model import DagEdge, DagNode, NodeState

ENDED = frozenset({"completed", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Step:
    ready: tuple[DagNode, ...]
    """What may start now."""
    skipped: Mapping[str, str | None]
    """What will never run, each with the failed node that it depends on; None where no edge to it is followed."""


def cycle(nodes: Sequence[DagNode], edges: Sequence[DagEdge]) -> list[str] | None:
    """The ids of a circle, its first one again at its end; None where there is none."""
    try:
        _sorted(nodes, edges)
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def ancestors(nodes: Sequence[DagNode], edges: Sequence[DagEdge]) -> dict[str, set[str]]:
    """Of each node of a graph without circles, all that come before it."""
    sources = _sources(edges)
    found: dict[str, set[str]] = {}
    for name in _sorted(nodes, edges):
        direct = [edge.source for edge in sources.get(name, ())]
        found[name] = set(direct).union(*(found[each] for each in direct))
    return found


def sinks(nodes: Sequence[DagNode], edges: Sequence[DagEdge]) -> list[str]:
    """The ids of the nodes that nothing comes after."""
    left = {edge.source for edge in edges}
    return [node.id for node in nodes if node.id not in left]


def next_step(nodes: Sequence[DagNode], edges: Sequence[DagEdge], states: Mapping[str, NodeState]) -> Step:
    """What follows from what has ended.

    A node is skipped where one before it failed by the policy `skip` or was skipped for that, or where no edge to it
    is followed. An edge is followed from a node that completed, or failed by the policy `continue`, unless its `when`
    says otherwise.
    """
    sources = _sources(edges)
    by_id = {node.id: node for node in nodes}
    blamed = {name: state.because for name, state in states.items() if state.status == "skipped"}
    ready: list[DagNode] = []
    skipped: dict[str, str | None] = {}
    for name in _sorted(nodes, edges):
        incoming = sources.get(name, ())
        waits = (edge for edge in incoming if states[edge.source].status not in ENDED and edge.source not in skipped)
        if states[name].status != "pending" or any(waits):
            continue
        because = next(filter(None, (_blame(by_id[edge.source], states, blamed) for edge in incoming)), None)
        if because is None and (not incoming or any(_followed(edge, by_id, states) for edge in incoming)):
            ready.append(by_id[name])
        else:
            skipped[name] = blamed[name] = because
    return Step(tuple(ready), skipped)


def _blame(source: DagNode, states: Mapping[str, NodeState], blamed: Mapping[str, str | None]) -> str | None:
    """The id of the failed node that keeps whatever comes after `source` from running."""
    if states[source.id].status == "failed" and source.on_failure == "skip":
        return source.id
    return blamed.get(source.id)


def _followed(edge: DagEdge, nodes: Mapping[str, DagNode], states: Mapping[str, NodeState]) -> bool:
    state = states[edge.source]
    if state.status == "failed":
        return nodes[edge.source].on_failure == "continue" and edge.when is None
    return state.status == "completed" and (edge.when is None or edge.when is state.output)


def _sources(edges: Sequence[DagEdge]) -> dict[str, list[DagEdge]]:
    found: dict[str, list[DagEdge]] = {}
    for edge in edges:
        found.setdefault(edge.target, []).append(edge)
    return found


def _sorted(nodes: Sequence[DagNode], edges: Sequence[DagEdge]) -> list[str]:
    """Raises CycleError. Nodes that nothing orders stay as they were given."""
    sorter: TopologicalSorter[str] = TopologicalSorter({node.id: () for node in nodes})
    for edge in edges:
        sorter.add(edge.target, edge.source)
    return list(sorter.static_order())
