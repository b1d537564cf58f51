"""The activities of a price synchronisation, bound to the connections of their worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.workflows.beating import beating, beats
from app.workflows.failures import not_found_error, unavailable_error
from app.workflows.outbound import Connections
from app.workflows.price_sync.destination import Destination, PostgresDestination, open_destination
from app.workflows.price_sync.model import PriceSyncInput, SyncPosition, Written
from app.workflows.price_sync.source import Source, open_source
from app.workflows.price_sync.workflow import COUNT, SYNC, VERIFY
from app.workflows.systems import postgres_system

_NOTHING = Written(created=0, updated=0, unchanged=0)


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    """What a worker registers."""
    bound = PriceActivities(connections)
    return (bound.count_prices, bound.sync_prices, bound.verify_prices)


class PriceActivities:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @activity.defn(name=COUNT)
    @beats
    async def count_prices(self, request: PriceSyncInput) -> int | None:
        """Prices of the plan at the source; None where the source does not tell."""
        async with open_source(request, self._connections) as source:
            count = await source.count()
        if count == 0:
            raise _no_prices(request)
        return count

    @activity.defn(name=SYNC)
    async def sync_prices(self, request: PriceSyncInput, expected: int | None) -> SyncPosition:
        """Bring every price over. A new attempt goes on behind the last page that a heartbeat has told of.

        A page in hand when a worker dies is done again, and its line items then count as unchanged. Cancelled
        by its workflow, it answers with an unfinished position.
        """
        sync = _Sync(request, expected, _last_position())
        try:
            async with (
                beating(sync.beat),
                open_source(request, self._connections) as source,
                open_destination(request, self._connections) as destination,
            ):
                while not sync.position.finished:
                    await sync.page(source, destination)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details and details.worker_shutdown:
                # As a failure, since Temporal then hears the last heartbeat; a cancellation would drop it.
                raise unavailable_error("The worker left; another one goes on.") from None
            if details is None or not details.cancel_requested:
                raise
        if sync.position.finished and sync.position.prices == 0:
            raise _no_prices(request)
        return sync.position

    @activity.defn(name=VERIFY)
    @beats
    async def verify_prices(self, request: PriceSyncInput) -> int:
        """Line items of the plan that a Postgres destination holds now."""
        async with postgres_system(self._connections, request.destination.connection or "") as system:
            return await PostgresDestination(system, request).held()


class _Sync:
    """One attempt: its place, and how it tells of it."""

    def __init__(self, request: PriceSyncInput, expected: int | None, position: SyncPosition) -> None:
        self._request = request
        self._expected = expected
        self.position = position
        # A slow pace takes small steps, so that progress moves every second.
        rate = request.rate_limit
        self._limit = request.page_size if rate is None else min(request.page_size, max(1, int(rate)))

    async def page(self, source: Source, destination: Destination) -> None:
        started = asyncio.get_running_loop().time()
        page = await source.page(self.position.cursor, self._limit)
        if page.prices:
            written = await destination.upsert(page.prices)
            self.position = self.position.after(page, written)
        else:
            self.position = self.position.after(page, _NOTHING)
        self.beat()
        if self._request.rate_limit is not None and not self.position.finished:
            due = started + len(page.prices) / self._request.rate_limit
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    def beat(self) -> None:
        done, expected = self.position.prices, self._expected
        activity.heartbeat(
            {
                "percent": min(100.0, round(100.0 * done / expected, 1)) if expected else None,
                "step": "sync",
                "message": f"{done}{'' if expected is None else f' of {expected}'} prices",
                "completed": done,
                "total": expected,
                "position": asdict(self.position),
            }
        )


def _last_position() -> SyncPosition:
    """Where the attempt before this one was last heard of."""
    for detail in activity.info().heartbeat_details:
        if isinstance(detail, dict) and isinstance(detail.get("position"), dict):
            return SyncPosition(**detail["position"])
    return SyncPosition()


def _no_prices(request: PriceSyncInput) -> ApplicationError:
    return not_found_error(
        f"Plan {request.plan_id!r} has no prices in environment {request.environment_id!r} of tenant "
        f"{request.tenant_id!r}: check the three names."
    )
