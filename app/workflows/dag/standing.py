"""PURE. How far a graph is: what a run carries into the next one, tells of itself, and answers at its end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from app.workflows.dag.model import CONDITION, DagInput, DagNode, DagResult, DagStatus, NodeReport, NodeState
from app.workflows.dag.order import ENDED, sinks
from app.workflows.dag.references import needed

LARGEST_CARRIED = 1_500_000
"""Bytes of JSON; Temporal takes no payload of more than 2 MiB."""
_LARGEST_OUTPUTS = 1_000_000

States = dict[str, NodeState]


def restored(nodes: Sequence[DagNode], carried: Mapping[str, Any]) -> States:
    """The states of a graph's nodes, as the run before has left them."""
    left = carried.get("states", {})
    return {node.id: NodeState(**left.get(node.id, {})) for node in nodes}


def continued(request: DagInput, states: States, **rest: Any) -> DagInput:
    """What the next run is told: outputs that nothing will ask for are left behind."""
    asked = {node.id for node in request.nodes if node.type == CONDITION} | set(sinks(request.nodes, request.edges))
    for node in request.nodes:
        if states[node.id].status not in ENDED:
            asked |= needed(node, request.edges)
    kept = {
        name: state if name in asked or state.output is None else replace(state, output=None, dropped=True)
        for name, state in states.items()
    }
    shown = {name: {key: value for key, value in asdict(state).items() if value} for name, state in kept.items()}
    return replace(request, carried={"states": shown, **rest})


def size_of(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(json.dumps(value, default=str))


def status_of(status: str, states: Mapping[str, NodeState], cancel_reason: str | None) -> DagStatus:
    ended = sum(state.status in ENDED for state in states.values())
    return DagStatus(
        status=status,
        completed=ended,
        total=len(states),
        percent=round(100.0 * ended / max(1, len(states)), 1),
        running=[name for name, state in states.items() if state.status == "running"],
        nodes={name: state.status for name, state in states.items()},
        cancel_reason=cancel_reason,
    )


def progress_of(states: Mapping[str, NodeState]) -> dict[str, Any]:
    """As Tideline reads it in the memo."""
    status = status_of("running", states, None)
    counts = Counter(status.nodes.values())
    said = [f"{counts[each]} {each}" for each in ("failed", "skipped", "cancelled") if counts[each]]
    running = status.running[:5] + (["..."] if len(status.running) > 5 else [])
    if running:
        said.append(f"running: {', '.join(running)}")
    return {
        "step": "execute",
        "percent": status.percent,
        "message": "; ".join([f"{status.completed} of {status.total} nodes", *said]),
        "completed": status.completed,
        "total": status.total,
    }


def reports_of(request: DagInput, states: Mapping[str, NodeState]) -> dict[str, NodeReport]:
    return {
        node.id: NodeReport(
            status=(state := states[node.id]).status,
            type=node.type,
            attempts=state.attempts,
            seconds=state.seconds,
            error=state.error,
            because=state.because,
        )
        for node in request.nodes
    }


def result_of(
    request: DagInput, states: Mapping[str, NodeState], duration: float, cancel_reason: str | None
) -> DagResult:
    outputs: dict[str, Any] = {}
    left_out: list[str] = []
    size = 0
    for name in sinks(request.nodes, request.edges):
        if states[name].status != "completed":
            continue
        if (size := size + size_of(states[name].output)) <= _LARGEST_OUTPUTS:
            outputs[name] = states[name].output
        else:
            left_out.append(name)
    return DagResult(
        status="completed" if cancel_reason is None else "cancelled",
        nodes=reports_of(request, states),
        outputs=outputs,
        left_out=left_out,
        duration=duration,
        cancel_reason=cancel_reason,
    )
