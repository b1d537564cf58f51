"""Wrong values of an input, told to the person who sent them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from app.model import Json

MOST_PROBLEMS = 50
_LONGEST_SHOWN = 60


class Problem(NamedTuple):
    """A wrong value of an input, and what it must be. `path` leads to it from the list of arguments."""

    path: tuple[str | int, ...]
    message: str


def encoded(value: Json) -> bytes | Problem:
    """The input as JSON; a Problem for an integer beyond 64 bits, half a character, or one that is too deep."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        return Problem((0,), f"The input cannot be written as JSON: {error}.")


def place(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path)) or "The input"


def missing(path: Sequence[str | int]) -> Problem:
    return Problem((0, *path), f"{place(path)} is missing.")


def unknown(path: Sequence[str | int], workflow_type: str, schema: Json) -> Problem:
    """A field that the object has not, with those that it has."""
    known = names_at(schema, path[:-1])
    told = f" It has: {', '.join(known)}." if known else ""
    return Problem((0, *path), f"{place(path)} is no field of {workflow_type}'s input.{told}")


def wrong(path: Sequence[str | int], said: str, value: Json) -> Problem:
    return Problem((0, *path), f"{place(path)} {said}; it is {_shown(value)}.")


def names_at(schema: Json, path: Sequence[str | int]) -> list[str]:
    """The names that the object at `path` may have, by the JSON Schema of the whole."""
    found = _followed(schema, schema)
    for part in path:
        inner = found.get("items") if isinstance(part, int) else found.get("properties", {}).get(part)
        found = _followed(schema, inner)
    return list(found.get("properties", {}))


def _followed(whole: Json, schema: Json) -> Mapping[str, Json]:
    """The schema behind references into the same document, and behind "or null"."""
    for _ in range(10):
        if not isinstance(schema, dict):
            return {}
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#/"):
            target = whole
            for key in reference[2:].split("/"):
                target = target.get(key) if isinstance(target, dict) else None
            schema = target
        elif isinstance(choices := schema.get("anyOf"), list):
            objects = [each for each in choices if each != {"type": "null"}]
            schema = objects[0] if len(objects) == 1 else None
        else:
            return schema
    return {}


def _shown(value: Json) -> str:
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
