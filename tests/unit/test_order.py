from __future__ import annotations

import pytest

from app.api.inputs.orders import WorkflowOrder, order_of
from app.errors import BadUserInput
from app.store.listing import Direction, Listing, Order, OrderField, window_of
from app.store.listing.order import keys_of, order_by


def sql(*order: Order) -> str:
    return order_by(keys_of(order))


def test_newest_first_is_the_default_order() -> None:
    assert sql() == "start_time desc, run_id desc"


def test_every_order_is_total() -> None:
    for field in OrderField:
        for direction in Direction:
            columns = [key.column for key in keys_of([Order(field, direction)])]
            assert columns[-1] == "run_id"
            assert "start_time" in columns


def test_a_start_in_the_order_decides_which_run_id_is_first() -> None:
    # So that the same index serves it backwards.
    assert sql(Order(OrderField.START_TIME, Direction.ASC)) == "start_time asc, run_id asc"


def test_several_keys_each_in_its_direction() -> None:
    order = [Order(OrderField.STATUS, Direction.ASC), Order(OrderField.START_TIME, Direction.ASC)]
    assert sql(*order) == "status asc, start_time asc, run_id asc"


def test_open_runs_stand_behind_closed_ones_in_both_directions() -> None:
    for direction in Direction:
        order = [Order(OrderField.DURATION, direction), Order(OrderField.CLOSE_TIME, direction)]
        expected = f"(close_time is null) asc, duration {direction.lower()}, close_time {direction.lower()}"
        assert sql(*order).startswith(expected)


def test_the_open_half_is_left_out_where_the_window_ends_before_it() -> None:
    order = (Order(OrderField.CLOSE_TIME),)
    assert " union all " in window_of(["run_id"], Listing(order=order))[0]


def test_a_field_is_named_once() -> None:
    with pytest.raises(BadUserInput) as raised:
        order_of([WorkflowOrder(field=OrderField.TYPE), WorkflowOrder(field=OrderField.TYPE)])
    assert raised.value.path == ("orderBy", 1, "field")
