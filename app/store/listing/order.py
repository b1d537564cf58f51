"""In which order a list is, and where a run stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.store.listing.conditions import Conditions
    from app.store.listing.window import Position


class OrderField(StrEnum):
    START_TIME = "START_TIME"
    CLOSE_TIME = "CLOSE_TIME"
    DURATION = "DURATION"
    TYPE = "TYPE"
    STATUS = "STATUS"


class Direction(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order. Runs that are alike in every key stand newest start first, then by run id.

    Whatever the direction, open runs stand behind closed ones where close time or duration is the key.
    """

    field: OrderField = OrderField.START_TIME
    direction: Direction = Direction.DESC


@dataclass(frozen=True, slots=True)
class Key:
    """A column to sort by."""

    column: str
    descending: bool

    def value(self, conditions: Conditions, position: Position) -> str:
        """What the run at the position has there, in SQL."""
        match self.column:
            case "duration":
                # By the column's own arithmetic, so that the run compares equal with itself.
                close = conditions.name(position.close_time)
                start = conditions.name(position.start_time)
                return f"extract(epoch from {close}::timestamptz - {start}::timestamptz)::double precision"
            case OPEN.column:
                return str(position.close_time is None).lower()
            case column:
                return conditions.name(getattr(position, column))


_COLUMNS = {
    OrderField.START_TIME: "start_time",
    OrderField.CLOSE_TIME: "close_time",
    OrderField.DURATION: "duration",
    OrderField.TYPE: "workflow_type",
    OrderField.STATUS: "status",
}
OPEN = Key("(close_time is null)", descending=False)
OF_CLOSED = {"close_time", "duration"}
"""Columns that have no value while a run is open."""


def keys_of(order: Sequence[Order]) -> list[Key]:
    """The columns of an order, up to the run id, by which it is total."""
    keys: dict[str, Key] = {}
    for each in order:
        column = _COLUMNS[each.field]
        if column in OF_CLOSED:
            keys.setdefault(OPEN.column, OPEN)
        keys.setdefault(column, Key(column, each.direction is Direction.DESC))
    start = keys.setdefault("start_time", Key("start_time", descending=True))
    keys["run_id"] = Key("run_id", start.descending)
    return list(keys.values())


def among_closed(keys: Sequence[Key]) -> list[Key]:
    return [key for key in keys if key != OPEN]


def among_open(keys: Sequence[Key]) -> list[Key]:
    return [key for key in keys if key != OPEN and key.column not in OF_CLOSED]


def reverse(keys: Sequence[Key]) -> list[Key]:
    return [replace(key, descending=not key.descending) for key in keys]


def order_by(keys: Sequence[Key]) -> str:
    return ", ".join(f"{key.column} {'desc' if key.descending else 'asc'}" for key in keys)


def behind(conditions: Conditions, keys: Sequence[Key], position: Position) -> None:
    """Restrict to the runs that stand behind the position.

    Nobody's missing value takes part: where the position is an open run, the columns of closed ones are alike.
    """
    if position.close_time is None:
        keys = [key for key in keys if key.column not in OF_CLOSED]
    values = [key.value(conditions, position) for key in keys]
    if len({key.descending for key in keys}) == 1:
        sign = "<" if keys[0].descending else ">"
        conditions.add(f"({', '.join(key.column for key in keys)}) {sign} ({', '.join(values)})")
        return
    signs = ["<" if key.descending else ">" for key in keys]
    alternatives = []
    for at, (key, sign, value) in enumerate(zip(keys, signs, values, strict=True)):
        alike = [f"{same.column} = {its}" for same, its in zip(keys[:at], values[:at], strict=True)]
        alternatives.append(" and ".join([*alike, f"{key.column} {sign} {value}"]))
    conditions.add(f"({' or '.join(alternatives)})")
    if keys[0] != OPEN:
        # Said apart, since an index can begin there.
        conditions.add(f"{keys[0].column} {signs[0]}= {values[0]}")
