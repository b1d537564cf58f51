"""What only a worker can answer of a run, what runs it, and what may be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import model
from app.access import Exposure, Part
from app.api.context import Info, view_of
from app.api.types.outcome import WorkflowUpdate
from app.api.veil import WITHHELD, exposure, instead, target_of
from app.gateway.acting import abilities
from app.gateway.acting.abilities import WorkflowAction
from app.gateway.reading import asking
from app.temporal.updates import Update

Row = strawberry.Parent[model.Execution]
_NEEDS_A_WORKER = "Needs a worker that answers; without one it is null, with an error that says so."


@strawberry.type(description="A signal, query or update that a workflow declares.")
class Declared:
    name: str
    description: str | None


@strawberry.type(description="What can be sent to a run and asked of it, as its worker declares it.")
class WorkflowInterface:
    signals: list[Declared]
    queries: list[Declared]
    updates: list[Declared]


@strawberry.type(description="Which code runs a workflow, as its last workflow task said. Null: it did not say.")
class WorkerVersion:
    deployment: str | None = strawberry.field(description="Name of the worker deployment.")
    build_id: str | None
    patches: list[str] = strawberry.field(description="Ids of the patches, or versions, that the run has taken.")
    sdk_name: str | None = strawberry.field(description="Such as temporal-python.")
    sdk_version: str | None


@strawberry.type
class Answers:
    @strawberry.field(
        graphql_type=WorkerVersion | None, description="Which code runs it; null before its first workflow task."
    )
    @staticmethod
    async def version(root: Row, info: Info) -> model.Projection | None:
        projection = (await view_of(root, info)).projection
        said = (projection.deployment, projection.build_id, projection.sdk_name, *projection.patches)
        return projection if any(said) else None

    @strawberry.field(
        graphql_type=JSON | None,
        description=(
            f"The answer to a query of the workflow. {_NEEDS_A_WORKER} A query that fails is QUERY_FAILED. {WITHHELD}"
        ),
    )
    @staticmethod
    async def query(root: Row, info: Info, name: str, args: list[JSON | None] | None = None) -> Any:
        if (seen := exposure(info, target_of(root), Part.QUERY)) is not Exposure.SHOWN:
            return instead(seen)
        return await info.context.gateway.asking.query(info.context.identity, root, name, args or ())

    @strawberry.field(
        graphql_type=WorkflowInterface | None,
        description=f"The signals, queries and updates that it declares. {_NEEDS_A_WORKER}",
    )
    @staticmethod
    async def interface(root: Row, info: Info) -> asking.Interface:
        return await info.context.loaders.interface(root)

    @strawberry.field(
        description=f"Temporal's current details, in Markdown, as the workflow last set them. {_NEEDS_A_WORKER}"
    )
    @staticmethod
    async def current_details(root: Row, info: Info) -> str | None:
        if (seen := exposure(info, target_of(root), Part.QUERY)) is not Exposure.SHOWN:
            return instead(seen)
        return (await info.context.loaders.interface(root)).current_details

    @strawberry.field(description=f"Where its code stands. {_NEEDS_A_WORKER}")
    @staticmethod
    async def stack_trace(root: Row, info: Info) -> str | None:
        if (seen := exposure(info, target_of(root), Part.QUERY)) is not Exposure.SHOWN:
            return instead(seen)
        return await info.context.gateway.asking.stack_trace(info.context.identity, root)

    @strawberry.field(
        graphql_type=list[WorkflowAction],
        description="What you may do to it now, by its status, your permissions and what the connected server offers.",
    )
    @staticmethod
    async def available_actions(root: Row, info: Info) -> Sequence[WorkflowAction]:
        offered = await info.context.gateway.offers.of(root.namespace)
        return abilities.available_actions(info.context.identity, root, offered)

    @strawberry.field(
        graphql_type=WorkflowUpdate | None,
        description=(
            "How an update of the run stands, once it has completed or waitSeconds, at most 20, have passed. Null for"
            " one that is unknown: never sent, rejected, or forgotten."
        ),
    )
    @staticmethod
    async def update(root: Row, info: Info, update_id: str, wait_seconds: float = 0.0) -> Update | None:
        return await info.context.gateway.asking.update(info.context.identity, root, update_id, wait_seconds)
