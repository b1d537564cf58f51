"""Every order, walked both ways, against the same order in Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model import Execution, WorkflowStatus
from app.store import Database, Executions, Filter, Listing, Position
from app.store.listing import Direction, Order, OrderField
from tests.integration.test_store_executions import NOON, closed, execution

ASC, DESC = Direction.ASC, Direction.DESC
START, CLOSE, DURATION, TYPE, STATUS = OrderField

ORDERS: tuple[tuple[Order, ...], ...] = (
    (),
    *((Order(field, direction),) for field in OrderField for direction in Direction),
    (Order(TYPE, ASC), Order(DURATION, DESC)),
    (Order(TYPE, DESC), Order(CLOSE, ASC)),
    (Order(STATUS, DESC), Order(START, ASC)),
    (Order(DURATION, ASC), Order(TYPE, DESC)),
    (Order(DURATION, DESC), Order(CLOSE, DESC), Order(START, DESC)),
    (Order(START, ASC), Order(STATUS, ASC)),
)


def named(order: Sequence[Order]) -> str:
    return " ".join(f"{each.field}-{each.direction}" for each in order) or "default"


def sorted_by(rows: Sequence[Execution], order: Sequence[Order]) -> list[Execution]:
    """By one stable sort for each key, the last key first."""
    fields = {each.field for each in order}
    tie: tuple[Order, ...] = () if START in fields else (Order(START, DESC),)
    start = next((each for each in order if each.field is START), Order(START, DESC))
    found = sorted(rows, key=lambda row: row.run_id, reverse=start.direction is DESC)
    values: dict[OrderField, Callable[[Execution], Any]] = {
        START: lambda row: row.start_time,
        CLOSE: lambda row: row.close_time or NOON,
        DURATION: lambda row: (row.close_time or row.start_time) - row.start_time,
        TYPE: lambda row: row.workflow_type,
        STATUS: lambda row: row.status.value,
    }
    for each in reversed((*order, *tie)):
        found.sort(key=values[each.field], reverse=each.direction is DESC)
        if each.field in {CLOSE, DURATION}:
            found.sort(key=lambda row: row.close_time is None)
    return found


def rows() -> list[Execution]:
    """Runs of which many are alike in some key, and a third are open."""
    chance = random.Random(7)
    made = []
    for number in range(60):
        row = execution(
            f"w-{number}",
            workflow_type=chance.choice(["A", "B", "b"]),
            start_time=NOON + timedelta(microseconds=chance.randrange(5) * 333_333),
        )
        if chance.random() < 0.66:
            row = closed(row)
            lasted = timedelta(microseconds=chance.randrange(4) * 123_457)
            row = replace(row, close_time=row.start_time + lasted, status=chance.choice(list(WorkflowStatus)[2:]))
        made.append(row)
    return made


@pytest.mark.parametrize("order", ORDERS, ids=named)
async def test_an_order_is_walked_both_ways(runs: Executions, db: Database, order: tuple[Order, ...]) -> None:
    made = rows()
    await runs.record(made)
    expected = [row.workflow_id for row in sorted_by(made, order)]
    before = db.statements

    walked: list[str] = []
    after: Position | None = None
    while True:
        page = await runs.page(Listing(limit=7, after=after, order=order))
        walked += [row.workflow_id for row in page.items]
        after = Position.of(page.items[-1])
        if not page.has_next:
            break
    assert walked == expected
    assert db.statements == before + 9

    backwards: list[str] = []
    ahead: Position | None = None
    while True:
        page = await runs.page(Listing(limit=7, before=ahead, from_end=True, order=order))
        backwards = [*(row.workflow_id for row in page.items), *backwards]
        ahead = Position.of(page.items[0])
        if not page.has_previous:
            break
    assert backwards == expected


@pytest.mark.parametrize("order", ORDERS, ids=named)
async def test_windows_within_an_order(runs: Executions, order: tuple[Order, ...]) -> None:
    made = rows()
    await runs.record(made)
    expected = sorted_by(made, order)
    for offset in (0, 3, 35, 55, 70):
        page = await runs.page(Listing(limit=10, offset=offset, order=order))
        assert list(page.items) == expected[offset : offset + 10]
        assert page.has_next == (offset + 10 < 60)
        assert page.has_previous == (offset > 0)
    for first, last in ((2, 20), (30, 50), (45, 58)):
        listing = Listing(after=Position.of(expected[first]), before=Position.of(expected[last]), order=order)
        assert list((await runs.page(listing)).items) == expected[first + 1 : last]
    crossed = Listing(after=Position.of(expected[58]), before=Position.of(expected[2]), order=order)
    assert (await runs.page(crossed)).items == ()


async def test_an_order_goes_with_a_filter(runs: Executions) -> None:
    made = rows()
    await runs.record(made)
    filter_ = Filter(any=(Filter(workflow_types=("A",)), Filter(statuses=(WorkflowStatus.RUNNING,))))
    order = (Order(DURATION, ASC),)
    wanted = [row for row in made if row.workflow_type == "A" or row.status is WorkflowStatus.RUNNING]
    page = await runs.page(Listing(filter_, limit=100, order=order))
    assert list(page.items) == sorted_by(wanted, order)


@pytest.mark.parametrize("field", [CLOSE, DURATION])
@pytest.mark.parametrize("direction", list(Direction))
async def test_a_page_by_close_or_duration_reads_an_index(
    runs: Executions, db: Database, field: OrderField, direction: Direction
) -> None:
    made = [closed(execution(f"w-{n}", start_time=NOON + timedelta(seconds=n % 97))) for n in range(2000)]
    lasted = (timedelta(seconds=n) for n in range(2000))
    await runs.record([replace(row, close_time=row.start_time + span) for row, span in zip(made, lasted, strict=True)])
    await db.execute("analyze executions")
    read = "select idx_tup_read from pg_stat_user_indexes where indexrelname = $1"
    name = "executions_by_close" if field is CLOSE else "executions_by_duration"
    async with db.connection() as connection:
        before = await connection.fetchval(read, name)
        await runs.page(Listing(limit=10, order=(Order(field, direction),)))
        await connection.execute("select pg_stat_force_next_flush()")
        after = await connection.fetchval(read, name)
    assert after - before > 0
