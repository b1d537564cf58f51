"""What is measured of every subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app import metrics
from app.model import Gap


class Delivered:
    """Measures the lag of what happened after the subscription began; what is replayed is late on purpose."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._lag = metrics.DELIVERY_LAG.labels(field)
        self._newest = datetime.now(UTC)

    def __call__(self, happened: datetime | None, gap: Gap | None = None) -> None:
        if gap is not None:
            metrics.GAPS.labels(self._field).inc()
        if happened is not None and happened > self._newest:
            self._newest = happened
            self._lag.observe(max(0.0, (datetime.now(UTC) - happened).total_seconds()))


@asynccontextmanager
async def followed(field: str, *, resumed: bool = False) -> AsyncIterator[Delivered]:
    """Count a subscription while it lasts; `resumed` where it goes on behind a cursor."""
    if resumed:
        metrics.REPLAYS.labels(field).inc()
    with metrics.SUBSCRIPTIONS.labels(field).track_inprogress():
        yield Delivered(field)
