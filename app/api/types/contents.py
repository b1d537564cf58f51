"""What a run holds: its activities, its timeline and its events."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from functools import partial

import strawberry

from app import model
from app.api.connections import DEFAULT_PARTS, MAX_PARTS, ConnectionValue, EdgeValue, parts, size
from app.api.context import UNREADABLE, Info, projected, view_of
from app.api.node import Bound
from app.api.places import kind_within
from app.api.scalars import Cursor
from app.api.types.activity import ActivityConnection
from app.api.types.event import EventValue, HistoryEventConnection, Naming
from app.api.types.timeline import TimelineConnection
from app.cursors import seal, unseal
from app.model import ActivityStatus, TimelineKind

Row = strawberry.Parent[model.Execution]


@strawberry.type
class Contents:
    @strawberry.field(
        graphql_type=ActivityConnection | None,
        description=f"In the order of their schedule; first is at most 1000. {UNREADABLE}",
        extensions=projected("activities"),
    )
    @staticmethod
    def activities(
        root: Row,
        found: tuple[model.Activity, ...],
        first: int | None = None,
        after: Cursor | None = None,
        status: list[ActivityStatus] | None = None,
        activity_type: str | None = None,
    ) -> ConnectionValue[Bound[model.Activity]]:
        ref = root.ref
        activities = [
            Bound(ref, activity)
            for activity in found
            if (not status or activity.status in status)
            and (activity_type is None or activity.activity_type == activity_type)
        ]
        kind = partial(kind_within, ref, "activities", activity_type, *_each(status))
        return parts(kind, activities, lambda each: each.value.scheduled_event_id, first, after)

    @strawberry.field(
        graphql_type=TimelineConnection | None,
        description=f"In the order of their start; first is at most 1000. {UNREADABLE}",
        extensions=projected("timeline"),
    )
    @staticmethod
    def timeline(
        root: Row,
        found: tuple[model.TimelineItem, ...],
        first: int | None = None,
        after: Cursor | None = None,
        kinds: list[TimelineKind] | None = None,
    ) -> ConnectionValue[Bound[model.TimelineItem]]:
        ref = root.ref
        items = [Bound(ref, item) for item in found if not kinds or item.kind in kinds]
        return parts(
            partial(kind_within, ref, "timeline", *_each(kinds)), items, lambda each: each.value.key, first, after
        )

    @strawberry.field(
        graphql_type=HistoryEventConnection | None,
        description=(
            "Its history, oldest first unless reverse; types are Temporal's names, such as WorkflowExecutionSignaled;"
            " first is at most 1000. A page looks through at most 20,000 events for those types: it may be short"
            f" of first, or empty, and still have a next one behind its endCursor. {UNREADABLE}"
        ),
    )
    @staticmethod
    async def events(
        root: Row,
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        types: list[str] | None = None,
        reverse: bool = False,
    ) -> ConnectionValue[EventValue]:
        histories = info.context.gateway.histories
        limit = size(first, default=DEFAULT_PARTS, most=MAX_PARTS)
        kind = kind_within(root.ref, "events", "reverse" if reverse else None, *_each(types))
        place = unseal(kind, int, after, argument="after") if after is not None else 0
        wanted = frozenset(types or ())
        page = await histories.page(root, place, limit, types=wanted, reverse=reverse)

        def count() -> Awaitable[int]:
            return histories.count(root, wanted) if wanted else length_of(root, info)

        naming = Naming(root, page.events, info)
        return ConnectionValue(
            edges=tuple(
                EdgeValue(EventValue(each, run=root, naming=naming), seal(kind, each.event_id)) for each in page.events
            ),
            has_next=page.has_next,
            has_previous=place > 0,
            count=count,
            end=seal(kind, page.end) if page.end else None,
        )


def _each(values: Collection[str] | None) -> list[str]:
    """What a list asks for, whatever the order that it was said in."""
    return sorted(set(values or ()))


async def length_of(execution: model.Execution, info: Info) -> int:
    """How many events its history has."""
    return execution.history_length or (await view_of(execution, info)).execution.history_length
