"""In which order: the keys of a list."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from app.errors import BadUserInput
from app.store.listing import Direction, Order, OrderField

WorkflowOrderField: type[Enum] = strawberry.enum(
    OrderField,
    name="WorkflowOrderField",
    description=(
        "What runs are sorted by. CLOSE_TIME and DURATION, from start to close, put open runs behind closed ones in"
        " both directions. TYPE and STATUS sort by their names, byte by byte."
    ),
)
OrderDirection: type[Enum] = strawberry.enum(
    Direction,
    name="OrderDirection",
    description="ASC begins with the least, the earliest, the shortest; DESC with the greatest.",
)


@strawberry.input(description="One key of an order. Runs alike in all keys stand newest first, then by run id.")
class WorkflowOrder:
    field: OrderField
    direction: Direction = Direction.ASC


def order_of(keys: Sequence[WorkflowOrder] | None) -> tuple[Order, ...]:
    """The order as a value; BadUserInput where a field is given twice."""
    order = tuple(Order(each.field, each.direction) for each in keys or ())
    for at, each in enumerate(order):
        if each.field in {other.field for other in order[:at]}:
            raise BadUserInput(f"orderBy names {each.field} twice: each key once.", path=("orderBy", at, "field"))
    return order
