"""`dataclasses.replace` for the two values that a fold changes with nearly every event, at half the cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from app.model import Activity, TimelineItem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


def _evolver(kind: type[T]) -> Callable[..., T]:
    names = [field.name for field in fields(kind)]
    values_of, place_of = attrgetter(*names), {name: place for place, name in enumerate(names)}

    def evolve(value: T, **changes: Any) -> T:
        values = list(values_of(value))
        for name, change in changes.items():
            values[place_of[name]] = change
        return kind(*values)

    return evolve


evolve_activity = _evolver(Activity)
evolve_item = _evolver(TimelineItem)
