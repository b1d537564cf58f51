"""What subscriptions send, and the cursors that they carry."""

from __future__ import annotations

import strawberry

from app import model
from app.api.context import Context, Info
from app.api.scalars import Cursor
from app.api.types.event import EventValue, HistoryEvent
from app.api.types.execution import WorkflowExecution
from app.api.types.progress import Progress
from app.cursors import seal, unseal
from app.hub import EventStep, ProgressStep, StateStep
from app.model import WorkflowStatus

_KIND = "run"


@strawberry.type(description="The log behind the given cursor is gone: what was between is lost.")
class Gap:
    reason: str = strawberry.field(description="A sentence for a person.")
    resumed_at: Cursor = strawberry.field(description="Where the stream goes on.")


@strawberry.type(description="Progress of a run at one moment.")
class ProgressUpdate:
    cursor: Cursor
    execution: WorkflowExecution = strawberry.field(description="The run as it is now.")
    progress: Progress
    status: WorkflowStatus
    gap: Gap | None = strawberry.field(description="Only on a first update that could not go on behind its cursor.")


@strawberry.type(description="One event of a run, or of a run that continues it.")
class EventUpdate:
    step: strawberry.Private[EventStep]
    cursor: Cursor
    event: HistoryEvent | None = strawberry.field(description="Null only where `gap` is not.")
    run_id: strawberry.ID
    gap: Gap | None = strawberry.field(description="Where the log behind the given cursor is gone.")

    @strawberry.field(description="Whether nothing can follow: the last run has closed with this event.")
    async def is_last(self, info: Info) -> bool:
        return await info.context.gateway.watching.is_last(self.step)


def progress_update(step: ProgressStep, context: Context) -> tuple[ProgressUpdate, str]:
    known(step.view, context)
    cursor = sealed(step.cursor)
    update = ProgressUpdate(
        cursor=cursor,
        execution=step.view.execution,  # type: ignore[arg-type]
        progress=step.progress,  # type: ignore[arg-type]
        status=step.status,
        gap=gap_of(step.gap),
    )
    return update, cursor


def event_update(step: EventStep) -> tuple[EventUpdate, str]:
    cursor = sealed(step.cursor)
    update = EventUpdate(
        step=step,
        cursor=cursor,
        event=_event(step),  # type: ignore[arg-type]
        run_id=strawberry.ID(step.ref.run_id),
        gap=gap_of(step.gap),
    )
    return update, cursor


def _event(step: EventStep) -> EventValue | None:
    if step.event is None:
        return None
    return EventValue(step.event, None, step.row) if step.row else EventValue(step.event, step.projection, step.ref)


def state(step: StateStep, context: Context) -> tuple[model.Execution, None]:
    known(step.view, context)
    return step.view.execution, None


def known(view: model.RunView, context: Context) -> None:
    """What is nested in an update is read of its own moment."""
    context.renew()
    context.loaders.know(view)


def gap_of(gap: model.Gap | None) -> Gap | None:
    return Gap(reason=gap.reason, resumed_at=sealed(gap.resumed_at)) if gap else None


def sealed(cursor: model.Cursor) -> Cursor:
    return Cursor(seal(_KIND, cursor))


def opened(after: str | None) -> model.Cursor | None:
    return unseal(_KIND, model.Cursor, after, argument="after") if after is not None else None
