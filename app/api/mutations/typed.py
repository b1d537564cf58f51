"""A mutation for every workflow type whose input is known as Python types: `start<Name>`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import strawberry

from app.api.context import Info
from app.api.inputs.options import StartOptions, start_input
from app.api.inputs.typed import InputTypes, Shape
from app.api.mutations.payloads import StartWorkflowPayload, UserError
from app.api.mutations.starts import start
from app.registry import DEFINITIONS, WorkflowDefinition
from app.registry.typed import TypedInput


def typed_mutations(definitions: Iterable[WorkflowDefinition] = DEFINITIONS) -> type:
    """A type with one field for each definition. Raises ValueError where two inputs would have the same name."""
    types = InputTypes()
    fields = {each.mutation: _field(each, _shape(types, each)) for each in definitions if each.mutation}
    return strawberry.type(type("TypedMutation", (), fields))


def _shape(types: InputTypes, definition: WorkflowDefinition) -> Shape | None:
    """None where the workflow takes no input."""
    if not isinstance(definition.input, TypedInput):
        return None
    name = f"{(definition.mutation or '').removeprefix('start')}Input"
    return types.root(definition.input.type, name, definition.input.json_schema)


def _field(definition: WorkflowDefinition, shape: Shape | None) -> Any:
    async def with_input(info: Info, input: Any, options: Any = None) -> StartWorkflowPayload:
        assert shape is not None
        payload = await start(info, start_input(definition.name, [shape.wire(input)], options))
        payload.user_errors = [_renamed(each, shape) for each in payload.user_errors]
        return payload

    async def without_input(info: Info, options: Any = None) -> StartWorkflowPayload:
        payload = await start(info, start_input(definition.name, [], options))
        payload.user_errors = [_renamed(each, Shape()) for each in payload.user_errors]
        return payload

    resolver = with_input if shape else without_input
    resolver.__annotations__["options"] = StartOptions | None
    if shape:
        resolver.__annotations__["input"] = shape.kind
    return strawberry.mutation(resolver, name=definition.mutation, description=definition.description)


def _renamed(error: UserError, shape: Shape) -> UserError:
    """The error in the names of the typed mutation: its input is no list, and its fields are in camelCase."""
    if error.path[:1] != ["input"]:
        return UserError(code=error.code, message=error.message, path=["options", *error.path] if error.path else [])
    path = [str(each) for each in shape.shown(error.path[2:])]
    # What the value is stays as it was sent.
    said, is_, value = error.message.partition("; it is ")
    names = dict(shape.names())
    said = re.sub(r"\w+", lambda found: names.get(found[0], found[0]), said)
    return UserError(code=error.code, message=said + is_ + value, path=["input", *path])


TypedMutation: Any = typed_mutations()
