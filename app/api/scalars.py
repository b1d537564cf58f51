"""Scalars of our own."""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from app.errors import BadUserInput

Cursor = NewType("Cursor", str)


def _cursor(value: object) -> str:
    if not isinstance(value, str):
        raise BadUserInput("A cursor is a string.")
    return value


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
        )
    },
)
