"""What subscriptions to lists, to the change feed and to alerts send."""

from __future__ import annotations

from enum import StrEnum

import strawberry

from app import model
from app.api.context import Context
from app.api.node import node_id_of
from app.api.scalars import Cursor
from app.api.types.alert import Alert
from app.api.types.execution import WorkflowExecution
from app.api.types.update import Gap
from app.cursors import seal, unseal
from app.gateway.seeing import shown
from app.gateway.watching.live_lists import ListStep
from app.hub.list_diff import Difference, difference
from app.hub.matches import AlertStep, RunStep
from app.model import AlertChangeKind, ChangeKind, LogPlace

_KIND = "changes"

strawberry.enum(
    ChangeKind, description="What happened to a run: UPDATED is any change of its row, CLOSED the one that closed it."
)
strawberry.enum(AlertChangeKind, description="What happened to an alert.")


@strawberry.enum(description="Whether a client begins anew with this update, or goes on from the one before.")
class ListUpdateKind(StrEnum):
    SNAPSHOT = "SNAPSHOT"
    CHANGE = "CHANGE"


@strawberry.type(description="One entry of the change log. All but cursor and gap is null where the log was cut.")
class ChangeUpdate:
    cursor: Cursor
    kind: ChangeKind | None
    namespace: str | None
    workflow_id: str | None
    run_id: strawberry.ID | None
    execution: WorkflowExecution | None = strawberry.field(
        description="The run as it was when the entry was read, which may be newer than the entry; null where deleted."
    )
    gap: Gap | None = strawberry.field(description="Where the log behind the given cursor is gone.")


@strawberry.type(description="One change of an alert. All but cursor and gap is null where the log was cut.")
class AlertUpdate:
    cursor: Cursor
    kind: AlertChangeKind | None
    alert: Alert | None = strawberry.field(description="The alert as it was when the entry was read.")
    gap: Gap | None = strawberry.field(description="Where the log behind the given cursor is gone.")


@strawberry.type(description="A list as it is now, and what came since the last update.")
class WorkflowListUpdate:
    cursor: Cursor = strawberry.field(
        description="A place of the change log that this update has surely seen: workflowChanges goes on behind it."
    )
    kind: ListUpdateKind
    nodes: list[WorkflowExecution] = strawberry.field(description="The whole window in its order, now.")
    entered: list[WorkflowExecution] = strawberry.field(
        description="Runs that the update before did not have; empty in a snapshot."
    )
    changed: list[WorkflowExecution] = strawberry.field(
        description="Runs that the update before had too, and that say something else now."
    )
    left: list[strawberry.ID] = strawberry.field(
        description="Ids of the runs that the window no longer has: gone, no longer of the filter, or pushed out."
    )
    total_count: int = strawberry.field(
        description="How many runs the filter has; counted, and told when it alone has changed, only where selected."
    )
    total_count_is_estimate: bool = strawberry.field(description="As in the connection of the query.")


COUNTS = frozenset({"totalCount", "totalCountIsEstimate"})
"""The fields that need the number of all."""


def change_update(step: RunStep, context: Context) -> tuple[ChangeUpdate, str]:
    context.renew()
    cursor, change = sealed(step.place), step.change
    update = ChangeUpdate(
        cursor=cursor,
        kind=change.kind if change else None,  # type: ignore[arg-type]
        namespace=change.ref.namespace if change else None,
        workflow_id=shown(change.ref.workflow_id) if change else None,
        run_id=strawberry.ID(change.ref.run_id) if change else None,
        execution=step.subject,  # type: ignore[arg-type]
        gap=_gap(step.gap, cursor),
    )
    return update, cursor


def alert_update(step: AlertStep, context: Context) -> tuple[AlertUpdate, str]:
    context.renew()
    cursor = sealed(step.place)
    update = AlertUpdate(
        cursor=cursor,
        kind=step.change.kind if step.change else None,  # type: ignore[arg-type]
        alert=step.subject,  # type: ignore[arg-type]
        gap=_gap(step.gap, cursor),
    )
    return update, cursor


def list_update(step: ListStep, context: Context) -> tuple[WorkflowListUpdate, str]:
    context.renew()
    now, cursor = step.now, sealed(step.now.place)
    came = difference(step.before.runs, now.runs) if step.before else Difference()
    update = WorkflowListUpdate(
        cursor=cursor,
        kind=ListUpdateKind.CHANGE if step.before else ListUpdateKind.SNAPSHOT,
        nodes=_shown(now.runs),
        entered=_shown(came.entered),
        changed=_shown(came.changed),
        left=[node_id_of(ref) for ref in came.left],
        total_count=now.total.value if now.total else 0,
        total_count_is_estimate=now.total is not None and now.total.is_estimate,
    )
    return update, cursor


def _shown(runs: tuple[model.Execution, ...]) -> list[WorkflowExecution]:
    return list(runs)  # type: ignore[arg-type]


def _gap(reason: str | None, cursor: Cursor) -> Gap | None:
    return Gap(reason=reason, resumed_at=cursor) if reason else None


def sealed(place: LogPlace) -> Cursor:
    return Cursor(seal(_KIND, place))


def opened(after: str | None) -> LogPlace | None:
    return unseal(_KIND, LogPlace, after, argument="after") if after is not None else None
