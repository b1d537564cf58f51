"""A window of a list, and the statement that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.model import Execution
from app.store.listing.conditions import Conditions, conditions_of
from app.store.listing.filter import Filter
from app.store.listing.kinds import by_kind, is_by_kind
from app.store.listing.order import (
    OPEN,
    Key,
    Order,
    among_closed,
    among_open,
    behind,
    keys_of,
    order_by,
    reverse,
)
from app.store.listing.walk import is_walked, walked


@dataclass(frozen=True, slots=True)
class Position:
    """The place of a run in an order: what it had in the columns that can be sorted by."""

    start_time: datetime
    run_id: str
    close_time: datetime | None = None
    workflow_type: str = ""
    status: str = ""

    @classmethod
    def of(cls, execution: Execution) -> Position:
        return cls(
            execution.start_time,
            execution.run_id,
            execution.close_time,
            execution.workflow_type,
            execution.status.value,
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """A window of a list: at most `limit` runs behind `after` and ahead of `before`, without the first `offset`.

    `from_end` takes the window's last runs instead of its first; their order stays the same.
    """

    filter: Filter = field(default_factory=Filter)
    limit: int = 50
    after: Position | None = None
    before: Position | None = None
    from_end: bool = False
    offset: int = 0
    order: tuple[Order, ...] = ()


def window_of(columns: Sequence[str], listing: Listing) -> tuple[str, list[Any]]:
    """The statement that reads a listing, one row longer than asked, and its arguments.

    Where open runs stand behind closed ones, each half is read by its own index, the second only where the first
    has not filled the window. Postgres puts such halves one after the other as long as it does not run them at
    once (`enable_parallel_append`).
    """
    keys, listed = keys_of(listing.order), conditions_of(listing.filter)
    select = f"select {', '.join(columns)} from executions"
    if keys[0] == OPEN:
        statement = _halved(select, listing, listed, keys)
    elif is_by_kind(listing, keys):
        statement = by_kind(columns, listing, listed, keys)
    elif is_walked(listing, keys):
        statement = walked(columns, listing, listed, keys)
    else:
        statement = _selected(select, listing, listed, keys, listing.after, listing.before)
    statement += f" limit {listed.name(listing.limit + 1)}"
    if listing.offset:
        statement += f" offset {listed.name(listing.offset)}"
    return statement, listed.arguments


def _halved(select: str, listing: Listing, listed: Conditions, keys: Sequence[Key]) -> str:
    """Closed runs, then open ones; without the half that the window cannot reach."""
    after, before = listing.after, listing.before
    after_open, before_open = _is_open(after), _is_open(before)
    halves = []
    if not after_open:
        bound = None if before_open else before
        halves.append(_selected(select, listing, listed, among_closed(keys), after, bound, "close_time is not null"))
    if before is None or before_open:
        bound = after if after_open else None
        halves.append(_selected(select, listing, listed, among_open(keys), bound, before, OPEN.column))
    if listing.from_end:
        halves.reverse()
    if len(halves) == 2:
        enough = listed.name(listing.limit + 1 + listing.offset)
        return " union all ".join(f"({half} limit {enough})" for half in halves)
    return halves[0] if halves else f"{select} where {listed.all} and false"


def _is_open(position: Position | None) -> bool:
    return position is not None and position.close_time is None


def _selected(
    select: str,
    listing: Listing,
    listed: Conditions,
    keys: Sequence[Key],
    after: Position | None,
    before: Position | None,
    only: str = "true",
) -> str:
    conditions = listed.within()
    conditions.add(listed.all)
    conditions.add(only)
    if after is not None:
        behind(conditions, keys, after)
    if before is not None:
        behind(conditions, reverse(keys), before)
    return f"{select} {conditions.where} order by {order_by(reverse(keys) if listing.from_end else keys)}"
