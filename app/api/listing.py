"""Lists of runs: from Relay's arguments to a window, and from a window to a connection."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from functools import partial
from typing import Any

import msgspec

from app.access import Identity
from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, Edges, size
from app.cursors import unseal
from app.errors import BadUserInput
from app.gateway.reading.listing import Lists
from app.model import Page
from app.store.listing import Count, Filter, Listing, Order, Position

MAX_OFFSET = 10_000


def listing_of(
    filter_: Filter,
    order: tuple[Order, ...],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    offset: int | None = None,
) -> Listing:
    """The window that the arguments describe, or BadUserInput."""
    if first is not None and last is not None:
        raise BadUserInput("first and last cannot both be given: choose one end of the list.", path=("last",))
    backwards = last is not None
    kind = cursor_kind(filter_, order) if after is not None or before is not None else ""
    return Listing(
        filter=filter_,
        order=order,
        limit=size(
            last if backwards else first,
            default=DEFAULT_LIST,
            most=MAX_LIST,
            argument="last" if backwards else "first",
        ),
        after=unseal(kind, Position, after, argument="after") if after is not None else None,
        before=unseal(kind, Position, before, argument="before") if before is not None else None,
        from_end=backwards,
        offset=_offset(offset, alone=after is None and before is None and not backwards),
    )


def _offset(offset: int | None, *, alone: bool) -> int:
    if offset is None:
        return 0
    if not alone:
        raise BadUserInput(
            "offset counts from the beginning of the list: give it with first alone, or page by cursors without it.",
            path=("offset",),
        )
    if not 0 <= offset <= MAX_OFFSET:
        raise BadUserInput(
            f"offset cannot be {offset}: it is 0 to {MAX_OFFSET}. Page by cursors to go further.", path=("offset",)
        )
    return offset


def cursor_kind(filter_: Filter, order: tuple[Order, ...]) -> str:
    """Cursors belong to their list: in one with another filter or order they would point nowhere."""
    asked = msgspec.json.encode((filter_, order), order="sorted")
    return "workflows " + hashlib.blake2b(asked, digest_size=6).hexdigest()


async def connection(
    lists: Lists, identity: Identity, listing: Listing, attributes: Collection[str] | None = None
) -> ConnectionValue[Any]:
    """The window as a connection; it is counted when that is asked for, once. Its runs have these attributes, else
    all."""
    page: Page[Any] = (
        await lists.page(identity, listing)
        if attributes is None
        else await lists.glimpses(identity, listing, attributes)
    )
    total = Total(lists, identity, listing.filter)
    return ConnectionValue(
        edges=Edges(page.items, partial(cursor_kind, listing.filter, listing.order), Position.of),
        has_next=page.has_next,
        has_previous=page.has_previous,
        count=total.value,
        is_estimate=total.is_estimate,
    )


class Total:
    """How many a list has, counted once for all fields that tell of it."""

    def __init__(self, lists: Lists, identity: Identity, filter_: Filter) -> None:
        self._lists = lists
        self._identity = identity
        self._filter = filter_
        self._counting = asyncio.Lock()
        self._count: Count | None = None

    async def value(self) -> int:
        return (await self._counted()).value

    async def is_estimate(self) -> bool:
        return (await self._counted()).is_estimate

    async def _counted(self) -> Count:
        async with self._counting:
            if self._count is None:
                self._count = await self._lists.count(self._identity, self._filter)
            return self._count
