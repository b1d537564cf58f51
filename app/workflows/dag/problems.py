"""PURE. What is wrong with a graph: asked at the edge, by the workflow of validation, and before a change is let in."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from app.workflows.dag.configuration import CONFIGURATIONS
from app.workflows.dag.expressions import Expression
from app.workflows.dag.model import CONDITION, NODE_TYPES, DagChange, DagEdge, DagInput, DagNode
from app.workflows.dag.order import ancestors, cycle
from app.workflows.dag.references import expressions_of, needed

Problem = tuple[tuple[str | int, ...], str]
"""The path of the wrong value, and a sentence that says what it must be."""

MOST_NODES = 1000
MOST_EDGES = 10_000
_LARGEST_INPUT = 1_000_000
_LONGEST_TIMEOUT = 86_400
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


def problems(request: DagInput) -> list[Problem]:
    """Every wrong value with its path; empty when the graph can be run."""
    found = [*graph_problems(request.nodes, request.edges), *_bounds(request)]
    if request.carried is not None:
        found.append((("carried",), "carried is written by the run itself and cannot be given."))
    return found


def graph_problems(nodes: tuple[DagNode, ...], edges: tuple[DagEdge, ...]) -> list[Problem]:
    shape = [*_identities(nodes), *_edges(nodes, edges)]
    if not shape and (loop := cycle(nodes, edges)):
        shape = [(("edges",), f"edges go in a circle: {' -> '.join(loop)}. Take one of them out.")]
    return [*shape, *_configurations(nodes), *_references(nodes, edges, bool(shape))]


def change_problems(
    request: DagInput, change: DagChange, begun: Collection[str], dropped: Collection[str] = ()
) -> list[Problem]:
    """What is wrong with a new graph for a run in which the nodes of `begun` have begun or ended, and which has let go
    of the outputs of those of `dropped`."""
    found = graph_problems(change.nodes, change.edges)
    places = {node.id: place for place, node in enumerate(change.nodes)}
    for node in request.nodes:
        if node.id not in begun:
            continue
        if node.id not in places:
            found.append((("nodes",), f"{node.id} has begun and cannot be left out."))
        elif change.nodes[places[node.id]] != node:
            found.append((("nodes", places[node.id]), f"{node.id} has begun and cannot be changed."))
        elif _before(node, change.edges) != _before(node, request.edges):
            found.append((("edges",), f"{node.id} has begun: the edges that lead to it cannot be changed."))
    for place, node in enumerate(change.nodes):
        if node.id not in begun:
            gone = sorted(needed(node, change.edges) & set(dropped))
            found += [(("nodes", place, "data"), f"The output of {each} is no longer kept.") for each in gone]
    return found


def _before(node: DagNode, edges: tuple[DagEdge, ...]) -> set[tuple[str, bool | None]]:
    return {(edge.source, edge.when) for edge in edges if edge.target == node.id}


def _bounds(request: DagInput) -> Iterator[Problem]:
    for name, least, most in (("max_parallel", 1, 100), ("nodes_per_run", 1, 1000)):
        if not least <= (value := getattr(request, name)) <= most:
            yield (name,), f"{name} must be {least} to {most}; it is {value}."
    size = len(json.dumps([request.parameters, [node.data for node in request.nodes]]))
    if size > _LARGEST_INPUT:
        yield (), f"parameters and data must have at most {_LARGEST_INPUT} bytes together; they have {size}."


def _identities(nodes: tuple[DagNode, ...]) -> Iterator[Problem]:
    if not 1 <= len(nodes) <= MOST_NODES:
        yield ("nodes",), f"nodes must be 1 to {MOST_NODES}; there are {len(nodes)}."
    seen: set[str] = set()
    for place, node in enumerate(nodes):
        if not _ID.fullmatch(node.id):
            yield (
                ("nodes", place, "id"),
                f"id must be 1 to 100 characters of A-Z, a-z, 0-9 and _.:-, the first a letter or digit; it is "
                f"{node.id!r}.",
            )
        elif node.id in seen:
            yield ("nodes", place, "id"), f"id must be unique; another node is {node.id!r} as well."
        seen.add(node.id)


def _edges(nodes: tuple[DagNode, ...], edges: tuple[DagEdge, ...]) -> Iterator[Problem]:
    if len(edges) > MOST_EDGES:
        yield ("edges",), f"edges must be at most {MOST_EDGES}; there are {len(edges)}."
    types = {node.id: node.type for node in nodes}
    seen: set[tuple[str, str]] = set()
    for place, edge in enumerate(edges):
        for end in ("source", "target"):
            if (name := getattr(edge, end)) not in types:
                yield ("edges", place, end), f"{end} must be the id of a node; there is no {name!r}."
        if edge.source == edge.target:
            yield ("edges", place), f"an edge leads from {edge.source!r} to itself."
        elif (edge.source, edge.target) in seen:
            yield ("edges", place), f"another edge leads from {edge.source!r} to {edge.target!r} as well."
        if edge.when is not None and types.get(edge.source, CONDITION) != CONDITION:
            yield ("edges", place, "when"), f"when is for edges behind a condition; {edge.source!r} is none."
        seen.add((edge.source, edge.target))


def _configurations(nodes: tuple[DagNode, ...]) -> Iterator[Problem]:
    for place, node in enumerate(nodes):
        path: tuple[str | int, ...] = ("nodes", place)
        yield from ((path + where, message) for where, message in _policy(node))
        if (kind := CONFIGURATIONS.get(node.type)) is None:
            yield (*path, "type"), f"type must be one of {', '.join(NODE_TYPES)}; it is {node.type!r}."
            continue
        try:
            kind.model_validate(node.data)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                yield (*path, "data", *_place(each["loc"], node.data)), _sentence(each, node)


def _policy(node: DagNode) -> Iterator[Problem]:
    if not 0 < node.timeout_seconds <= _LONGEST_TIMEOUT:
        yield ("timeout_seconds",), f"timeout_seconds must be above 0, up to {_LONGEST_TIMEOUT}."
    retry = node.retry
    for name, least, most in (
        ("maximum_attempts", 1, 100),
        ("initial_interval_seconds", 0.01, 3600),
        ("backoff_coefficient", 1, 10),
        ("maximum_interval_seconds", 0.01, 86_400),
    ):
        if not least <= (value := getattr(retry, name)) <= most:
            yield ("retry", name), f"{name} must be {least} to {most}; it is {value}."
    if retry.maximum_interval_seconds < retry.initial_interval_seconds:
        yield ("retry",), "maximum_interval_seconds must not be below initial_interval_seconds."


def _references(nodes: tuple[DagNode, ...], edges: tuple[DagEdge, ...], shapeless: bool) -> Iterator[Problem]:
    known = {node.id for node in nodes}
    earlier = {} if shapeless else ancestors(nodes, edges)
    for place, node in enumerate(nodes):
        for where, found in expressions_of(node):
            path: tuple[str | int, ...] = ("nodes", place, "data", *where)
            if not isinstance(found, Expression):
                if _is_template(node, where):
                    yield path, f"{where[-1]} cannot be read: {found}"
                continue
            for reference in sorted(found.references):
                if reference not in known:
                    yield path, f"{where[-1]} refers to node {reference!r}, which is not there."
                elif not shapeless and reference not in earlier[node.id]:
                    yield path, f"{where[-1]} refers to node {reference!r}, which does not come before {node.id!r}."


def _is_template(node: DagNode, where: tuple[str | int, ...]) -> bool:
    """Whether nobody else has read this expression: a configuration reads those that are no templates itself."""
    return (node.type, where[0]) not in {
        ("condition", "condition"),
        ("transform", "mapping"),
        ("transform", "expression"),
    }


def _place(loc: tuple[str | int, ...], data: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Where pydantic found it, without its names for alternatives and keys."""
    place: list[str | int] = []
    value: Any = data
    for part in loc:
        if isinstance(value, dict | list) and part in (value if isinstance(value, dict) else range(len(value))):
            value = value[part]  # type: ignore[index]
        elif place or part == "[key]":
            break
        place.append(part)
    return tuple(place)


def _sentence(error: Any, node: DagNode) -> str:
    place = _place(error["loc"], node.data)
    name = str(place[-1]) if place else ""
    if error["type"] == "missing":
        return f"{name} is missing."
    if error["type"] == "extra_forbidden":
        fields = ", ".join(CONFIGURATIONS[node.type].model_fields)
        return f"{name} is no field of {node.type}. It has: {fields}."
    said = error["msg"].removeprefix("Input ")
    said = said if said.endswith(".") else f"{said}; it is {json.dumps(error['input'], default=str)[:80]}."
    return f"{name} {said}".strip()
