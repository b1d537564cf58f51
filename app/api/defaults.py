"""What a request leaves out stays out.

Python's `= None` would become `= null` in the schema, which says nothing that a nullable type does not say: yet every
input object would be filled up with nulls, and each of them converted, before the first resolver is called.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)


def leave_out_nulls(schema: GraphQLSchema) -> None:
    """Take the default null from every argument and input field of the schema."""
    for place in _places(schema):
        if place.default_value is None:
            place.default_value = Undefined


def _places(schema: GraphQLSchema) -> Iterator[GraphQLArgument | GraphQLInputField]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            yield from kind.fields.values()
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                yield from field.args.values()
