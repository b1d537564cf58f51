"""What came between two windows of a list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.model import Execution, ExecutionRef


@dataclass(frozen=True, slots=True)
class Difference:
    """Each in the order of its window. A run that only moved is in none of them: the window's order tells."""

    entered: tuple[Execution, ...] = ()
    changed: tuple[Execution, ...] = ()
    left: tuple[ExecutionRef, ...] = ()


def difference(before: Sequence[Execution], now: Sequence[Execution]) -> Difference:
    known = {each.ref: each for each in before}
    refs = {each.ref for each in now}
    return Difference(
        entered=tuple(each for each in now if each.ref not in known),
        changed=tuple(each for each in now if each.ref in known and each != known[each.ref]),
        left=tuple(each.ref for each in before if each.ref not in refs),
    )
