"""Updates of a run: how one stands."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import model
from app.api.context import Info
from app.api.node import Bound
from app.api.types.failure import Failure
from app.api.types.values import NOT_DECODED, shown_single
from app.temporal.updates import Update, UpdateStage

Root = strawberry.Parent[Update]


@strawberry.type(description="An update of a run. Once it is COMPLETED it has a result or a failure.")
class WorkflowUpdate:
    update_id: str
    stage: UpdateStage = strawberry.field(description="ADMITTED: no worker has accepted or rejected it yet.")

    @strawberry.field(graphql_type=JSON | None, description=f"What it answered; null for nothing. {NOT_DECODED}")
    @staticmethod
    def result(root: Root, info: Info) -> Any:
        return shown_single(info, root.ref.namespace, root.result)

    @strawberry.field(graphql_type=Failure | None, description="Why it answered nothing.")
    @staticmethod
    def failure(root: Root) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.failure)

    @staticmethod
    def of(update: Update | None) -> WorkflowUpdate | None:
        """The type's fields are read from the value itself."""
        return update  # type: ignore[return-value]
