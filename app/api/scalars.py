"""Scalars of our own."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NewType

import strawberry
from graphql import ValueNode, value_from_ast_untyped
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY

from app.errors import BadUserInput

Cursor = NewType("Cursor", str)


def _cursor(value: object) -> str:
    if not isinstance(value, str):
        raise BadUserInput("A cursor is a string.")
    return value


def _moment(value: object) -> datetime:
    """A time that every clock in UTC can show: databases and Temporal hold no other."""
    moment: datetime = DateTimeDefinition.parse_value(value)  # type: ignore[misc]
    if moment.tzinfo is not None:
        try:
            moment.astimezone(UTC)
        except OverflowError:
            message = f"{value} cannot be used: in UTC it is not within the years 1 to 9999."
            raise StrawberryInputCoercionError(message) from None
    return moment


def _json(value: object) -> object:
    """A value that JSON can say: a literal such as 1e999 would become null on its way."""
    if isinstance(value, float) and not math.isfinite(value):
        raise StrawberryInputCoercionError("A number of JSON is at most about 1.8e308.")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise StrawberryInputCoercionError(f"{value} is a whole number of more than 64 bits. Send it as a text.")
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value


def _literal(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
    return _json(value_from_ast_untyped(node, variables))


class Names(NameConverter):
    """GraphQL's names of Python's, each made once: Strawberry asks for those of arguments at every call."""

    apply_naming_config = lru_cache(maxsize=None)(NameConverter.apply_naming_config)


CONFIG = StrawberryConfig(
    name_converter=Names(),
    scalar_map={
        Cursor: strawberry.scalar(
            name="Cursor",
            description="A place in a list or a stream: opaque, checked, given back unchanged to go on behind it.",
            serialize=str,
            parse_value=_cursor,
        ),
        datetime: replace(DateTimeDefinition, parse_value=_moment),
        JSON: replace(DEFAULT_SCALAR_REGISTRY[JSON], parse_literal=_literal),
    },
)
