"""Relay connections: over pages of a list in Postgres, and over what a run holds in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import strawberry

from app.api.compiled import reads
from app.api.scalars import Cursor
from app.cursors import seal, unseal
from app.errors import BadUserInput

T = TypeVar("T")
MAX_LIST = 100
DEFAULT_LIST = 50
MAX_PARTS = 1000
DEFAULT_PARTS = 100


PLACE = reads("start_time", "run_id", "close_time", "workflow_type", "status")
"""What the cursor of a run is made of."""


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(metadata=reads())
    has_previous_page: bool = strawberry.field(metadata=reads())
    start_cursor: Cursor | None = strawberry.field(metadata=PLACE)
    end_cursor: Cursor | None = strawberry.field(metadata=PLACE)


@dataclass(frozen=True, slots=True)
class EdgeValue(Generic[T]):
    node: T
    cursor: str


class Edges(Sequence[EdgeValue[T]]):
    """Items with their places: most pages are read without their cursors, so each is sealed when it is asked for."""

    def __init__(self, nodes: Sequence[T], kind: Callable[[], str], place: Callable[[T], object]) -> None:
        self.nodes = nodes
        self._kind = kind
        self._place = place

    def __len__(self) -> int:
        return len(self.nodes)

    @overload
    def __getitem__(self, index: int) -> EdgeValue[T]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[EdgeValue[T]]: ...

    def __getitem__(self, index: int | slice) -> EdgeValue[T] | Sequence[EdgeValue[T]]:
        if isinstance(index, slice):
            return Edges(self.nodes[index], self._kind, self._place)
        node = self.nodes[index]
        return EdgeValue(node, seal(self._kind(), self._place(node)))


@dataclass(frozen=True, slots=True)
class ConnectionValue(Generic[T]):
    """A page with its cursors; the count is asked for only when it is selected."""

    edges: Sequence[EdgeValue[T]]
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]]
    end: str | None = None
    """Where the next page begins, where that is not behind the last edge."""
    is_estimate: Callable[[], Awaitable[bool]] | None = None
    """Whether `count` is one; None where it never is."""

    @property
    def nodes(self) -> Sequence[T]:
        if isinstance(self.edges, Edges):
            return self.edges.nodes
        return [edge.node for edge in self.edges]

    @property
    def page_info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self.has_next,
            has_previous_page=self.has_previous,
            start_cursor=Cursor(self.edges[0].cursor) if self.edges else None,
            end_cursor=self._end,
        )

    @property
    def _end(self) -> Cursor | None:
        last = self.edges[-1].cursor if self.edges else None
        return Cursor(self.end) if self.end is not None else Cursor(last) if last is not None else None


@strawberry.type
class Connection:
    """What every connection has besides its nodes and edges."""

    page_info: PageInfo

    @strawberry.field(description="How many there are in all; counted only when selected.", metadata=reads())
    @staticmethod
    async def total_count(root: strawberry.Parent[ConnectionValue[Any]]) -> int:
        return await root.count()


def size(first: int | None, *, default: int, most: int, argument: str = "first") -> int:
    """How many a client asks for, or BadUserInput."""
    if first is None:
        return default
    if first < 0:
        raise BadUserInput(f"{argument} cannot be {first}: it counts items.", path=(argument,))
    if first > most:
        raise BadUserInput(f"{argument} cannot be {first}: at most {most} are given at once.", path=(argument,))
    return first


def parts(
    kind: Callable[[], str],
    items: Sequence[T],
    key: Callable[[T], int | str],
    first: int | None,
    after: str | None,
) -> ConnectionValue[T]:
    """A page of what a run holds; its cursors name the item's key, so that they hold while the run goes on."""
    limit = size(first, default=DEFAULT_PARTS, most=MAX_PARTS)
    start = 0
    if after is not None:
        place = unseal(kind(), str, after, argument="after")
        start = next((index + 1 for index, item in enumerate(items) if str(key(item)) == place), len(items))
    page = items[start : start + limit]
    total = len(items)

    async def count() -> int:
        return total

    return ConnectionValue(
        edges=Edges(page, kind, lambda item: str(key(item))),
        has_next=start + limit < total,
        has_previous=start > 0,
        count=count,
    )
