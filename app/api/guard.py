"""What a watch token may ask at all: the roots that speak of its own runs. Any other root is closed to it, also one
that is added later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLSchema

from app.errors import Forbidden

WATCHABLE = frozenset(
    {
        "workflow",
        "workflowBatch",
        "workflows",
        "node",
        "nodes",
        "viewer",
        "workflowProgress",
        "workflowEvents",
        "signalWorkflow",
        "createStreamTicket",
    }
)


def guard(schema: GraphQLSchema) -> None:
    """Close every other root field of the schema to watch tokens."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in (root.fields if root else {}).items():
            if name not in WATCHABLE:
                field.resolve = _closed(name, field.resolve)
                field.subscribe = _closed(name, field.subscribe)


def _closed(name: str, resolve: Callable[..., Any] | None) -> Callable[..., Any] | None:
    if resolve is None:
        return None

    def guarded(root: Any, info: Any, **arguments: Any) -> Any:
        if info.context.identity.grant is not None:
            raise Forbidden(f"A watch token does not open {name}: it reads its own runs, nothing else.")
        return resolve(root, info, **arguments)

    return guarded
