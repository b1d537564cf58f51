"""Text as Postgres takes it: what has U+0000 is kept with U+FFFD in its place."""

from __future__ import annotations

from typing import Any


def storable(argument: Any) -> Any:
    """An argument of a statement: a text, a list of texts, or anything else, which stays as it is."""
    if isinstance(argument, str):
        return argument.replace("\0", "\ufffd")
    if isinstance(argument, list):
        return [each.replace("\0", "\ufffd") if isinstance(each, str) else each for each in argument]
    return argument


def storable_json(value: Any) -> Any:
    """A JSON value: its texts, and the keys of its objects, however deep."""
    if isinstance(value, list):
        return [storable_json(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): storable_json(each) for key, each in value.items()}
    return storable(value)
