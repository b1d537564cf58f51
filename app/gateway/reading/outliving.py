"""Children that outlive their parent: how they end is in no event of its history, but in the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from app.model import Execution, ExecutionRef, Projection, TimelineItem, TimelineKind, TimelineStatus, WorkflowStatus
from app.store.archive import ProjectionParts
from app.store.executions import Executions

_ENDS = {
    WorkflowStatus.COMPLETED: TimelineStatus.COMPLETED,
    WorkflowStatus.FAILED: TimelineStatus.FAILED,
    WorkflowStatus.CANCELED: TimelineStatus.CANCELED,
    WorkflowStatus.TERMINATED: TimelineStatus.TERMINATED,
    WorkflowStatus.TIMED_OUT: TimelineStatus.TIMED_OUT,
}
"""Of a child; one that was continued as new goes on."""


async def with_ends(
    executions: Executions, archived: Mapping[ExecutionRef, Projection | ProjectionParts | None]
) -> dict[ExecutionRef, Any]:
    """The projections, or parts of them, with bars of children that end as the children did.

    One statement, and none where no bar is open. A child of another tenant or environment stays as it is. What does
    not change is given as it came.
    """
    outlived = {ref: children for ref, each in archived.items() if (children := _open_children(each))}
    if not outlived:
        return dict(archived)
    known = await executions.many(list({*outlived, *(child for found in outlived.values() for child in found)}))
    given = dict(archived)
    for ref, children in outlived.items():
        ended = {child: known[child] for child in children if _has_ended(known.get(child), known.get(ref))}
        if ended:
            given[ref] = _with_timeline(archived[ref], ended)
    return given


def _open_children(found: Projection | ProjectionParts | None) -> list[ExecutionRef]:
    timeline: tuple[TimelineItem, ...] = getattr(found, "timeline", ())
    return [item.child for item in timeline if _is_open(item) and item.child is not None and item.child.run_id]


def _is_open(item: TimelineItem) -> bool:
    return item.kind is TimelineKind.CHILD_WORKFLOW and item.end_time is None


def _has_ended(child: Execution | None, parent: Execution | None) -> bool:
    if child is None or parent is None or child.close_time is None or child.status not in _ENDS:
        return False
    return (child.tenant, child.environment) == (parent.tenant, parent.environment)


def _with_timeline(found: Projection | ProjectionParts, ended: Mapping[ExecutionRef, Execution]) -> Any:
    timeline = tuple(
        _ended(item, child) if _is_open(item) and item.child and (child := ended.get(item.child)) else item
        for item in found.timeline
    )
    if isinstance(found, Projection):
        return replace(found, timeline=timeline)
    return msgspec.structs.replace(found, timeline=timeline)


def _ended(item: TimelineItem, child: Execution) -> TimelineItem:
    assert child.close_time is not None
    return replace(item, status=_ENDS[child.status], end_time=max(child.close_time, item.start_time))
