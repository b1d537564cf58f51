"""PURE. Which values the configuration of a node refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.workflows.dag.expressions import Expression, ExpressionError, parse, parts
from app.workflows.dag.model import AI_AGENT, CONDITION, DATABASE, TRANSFORM, WEBHOOK, DagEdge, DagNode, NodeState

Path = tuple[str | int, ...]
# Told as they are, never with values put into them.
PLAIN = {(AI_AGENT, "output_schema"), (DATABASE, "query")}
_EXPRESSIONS = {(CONDITION, "condition"), (TRANSFORM, "mapping"), (TRANSFORM, "expression")}


def expressions_of(node: DagNode) -> Iterator[tuple[Path, Expression | ExpressionError]]:
    """Every expression of a configuration with its path, or what is wrong with it."""
    for name, value in node.data.items():
        if (node.type, name) in PLAIN:
            continue
        whole = (node.type, name) in _EXPRESSIONS
        for path, text in _texts(value, (name,)):
            try:
                found = [parse(text)] if whole else [each for each in parts(text) if isinstance(each, Expression)]
                yield from ((path, each) for each in found)
            except ExpressionError as error:
                yield path, error


def referenced(node: DagNode) -> set[str]:
    """The ids of the nodes whose values it names, without those that `inputs` stands for."""
    found = (each for _, each in expressions_of(node) if isinstance(each, Expression))
    return {reference for each in found for reference in each.references}


def takes_inputs(node: DagNode) -> bool:
    """Whether it works on what comes before it, by naming it or by its nature."""
    named = [each for _, each in expressions_of(node) if isinstance(each, Expression)]
    if any(each.inputs for each in named):
        return True
    if node.type == AI_AGENT:
        return not any(each.references for each in named)
    return node.type == WEBHOOK and node.data.get("payload") is None


def before(node: DagNode, edges: tuple[DagEdge, ...]) -> list[str]:
    """The ids of the nodes that it waits for, each once."""
    return list(dict.fromkeys(edge.source for edge in edges if edge.target == node.id))


def needed(node: DagNode, edges: tuple[DagEdge, ...]) -> set[str]:
    """The ids of all nodes whose values it is given."""
    return referenced(node) | (set(before(node, edges)) if takes_inputs(node) else set())


def scope_of(
    node: DagNode, edges: tuple[DagEdge, ...], states: Mapping[str, NodeState], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that the node's expressions refer to, and no others."""
    sources = before(node, edges) if takes_inputs(node) else []
    inputs = {each: states[each].output for each in sources}
    return {
        "parameters": parameters,
        "inputs": inputs[sources[0]] if len(sources) == 1 else inputs,
        "nodes": {
            each: {"status": states[each].status, "output": states[each].output, "error": states[each].error}
            for each in sorted(referenced(node))
        },
    }


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*path, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _texts(each, (*path, number))
