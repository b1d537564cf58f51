"""The roots of watching. Every update carries a cursor; passing it as `after` goes on exactly behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import strawberry

from app import metrics, model
from app.api.context import Info
from app.api.scalars import Cursor
from app.api.types.event import EventValue, HistoryEvent
from app.api.types.execution import WorkflowExecution
from app.api.types.progress import Progress
from app.cursors import seal, unseal
from app.model import WorkflowStatus

_KIND = "run"


@strawberry.type(description="Progress of a run at one moment.")
class ProgressUpdate:
    cursor: Cursor
    execution: WorkflowExecution = strawberry.field(description="The run as it is now.")
    progress: Progress
    status: WorkflowStatus


@strawberry.type(description="One event of a run, or of a run that continues it.")
class EventUpdate:
    cursor: Cursor
    event: HistoryEvent
    run_id: strawberry.ID


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description=(
            "Progress now and whenever it changes, through the runs that continue this one; completes when the last"
            " has closed. Behind `after`, each durable change since is given in order. maxRate is in updates per"
            " second: faster ones are left out, never the last."
        )
    )
    @staticmethod
    async def workflow_progress(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        after: Cursor | None = None,
        max_rate: float | None = None,
    ) -> AsyncGenerator[ProgressUpdate, None]:
        context = info.context
        steps = context.gateway.watching.progress(
            context.identity, namespace, workflow_id, run_id, opened(context.resume or after), max_rate
        )
        async with aclosing(steps), counted("workflowProgress"):
            async for step in steps:
                context.renew()
                context.loaders.know(step.view)
                yield ProgressUpdate(
                    cursor=sealed(step.cursor),
                    execution=step.view.execution,  # type: ignore[arg-type]
                    progress=step.progress,  # type: ignore[arg-type]
                    status=step.status,
                )

    @strawberry.subscription(
        description=(
            "Every event of the run's history in order, each once, then those of the runs that continue it;"
            " completes when the last has closed."
        )
    )
    @staticmethod
    async def workflow_events(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        after: Cursor | None = None,
    ) -> AsyncGenerator[EventUpdate, None]:
        context = info.context
        place = opened(context.resume or after)
        steps = context.gateway.watching.events(context.identity, namespace, workflow_id, run_id, place)
        async with aclosing(steps), counted("workflowEvents"):
            async for step in steps:
                yield EventUpdate(
                    cursor=sealed(step.cursor),
                    event=EventValue(step.event, step.projection),  # type: ignore[arg-type]
                    run_id=strawberry.ID(step.ref.run_id),
                )


@asynccontextmanager
async def counted(field: str) -> AsyncGenerator[None, None]:
    with metrics.SUBSCRIPTIONS.labels(field).track_inprogress():
        yield


def sealed(cursor: model.Cursor) -> Cursor:
    return Cursor(seal(_KIND, cursor))


def opened(after: str | None) -> model.Cursor | None:
    return unseal(_KIND, model.Cursor, after, argument="after") if after is not None else None
