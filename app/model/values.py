"""Values that everything is made of: JSON, payloads, pages of lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
Json = Any
"""A value that JSON can carry."""


@overload
def milliseconds(start: datetime, end: datetime) -> float: ...


@overload
def milliseconds(start: datetime | None, end: datetime | None) -> float | None: ...


def milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    """How long something lasted; None unless both times are known."""
    return None if start is None or end is None else (end - start).total_seconds() * 1000


@dataclass(frozen=True, slots=True)
class Payload:
    """A value as Temporal stores it: still encoded, decoded only when somebody asks for it."""

    metadata: Mapping[str, bytes]
    data: bytes


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a list, in the list's order."""

    items: tuple[T, ...]
    has_next: bool = False
    has_previous: bool = False
