"""Following one run: its progress, its events, its state."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import strawberry

from app.api.context import Info
from app.api.scalars import Cursor
from app.api.sharing import Mark, Update
from app.api.subscriptions.counting import began, met
from app.api.types.execution import WorkflowExecution
from app.api.types.update import EventUpdate, ProgressUpdate, event_update, opened, progress_update, state


@strawberry.type
class RunSubscription:
    @strawberry.subscription(
        graphql_type=AsyncGenerator[ProgressUpdate, None],
        description=(
            "Progress now and whenever it changes, through the runs that continue this one; completes when the last"
            " has closed. Behind `after`, each durable change since is given in order. maxRate is in updates per"
            " second: faster ones are left out, never the last."
        ),
    )
    @staticmethod
    async def workflow_progress(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        after: Cursor | None = None,
        max_rate: float | None = None,
    ) -> AsyncGenerator[Update, None]:
        context, place = info.context, opened(info.context.resume or after)
        steps = context.gateway.watching.progress(context.identity, namespace, workflow_id, run_id, place, max_rate)
        began(info, "workflowProgress", resumed=place is not None)
        async with aclosing(steps):
            async for step in steps:
                met("workflowProgress", step.gap)
                yield Update(
                    step.cursor,
                    partial(progress_update, step, context),
                    mark=Mark(step.watch, step.number),
                    happened=step.view.projection.last_event_time,
                )

    @strawberry.subscription(
        graphql_type=AsyncGenerator[EventUpdate, None],
        description=(
            "Every event of the run's history in order, each once, then those of the runs that continue it;"
            " completes when the last has closed."
        ),
    )
    @staticmethod
    async def workflow_events(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        after: Cursor | None = None,
    ) -> AsyncGenerator[Update, None]:
        context, place = info.context, opened(info.context.resume or after)
        steps = context.gateway.watching.events(context.identity, namespace, workflow_id, run_id, place)
        began(info, "workflowEvents", resumed=place is not None)
        async with aclosing(steps):
            async for step in steps:
                met("workflowEvents", step.gap)
                mark = Mark(step.ref, step.cursor.event_id)
                yield Update(step.cursor, partial(event_update, step), mark=mark, happened=step.time)

    @strawberry.subscription(
        graphql_type=AsyncGenerator[WorkflowExecution, None],
        description=(
            "The run as it is now, again and whole when, and only when, something that is selected has changed;"
            " follows its chain and completes when the last run has closed. maxRate is in updates per second."
        ),
    )
    @staticmethod
    async def workflow(
        info: Info,
        workflow_id: str,
        run_id: strawberry.ID | None = None,
        namespace: str | None = None,
        max_rate: float | None = None,
    ) -> AsyncGenerator[Update, None]:
        context = info.context
        steps = context.gateway.watching.states(context.identity, namespace, workflow_id, run_id, max_rate)
        async with aclosing(steps):
            async for step in steps:
                mark = Mark(step.watch, step.version)
                happened = step.view.projection.last_event_time
                yield Update(mark, partial(state, step, context), is_state=True, mark=mark, happened=happened)
