"""Scalars of our own."""

from __future__ import annotations

from typing import NewType

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.errors import BadUserInput

Cursor = NewType("Cursor", str)


def _cursor(value: object) -> str:
    if not isinstance(value, str):
        raise BadUserInput("A cursor is a string.")
    return value


CONFIG = StrawberryConfig(
    scalar_map={
        Cursor: strawberry.scalar(
            name="Cursor",
            description="A place in a list or a stream: opaque, checked, given back unchanged to go on behind it.",
            serialize=str,
            parse_value=_cursor,
        )
    }
)
