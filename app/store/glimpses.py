"""Windows of lists as they are read: rows with a few columns, and pages of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from app.model import Glimpse, Page
from app.store.database import Row
from app.store.listing import Listing

T = TypeVar("T")


class GlimpseRow(Row, Glimpse):
    """The columns of a run that were selected."""

    __slots__ = ()


def page_of(listing: Listing, found: Sequence[T]) -> Page[T]:
    """The window of what was read for it, which is one longer where there is more."""
    more = len(found) > listing.limit
    items = list(found[: listing.limit])
    if listing.from_end:
        items.reverse()
    return Page(
        items=tuple(items),
        has_next=listing.before is not None if listing.from_end else more,
        has_previous=more if listing.from_end else listing.after is not None or listing.offset > 0,
    )
