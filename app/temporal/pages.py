"""Lists that Temporal gives in pages, walked across namespaces and continued from any item.

Temporal's tokens lie between its pages; a `Place` also lies between the items of one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import BadUserInput
from app.temporal.connection import NotSupported

T = TypeVar("T")
Read = Callable[[str, int, bytes], Awaitable[tuple[Sequence[T], bytes]]]
"""Namespace, page size and token in; the items and the token behind them, empty at the end."""

MOST_LOOKED_THROUGH = 10_000
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: in this namespace, on the page behind the token, behind the item `last`."""

    namespace: str
    token: bytes = b""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """Some items, each with the place behind it."""

    items: tuple[tuple[T, Place], ...]
    has_next: bool


@dataclass(frozen=True)
class Walk(Generic[T]):
    """A list over `namespaces` in order: how a page of it is read, what names an item, and which items belong."""

    namespaces: Sequence[str]
    read: Read[T]
    key: Callable[[T], str]
    belongs: Callable[[T], bool] = lambda _: True

    async def page(self, limit: int, after: Place | None) -> Listed[T]:
        """At most `limit` items behind a place. Items made or removed meanwhile may shift what is on a page: one
        may come twice, none is left out. BadUserInput for a place in a namespace that is not of the list."""
        found: list[tuple[T, Place]] = []
        async with aclosing(self._items(lambda: max(limit - len(found), 1), after)) as items:
            async for item in items:
                if len(found) == limit:
                    return Listed(tuple(found), has_next=True)
                found.append(item)
        return Listed(tuple(found), has_next=False)

    async def count(self) -> int:
        """How many there are, by walking them all."""
        async with aclosing(self._items(lambda: LARGEST_PAGE, None)) as items:
            return sum([1 async for _ in items])

    async def _items(self, size: Callable[[], int], after: Place | None) -> AsyncGenerator[tuple[T, Place], None]:
        """Every item behind a place with the place behind it; `size` says how many are still wanted."""
        place = after or Place(self.namespaces[0])
        if place.namespace not in self.namespaces:
            raise BadUserInput(
                "after lies in a namespace that is not served any more: begin the list again.", path=("after",)
            )
        seen = 0
        following = list(self.namespaces[self.namespaces.index(place.namespace) :])
        while following:
            # The page that the place lies in may have been a larger one.
            asked = LARGEST_PAGE if place.last else size()
            items, token = await self.read(place.namespace, asked, place.token)
            if not token:
                following.pop(0)
            behind_page = Place(place.namespace, token) if token else Place(following[0]) if following else None
            for item, behind in self._placed(items, place, behind_page):
                if self.belongs(item):
                    yield item, behind
            if behind_page is None:
                return
            place = behind_page
            seen += len(items)
            if seen > MOST_LOOKED_THROUGH:
                raise BadUserInput(f"More than {MOST_LOOKED_THROUGH} items were looked through: narrow the list.")

    def _placed(self, items: Sequence[T], place: Place, behind_page: Place | None) -> list[tuple[T, Place]]:
        """The items of a page behind `place`, each with the place behind it."""
        keys = [self.key(item) for item in items]
        start = keys.index(place.last) + 1 if place.last in keys else 0
        placed = [
            (item, Place(place.namespace, place.token, key))
            for item, key in zip(items[start:], keys[start:], strict=True)
        ]
        if placed and behind_page is not None:
            placed[-1] = (placed[-1][0], behind_page)
        return placed


def needs(error: NotSupported, what: str, version: str) -> NotSupported:
    """The same refusal with what it means: which of Temporal's offers is missing, and since when there is one."""
    return NotSupported(f"{what} need Temporal server {version} or newer. {error.message}")
