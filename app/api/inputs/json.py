"""Conditions on the JSON of a run."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.values import storable
from app.errors import BadUserInput, Path
from app.store.listing import Column, JsonValue, Match

CONTAINS = "An object has these keys and values; a list has this value, or each value of this list."
MAX_STEPS = 20


@strawberry.input(
    description="A value within JSON. All that is given must hold; of a path that is not there, nothing does."
)
class JsonFilter:
    path: list[str] = strawberry.field(description='The keys of objects on the way to it, such as ["customer", "id"].')
    equals: JSON | None = strawberry.field(default=strawberry.UNSET, description="Exactly this; null is JSON's null.")
    contains: JSON | None = strawberry.field(default=strawberry.UNSET, description=CONTAINS)
    exists: bool | None = strawberry.field(default=None, description="Whether the path is there, whatever it holds.")

    def values(self, column: Column, path: Path) -> Iterator[JsonValue]:
        if not 0 < len(self.path) <= MAX_STEPS:
            raise BadUserInput(f"path has 1 to {MAX_STEPS} keys.", path=(*path, "path"))
        yield from _values(column, tuple(self.path), self.equals, self.contains, self.exists, path)


@strawberry.input(description="A search attribute by its name. All that is given must hold.")
class SearchAttributeFilter:
    name: str
    equals: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Exactly this, as the field searchAttributes shows it."
    )
    contains: JSON | None = strawberry.field(default=strawberry.UNSET, description=CONTAINS)
    exists: bool | None = strawberry.field(default=None, description="Whether the run has it.")

    def values(self, path: Path) -> Iterator[JsonValue]:
        return _values(Column.SEARCH_ATTRIBUTES, (self.name,), self.equals, self.contains, self.exists, path)


def _values(
    column: Column, keys: tuple[str, ...], equals: object, contains: object, exists: bool | None, path: Path
) -> Iterator[JsonValue]:
    if equals is strawberry.UNSET and contains is strawberry.UNSET and exists is None:
        raise BadUserInput(f"{path[-1]} needs one of equals, contains and exists.", path=path)
    if equals is not strawberry.UNSET:
        yield JsonValue(column, keys, Match.EQUALS, storable(equals, (*path, "equals")))
    if contains is not strawberry.UNSET:
        yield JsonValue(column, keys, Match.CONTAINS, storable(contains, (*path, "contains")))
    if exists is not None:
        yield JsonValue(column, keys, Match.EXISTS if exists else Match.ABSENT)
