"""How a field is resolved that does more than read: without what graphql-core and Strawberry find out at every call.

Its arguments are the same at every call where the document says them all; those are converted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLResolveInfo,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types import Info
from strawberry.types.field import StrawberryField

_OF_STRAWBERRY = "strawberry.schema.schema_converter"
_UNCHANGEABLE = (str, int, float, bool, type(None), Enum)

Arguments = Mapping[str, Any]


@dataclass(slots=True)
class Resolver:
    """A field of Strawberry's that has a resolver and no extensions. `convert` gives the arguments of a call."""

    field: GraphQLField
    nodes: list[FieldNode]
    definition: StrawberryField
    call: Callable[..., Any]
    is_constant: bool
    arguments: Arguments | None = None

    def result(
        self, source: Any, info: GraphQLResolveInfo[Any], convert: Callable[[Resolver, Any], dict[str, Any]]
    ) -> Any:
        """What the resolver gives; raises what it raises, and what is wrong with the arguments."""
        resolver = self.definition.base_resolver
        assert resolver is not None
        told = Info[Any, Any](_raw_info=info, _field=self.definition)
        if self.arguments is None:
            found = convert(self, told)
            if self.is_constant and all(isinstance(each, _UNCHANGEABLE) for each in found.values()):
                self.arguments = found
        else:
            found = dict(self.arguments)
        for parameter in (resolver.parent_parameter, resolver.root_parameter):
            if parameter is not None:
                found = {**found, parameter.name: source}
        if resolver.info_parameter is not None:
            found = {**found, resolver.info_parameter.name: told}
        return self.call(source, **found) if resolver.self_parameter is not None else self.call(**found)


def resolver_of(field: GraphQLField, details: FieldDetailsList) -> Resolver | None:
    """How to resolve this field; None for one that is left to the ordinary way."""
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField) or definition.extensions or definition.is_subscription:
        return None
    resolver = definition.base_resolver
    if resolver is None or getattr(field.resolve, "__module__", None) != _OF_STRAWBERRY:
        return None
    call: Any = resolver.wrapped_func
    if not callable(call) or any(each.fragment_variable_values for each in details):
        return None
    constant = not any(_has_variables(each.value) for each in details[0].node.arguments or ())
    return Resolver(field, [each.node for each in details], definition, call, constant)


def _has_variables(node: ValueNode) -> bool:
    match node:
        case VariableNode():
            return True
        case ListValueNode(values=values):
            return any(map(_has_variables, values))
        case ObjectValueNode(fields=fields):
            return any(_has_variables(each.value) for each in fields)
    return False
