"""What a graph is asked to do and what it answers. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

API_CALL, CONDITION, TRANSFORM, DELAY = "api_call", "condition", "transform", "delay"
DATABASE, WEBHOOK, AI_AGENT = "database", "webhook", "ai_agent"
NODE_TYPES = (API_CALL, CONDITION, TRANSFORM, DELAY, DATABASE, WEBHOOK, AI_AGENT)

OnFailure = Literal["fail", "skip", "continue"]


@dataclass(frozen=True, slots=True)
class DagRetry:
    """When a node that failed is tried again. What no retry can mend, such as a refused request, is not."""

    maximum_attempts: int = 3
    """1 to 100."""
    initial_interval_seconds: float = 1.0
    backoff_coefficient: float = 2.0
    maximum_interval_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class DagNode:
    """One step of a graph. It runs when every node before it has ended."""

    id: str
    type: str
    """api_call, condition, transform, delay, database, webhook or ai_agent."""
    data: dict[str, Any] = field(default_factory=dict)
    """The node's configuration, by its type. `{{ expression }}` within a text stands for a value."""
    name: str = ""
    timeout_seconds: float = 300.0
    """The deadline of one attempt, up to a day."""
    retry: DagRetry = DagRetry()
    on_failure: OnFailure = "fail"
    """`fail` ends the run; `skip` leaves out what depends on the node; `continue` goes on, with the failure as
    `nodes.ID.error`."""


@dataclass(frozen=True, slots=True)
class DagEdge:
    """`target` waits for `source`."""

    source: str
    target: str
    id: str = ""
    when: bool | None = None
    """Behind a condition: follow this edge only where the condition came out so."""


@dataclass(frozen=True, slots=True)
class DagInput:
    """A workflow as a graph: nodes run in the order of their edges, side by side where the edges allow it."""

    nodes: tuple[DagNode, ...]
    edges: tuple[DagEdge, ...] = ()
    id: str = ""
    name: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What expressions call `parameters`."""
    max_parallel: int = 10
    """Nodes at the same time, 1 to 100."""
    nodes_per_run: int = 200
    """After so many nodes the run continues as new, which keeps its history short; 1 to 1000."""
    carried: dict[str, Any] | None = None
    """Written by the run itself when it continues as new; never given at a start."""


@dataclass(frozen=True, slots=True)
class DagChange:
    """The whole graph as it shall be. What has begun must stand in it as it was."""

    nodes: tuple[DagNode, ...]
    edges: tuple[DagEdge, ...] = ()


@dataclass(frozen=True, slots=True)
class DagIssue:
    """A wrong value of a graph, and what it must be."""

    path: list[str | int]
    message: str


@dataclass(frozen=True, slots=True)
class DagVerdict:
    valid: bool
    issues: list[DagIssue]


@dataclass(slots=True)
class NodeState:
    """How far a node is: pending, running, completed, failed, skipped or cancelled."""

    status: str = "pending"
    output: Any = None
    error: dict[str, Any] | None = None
    """{type, message, retry_state} of one that failed."""
    because: str | None = None
    """The failed node for which it was skipped; None where no edge to it was followed."""
    attempts: int = 0
    seconds: float | None = None
    due: float | None = None
    """A delay's end, in seconds since 1970."""
    dropped: bool = False
    """Whether the output was let go of, since nothing asked for it when the run continued as new."""


@dataclass(frozen=True, slots=True)
class NodeCall:
    """What an activity is told: a node's configuration, and the values that its expressions refer to."""

    node_id: str
    type: str
    data: dict[str, Any]
    scope: dict[str, Any]
    chain: str = ""
    """The id of the first run of the chain: with the node's, what tells a repetition."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an activity answers."""

    output: Any
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class NodeReport:
    status: str
    type: str
    attempts: int = 0
    seconds: float | None = None
    error: dict[str, Any] | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class DagStatus:
    """Where a run is. `status` is running, cancelling, completed, failed or cancelled."""

    status: str
    completed: int
    total: int
    percent: float
    running: list[str]
    nodes: dict[str, str]
    """Node id -> its status."""
    cancel_reason: str | None = None


@dataclass(frozen=True, slots=True)
class DagResult:
    """`status` is completed or cancelled; `outputs` are those of the nodes that nothing comes after."""

    status: str
    nodes: dict[str, NodeReport]
    outputs: dict[str, Any]
    left_out: list[str]
    """Nodes whose outputs were too large together to be told here."""
    duration: float
    cancel_reason: str | None = None
