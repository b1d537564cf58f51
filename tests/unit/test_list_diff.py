from __future__ import annotations

from dataclasses import replace

import pytest

from app.hub.list_diff import Difference, difference
from app.model import Execution
from tests.unit.test_indexer_writer import ROW


def run(name: str, length: int = 1) -> Execution:
    return replace(ROW, run_id=name, history_length=length)


A, B, C, D = (run(name) for name in "abcd")
A2, B2 = run("a", 2), run("b", 2)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ((), (), Difference()),
        ((A, B), (A, B), Difference()),
        ((), (A, B), Difference(entered=(A, B))),
        ((A, B), (), Difference(left=(A.ref, B.ref))),
        ((A, B), (B, A), Difference()),
        ((A, B), (A2, B), Difference(changed=(A2,))),
        ((A, B, C), (B2, A2, C), Difference(changed=(B2, A2))),
        ((A, B), (C, A), Difference(entered=(C,), left=(B.ref,))),
        ((A, B, C), (D, C, A2), Difference(entered=(D,), changed=(A2,), left=(B.ref,))),
    ],
)
def test_what_came_between(before: tuple[Execution, ...], now: tuple[Execution, ...], told: Difference) -> None:
    assert difference(before, now) == told
