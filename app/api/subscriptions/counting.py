"""What is counted of streams that go on behind a cursor."""

from __future__ import annotations

from app import metrics
from app.api.context import Info


def began(info: Info, field: str, *, resumed: bool) -> None:
    """A stream begins. One that this process itself goes on with, where its client noticed nothing, is not counted."""
    if resumed and not info.context.is_continued:
        metrics.REPLAYS.labels(field).inc()


def met(field: str, gap: object | None) -> None:
    """A step was made, in which the log may have had a gap."""
    if gap is not None:
        metrics.GAPS.labels(field).inc()
