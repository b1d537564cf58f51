"""The schema, and its text."""

from __future__ import annotations

import strawberry

from app.api.defaults import leave_out_nulls
from app.api.guard import guard
from app.api.mutations import Mutation
from app.api.queries import Query
from app.api.scalars import CONFIG
from app.api.subscriptions import Subscription
from app.api.types.activity import Activity
from app.api.types.execution import WorkflowExecution
from app.api.types.timeline import TimelineItem

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[WorkflowExecution, Activity, TimelineItem],
    config=CONFIG,
)
# Strawberry has no public name for what it builds.
guard(schema._schema)
leave_out_nulls(schema._schema)


def sdl() -> str:
    """The schema in GraphQL's schema language, ending with one newline."""
    return schema.as_str().rstrip("\n") + "\n"
