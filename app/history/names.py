"""Names of Temporal's enum values, also of those that are newer than the API version in use."""

from __future__ import annotations

import re
from typing import Any


def enum_name(enum: Any, value: int, prefix: str = "") -> str:
    """The value's name without `prefix`, or `UNKNOWN_n`."""
    try:
        name: str = enum.Name(value)
    except ValueError:
        return f"UNKNOWN_{value}"
    return name.removeprefix(prefix)


def words(name: str) -> str:
    """An enum value's name for people: `ALREADY_EXISTS` and `AlreadyExists` read "already exists"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()
