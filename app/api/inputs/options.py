"""The options of a start, as every typed mutation takes them."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types import get_object_definition

from app.api.inputs import StartWorkflowInput
from app.model import Json

_OWN = frozenset({"workflow_type", "input"})
_FIELDS = tuple(
    each for each in get_object_definition(StartWorkflowInput, strict=True).fields if each.python_name not in _OWN
)

# What StartWorkflowInput has besides type and input, taken from there so that each option is said once.
_BODY: dict[str, Any] = {
    each.python_name: strawberry.field(description=each.description, default=each.default) for each in _FIELDS
}
StartOptions = strawberry.input(
    type("StartOptions", (), {**_BODY, "__annotations__": {each.python_name: each.type for each in _FIELDS}}),
    description="How a workflow is started: everything but its type and its input.",
)


def start_input(workflow_type: str, args: list[Json], options: Any) -> StartWorkflowInput:
    """What `startWorkflow` takes for the same start."""
    given = {each.python_name: getattr(options, each.python_name) for each in _FIELDS} if options else {}
    return StartWorkflowInput(workflow_type=workflow_type, input=args, **given)
