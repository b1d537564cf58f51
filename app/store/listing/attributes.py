"""Lists of the runs that have one value: what `attributes` in the database is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.model import Json
from app.store.listing.conditions import Conditions
from app.store.listing.filter import Column, Filter, Match

_OF_NO_RUN = {(Column.SEARCH_ATTRIBUTES, "TenantId"), (Column.SEARCH_ATTRIBUTES, "EnvironmentId")}
"""What `attributes` leaves out, since a run says it in columns of its own."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A scalar at the top of a column."""

    column: Column
    key: str
    value: Json
    scope: tuple[str, str] | None = None
    """The tenant and the environment, where the filter names both."""

    def condition(self, conditions: Conditions) -> None:
        """Restrict rows of `attributes` to this one's."""
        named = [self.column.value, self.key, self.value, *(self.scope or ())]
        number = "everywhere" if self.scope is None else "scoped"
        conditions.add(f"{number} = jsonb_hash_extended({{}}::jsonb, 0)", named)


def attribute_of(filter_: Filter) -> Attribute | None:
    """The first value that every run of the filter has, if it asks for one at the top of a column."""
    scope = scope_of(filter_)
    return next((Attribute(*each, scope=scope) for each in _attributes(filter_)), None)


def scope_of(filter_: Filter) -> tuple[str, str] | None:
    """Tenant and environment, where the filter names both."""
    tenant, environment = filter_.tenant, filter_.environment
    return None if tenant is None or environment is None else (tenant, environment)


def _attributes(filter_: Filter) -> Iterator[tuple[Column, str, Json]]:
    for key, value in filter_.metadata.items():
        if _is_scalar(value):
            yield Column.METADATA, key, value
    for each in filter_.values:
        if each.match is Match.EQUALS and len(each.path) == 1 and _is_scalar(each.value):
            [key] = each.path
            if each.column is not Column.MEMO and (each.column, key) not in _OF_NO_RUN:
                yield each.column, key, each.value
    for part in filter_.every:
        yield from _attributes(part)


def _is_scalar(value: Json) -> bool:
    return not isinstance(value, dict | list)
