"""What a caller wants started, and what is wrong with it before Temporal hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import Refusal
from app.model import Json
from app.registry import WorkflowDefinition

MAX_ID = 1000
RESERVED_MEMO = ("metadata", "createdBy", "tenant", "environment")
"""Keys of the memo that Tideline writes itself."""


@dataclass(frozen=True, slots=True)
class StartWanted:
    """What a caller wants started. `input` is the list of arguments; spans are in seconds."""

    workflow_type: str
    workflow_id: str | None = None
    input: Sequence[Json] = ()
    task_queue: str | None = None
    namespace: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    start_delay: float | None = None


def wrong(wanted: StartWanted, definition: WorkflowDefinition | None) -> list[Refusal]:
    """What is wrong with a start besides its input."""
    found = []
    if not wanted.workflow_type:
        found.append(Refusal("INVALID_INPUT", "workflowType cannot be empty.", path=("workflowType",)))
    elif definition is None and not wanted.task_queue:
        message = (
            f"Workflow type {wanted.workflow_type!r} is not registered here. Name one that is (see workflowTypes),"
            " or the taskQueue of the workers that know it."
        )
        found.append(Refusal("INVALID_INPUT", message, path=("taskQueue",)))
    if wanted.workflow_id is not None and not 0 < len(wanted.workflow_id) <= MAX_ID:
        message = f"workflowId must have 1 to {MAX_ID} characters; it has {len(wanted.workflow_id)}."
        found.append(Refusal("INVALID_INPUT", message, path=("workflowId",)))
    for name in ("execution_timeout", "run_timeout", "task_timeout", "start_delay"):
        span = getattr(wanted, name)
        if span is not None and not span > 0:
            head, *tail = name.split("_")
            argument = head + "".join(map(str.title, tail)) + "Seconds"
            found.append(Refusal("INVALID_INPUT", f"{argument} must be above 0; it is {span:g}.", path=(argument,)))
    found += [
        Refusal(
            "INVALID_INPUT",
            f"memo.{key} is written by Tideline itself. Choose another key.",
            path=("memo", key),
        )
        for key in RESERVED_MEMO
        if key in wanted.memo
    ]
    return found


def tenant_of(definition: WorkflowDefinition | None, args: Sequence[Json]) -> tuple[str | None, str | None]:
    """The tenant and environment that the input itself names."""
    value = args[0] if args and isinstance(args[0], dict) else {}
    fields = (definition.tenant_field, definition.environment_field) if definition else (None, None)
    tenant, environment = (value.get(name) if name else None for name in fields)
    return tenant, environment
