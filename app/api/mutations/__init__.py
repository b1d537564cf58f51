"""The roots of acting, one noun a file. Every mutation takes one input and answers with what changed and what it
refuses."""

from __future__ import annotations

import strawberry

from app.api.mutations.access import AccessMutation
from app.api.mutations.schedules import ScheduleMutation
from app.api.mutations.starts import StartMutation
from app.api.mutations.typed import TypedMutation
from app.api.mutations.workflows import WorkflowMutation


@strawberry.type
class Mutation(
    StartMutation,
    WorkflowMutation,
    ScheduleMutation,
    TypedMutation,  # type: ignore[misc]  # made while the program starts, from the catalog
    AccessMutation,
):
    """Every root field of acting."""
