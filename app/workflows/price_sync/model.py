"""What a price synchronisation is asked, what it reads and what it answers. Amounts are in minor units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Where the plan's prices are read. `http` needs `url`; `postgres` needs `connection` and `table`."""

    kind: Literal["http", "postgres"]
    url: str | None = None
    """An http or https URL; with `connection`, a path below the connection's URL, such as `/v1/prices`."""
    connection: str | None = None
    """The name under which the worker knows the system and its credentials; never the credentials."""
    table: str | None = None
    """The table of prices, as `schema.table`."""


@dataclass(frozen=True, slots=True)
class PriceDestination:
    """Where line items are written. `http` needs `url`; `postgres` needs `connection` and both tables."""

    kind: Literal["http", "postgres"]
    url: str | None = None
    """An http or https URL; with `connection`, a path below the connection's URL."""
    connection: str | None = None
    """The name under which the worker knows the system and its credentials; never the credentials."""
    table: str | None = None
    """The table of line items, as `schema.table`."""
    subscriptions: str | None = None
    """The table of subscriptions, as `schema.table`, in the same database."""


@dataclass(frozen=True, slots=True)
class PriceSyncInput:
    """Bring the prices of one plan to the line items of all active subscriptions on that plan.

    A price goes to the subscriptions that are billed in its currency and interval.
    """

    plan_id: str
    tenant_id: str
    environment_id: str
    source: PriceSource
    destination: PriceDestination
    page_size: int = 50
    """Prices read and written at a time, 1 to 1000."""
    rate_limit: float | None = None
    """At most this many prices a second, to spare the systems at both ends; None: as fast as they answer."""


@dataclass(frozen=True, slots=True)
class PriceSyncResult:
    """`total` line items are now as the plan says: so many created, updated, and found right already."""

    plan_id: str
    prices: int
    total: int
    created: int
    updated: int
    unchanged: int
    duration: float
    """Seconds from the start of the workflow."""


@dataclass(frozen=True, slots=True)
class Price:
    price_id: str
    amount: int
    currency: str
    """ISO 4217, as the source writes it."""
    interval: str
    """The billing interval, such as `month`."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PricePage:
    prices: tuple[Price, ...]
    next_cursor: str | None
    """None: this was the last page."""


@dataclass(frozen=True, slots=True)
class Written:
    """What happened to the line items of one page."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class SyncPosition:
    """How far a synchronisation has come: what a heartbeat keeps, and where the next attempt goes on."""

    cursor: str | None = None
    finished: bool = False
    prices: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def after(self, page: PricePage, written: Written) -> SyncPosition:
        return replace(
            self,
            cursor=page.next_cursor,
            finished=page.next_cursor is None,
            prices=self.prices + len(page.prices),
            created=self.created + written.created,
            updated=self.updated + written.updated,
            unchanged=self.unchanged + written.unchanged,
        )

    @property
    def total(self) -> int:
        """Line items."""
        return self.created + self.updated + self.unchanged
