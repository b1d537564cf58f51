from __future__ import annotations

from datetime import UTC, datetime

from app.hub.ring import Batch, Ring
from app.model import Change, ChangeCursor, ChangeKind, ExecutionRef

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def batch(after: int, *positions: int) -> Batch:
    entries = [Change(each, ChangeKind.UPDATED, ExecutionRef("n", "w", "r"), NOON, xid=1) for each in positions]
    return Batch(ChangeCursor(1, after), tuple(entries))


def at(position: int) -> ChangeCursor:
    return ChangeCursor(1, position)


def test_an_empty_ring_is_at_its_head() -> None:
    ring = Ring(at(5), 10)
    assert (ring.floor, ring.head, ring.behind(at(5)), ring.behind(at(9))) == (at(5), at(5), None, None)


def test_everybody_at_a_place_gets_the_same_batch() -> None:
    ring = Ring(at(5), 10)
    first, second = batch(5, 6, 8), batch(8, 9)
    ring.add(first)
    ring.add(second)
    assert [ring.behind(at(place)) for place in (5, 6, 7, 8, 9)] == [first, first, first, second, None]
    assert (ring.floor, ring.head) == (at(5), at(9))


def test_the_oldest_are_let_go_but_never_the_newest() -> None:
    ring = Ring(at(0), 4)
    for start in (0, 2, 4):
        ring.add(batch(start, start + 1, start + 2))
    assert (ring.floor, ring.head) == (at(2), at(6))
    large = batch(6, *range(7, 17))
    ring.add(large)
    assert (ring.floor, ring.behind(at(6))) == (at(6), large)
