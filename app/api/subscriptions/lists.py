"""Following many runs: lists that stay up to date, and the feed of all that changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from functools import partial

import strawberry
from strawberry.types.nodes import FragmentSpread, InlineFragment, SelectedField, Selection

from app.api.context import Info
from app.api.inputs import WorkflowFilter, WorkflowOrder
from app.api.inputs.orders import order_of
from app.api.listing import listing_of
from app.api.scalars import Cursor
from app.api.sharing import Update
from app.api.subscriptions.counting import began, met
from app.api.types.list_update import COUNTS, ChangeUpdate, WorkflowListUpdate, change_update, list_update, opened
from app.store.listing import Filter

CHANGES = "workflowChanges"


@strawberry.type
class ListSubscription:
    @strawberry.subscription(
        graphql_type=AsyncGenerator[WorkflowListUpdate, None],
        description=(
            "A list that stays as the query of the same arguments would show it: first a snapshot, then an update"
            " whenever a run of the window enters, changes, moves or leaves. maxRate is in updates per second: faster"
            " ones become one, the last state is always sent. A client that comes back gets a snapshot."
        ),
    )
    @staticmethod
    async def workflows(
        info: Info,
        filter: WorkflowFilter | None = None,
        order_by: list[WorkflowOrder] | None = None,
        first: int | None = None,
        max_rate: float | None = None,
    ) -> AsyncGenerator[Update, None]:
        context = info.context
        listing = listing_of(_filter(info, filter), order_of(order_by), first, None, None, None)
        counted = _selects(info.selected_fields, COUNTS)
        steps = context.gateway.live_lists.follow(context.identity, listing, max_rate, counted=counted)
        async with aclosing(steps):
            async for step in steps:
                yield Update(step.place, partial(list_update, step, context), happened=step.now.happened)

    @strawberry.subscription(
        graphql_type=AsyncGenerator[ChangeUpdate, None],
        description=(
            "Every change of a run, in order, each once; behind `after`, what changed since. The filter is of the run"
            " as it is when its change is read, so one that no longer meets it is not told of; of a deleted run, as it"
            " was. A run that moves to another tenant is DELETED for the first."
        ),
    )
    @staticmethod
    async def workflow_changes(
        info: Info, filter: WorkflowFilter | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[Update, None]:
        context, place = info.context, opened(info.context.resume or after)
        steps = context.gateway.feeds.changes(context.identity, _filter(info, filter), place)
        began(info, CHANGES, resumed=place is not None)
        async with aclosing(steps):
            async for step in steps:
                met(CHANGES, step.gap)
                happened = step.change.time if step.change else None
                yield Update(step.place, partial(change_update, step, context), happened=happened)


def _filter(info: Info, given: WorkflowFilter | None) -> Filter:
    return given.value(info.context.gateway.reading.namespace(None)) if given else Filter()


def _selects(selections: Iterable[Selection], names: frozenset[str]) -> bool:
    """Whether one of the fields is selected right under the root field."""
    return any(
        isinstance(inner, SelectedField) and inner.name in names
        for root in selections
        for inner in _flat(root.selections)
    )


def _flat(selections: Iterable[Selection]) -> Iterable[Selection]:
    for each in selections:
        if isinstance(each, FragmentSpread | InlineFragment):
            yield from _flat(each.selections)
        else:
            yield each
