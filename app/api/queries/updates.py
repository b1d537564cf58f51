"""Streams a page at a time, for clients that neither WebSockets nor streams reach."""

from __future__ import annotations

import strawberry

from app import metrics
from app.api.context import Info
from app.api.scalars import Cursor
from app.api.types.update import EventUpdate, event_update, opened


@strawberry.type
class UpdateQuery:
    @strawberry.field(
        description=(
            "What workflowEvents gives, by long poll: up to 500 events behind `after`, else from the beginning. Answers"
            " at once where there are some, else as soon as one comes, and with none after waitSeconds (20 unless"
            " given; 0 to 25, or to four fifths of a request's deadline where that is less). Ask again behind the last"
            " cursor, until an update has isLast; behind that, none come at once."
        )
    )
    @staticmethod
    async def workflow_updates(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        after: Cursor | None = None,
        wait_seconds: float | None = None,
    ) -> list[EventUpdate]:
        context = info.context
        steps = await context.gateway.polling.events(
            context.identity, namespace, workflow_id, run_id, opened(after), wait_seconds
        )
        if any(step.gap for step in steps):
            metrics.GAPS.labels("workflowUpdates").inc()
        return [event_update(step)[0] for step in steps]
