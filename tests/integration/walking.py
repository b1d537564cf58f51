"""A walk over all that the schema lets one tenant ask of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

from tests.integration.gateways import member

SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))
DEPTH = 3
OF_WORKERS = {"currentDetails", "interface", "stackTrace"}
"""What only a worker answers, which there is none of: each would be waited for."""
MINE, OTHER = member("acme"), member("globex")
SECRET = "zebra"
"""In everything of the other tenant that nobody who asks has to name."""


def roots() -> set[str]:
    """Every field that an operation can begin with, such as `Query.workflow`."""
    types = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    return {f"{each.name}.{name}" for each in types if each is not None for name in each.fields}


def payload(root: str) -> str:
    """The name of a root field's type."""
    type_, field = root.split(".")
    parent = SCHEMA.get_type(type_)
    assert isinstance(parent, GraphQLObjectType)
    return str(get_named_type(parent.fields[field].type))


def whole(root: str, depth: int = DEPTH) -> str:
    """The selection of everything below a root field that needs no argument."""
    type_, field = root.split(".")
    parent = SCHEMA.get_type(type_)
    assert isinstance(parent, GraphQLObjectType)
    return _selected(parent.fields[field], depth)


def _selected(field: GraphQLField, depth: int) -> str:
    type_ = get_named_type(field.type)
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
        return ""
    parts = ["__typename"]
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        parts += [
            f"... on {each.name} {_below(each, depth - 1, is_one_of_several=True)}"
            for each in SCHEMA.get_possible_types(type_)
        ]
        return f"{{ {' '.join(parts)} }}"
    assert isinstance(type_, GraphQLObjectType)
    return _below(type_, depth)


def _below(type_: GraphQLObjectType, depth: int, *, is_one_of_several: bool = False) -> str:
    parts = ["__typename"]
    for name, field in type_.fields.items():
        if name in OF_WORKERS or any(is_required_argument(each) for each in field.args.values()):
            continue
        named = get_named_type(field.type)
        if isinstance(named, GraphQLScalarType | GraphQLEnumType):
            # Of one name with two types, as in the members of an interface, each gets a name of its own.
            parts.append(f"{type_.name}_{name}: {name}" if is_one_of_several else name)
        elif depth > 1:
            alias = f"{type_.name}_{name}: " if is_one_of_several else ""
            parts.append(f"{alias}{name} {_selected(field, depth - 1)}")
    return f"{{ {' '.join(parts)} }}"


def typed_starts() -> list[str]:
    """The mutations that start a type of the catalog."""
    fields = SCHEMA.mutation_type.fields if SCHEMA.mutation_type else {}
    return [name for name, each in fields.items() if "options" in each.args]


def sample(name: str, tenant: str = MINE.tenant) -> str:
    """The least input that a typed start takes, written as in a document."""
    assert SCHEMA.mutation_type is not None
    return _written(SCHEMA.mutation_type.fields[name].args["input"].type, name, tenant)


def _written(type_: Any, name: str, tenant: str) -> str:
    if is_list_type(type_.of_type if is_non_null_type(type_) else type_):
        return f"[{_written(get_named_type(type_), name, tenant)}]"
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        needed = {each: _written(field.type, each, tenant) for each, field in named.fields.items()
                  if is_required_input_field(field) or each in _WHOSE} | _ALSO.get(named.name, {})  # fmt: skip
        return f"{{{', '.join(f'{each}: {value}' for each, value in needed.items())}}}"
    if isinstance(named, GraphQLEnumType):
        return str(next(iter(named.values)))
    given = {"tenantId": tenant, "environmentId": MINE.environment}.get(name, "x")
    return {"Int": "1", "Float": "1.0", "Boolean": "true", "JSON": "{}"}.get(named.name) or f'"{given}"'


_WHOSE = {"tenantId", "environmentId"}
_URL = '"https://example.com/x"'
_TABLE = {"connection": '"x"', "table": '"demo.x"'}
_ALSO: dict[str, dict[str, str]] = {
    "CustomerInput": {"email": '"ada@example.com"'},
    "DagNodeInput": {"type": '"delay"', "data": "{delay_seconds: 1}"},
    "RecordSourceInput": {"url": _URL},
    "PriceSourceInput": {"url": _URL},
    "PriceDestinationInput": {"url": _URL},
    "EventTableInput": _TABLE,
    "EventTargetInput": {"url": _URL},
    "TaskFileInput": {"connection": '"x"', "path": '"x.csv"'},
    "RowTargetInput": {**_TABLE, "key": '["x"]'},
    "TestCycleInput": {"languageModel": '{connection: "x", model: "x"}'},
}
"""What an input needs besides what the schema says."""


def shown(answer: Any) -> str:
    """An answer without what differs from one request to the next."""
    for error in answer.get("errors", ()):
        error.get("extensions", {}).pop("requestId", None)
    return json.dumps(answer, sort_keys=True)
