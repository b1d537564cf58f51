"""What a selection reads of runs: enough for its answer, and no more than it needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import DocumentNode, OperationDefinitionNode, get_named_type, is_leaf_type, is_required_argument, parse
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path

from app.api.compiled import CompiledExecution, Plans
from app.api.connections import ConnectionValue, Edges
from app.api.schema import schema as real
from app.model import Execution, Glimpse, WorkflowStatus
from app.store.listing import Position

SCHEMA = real._schema
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = Execution(
    "default", "order-1", "run-1", "Order", "orders", WorkflowStatus.COMPLETED, NOON, "acme", "production",
    close_time=NOON.replace(hour=13), first_run_id="run-0", created_by="me", summary="all", details="none",
    metadata={"a": 1}, memo={"b": 2}, search_attributes={"c": 3},
)  # fmt: skip


class Seen(Glimpse):
    """Of RUN, as Postgres gives it."""

    __slots__ = ("values",)

    def __init__(self, names: Collection[str]) -> None:
        self.values = {key: getattr(RUN, key) for key in asdict(RUN) if key in names}

    def __getitem__(self, name: str) -> Any:
        value = self.values[name]
        return str(value) if name == "status" else value


NAME = {"namespace", "workflow_id", "run_id"}
PLACE = {"start_time", "run_id", "close_time", "workflow_type", "status"}


def read(selection: str) -> frozenset[str] | None:
    document = parse(f"{{ workflows {selection} }}")
    executor = CompiledExecution.build(SCHEMA, document, plans=Plans(SCHEMA, document))
    assert isinstance(executor, CompiledExecution)
    type_: Any = SCHEMA.type_map["WorkflowConnection"]
    return executor.reads("WorkflowExecution", type_, roots(document))


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("{ nodes { workflowId status } }", {"workflow_id", "status"}),
        ("{ nodes { id durationMs } }", {*NAME, "start_time", "close_time"}),
        ("{ nodes { ...on Node { id } __typename } }", NAME),
        ("{ edges { node { tenant } } nodes { taskQueue } }", {"tenant", "task_queue"}),
        ("{ edges { cursor } }", PLACE),
        ("{ pageInfo { endCursor } totalCount }", PLACE),
        ("{ pageInfo { hasNextPage } totalCount totalCountIsEstimate }", set()),
        ("{ nodes { metadata } }", {"metadata", "workflow_type", "tenant", "environment"}),
        ("{ nodes { activities { nodes { activityType } } } }", {*NAME, "status"}),
        ("{ nodes { activities { nodes { input } } } }", None),
        ("{ nodes { tenant progress { percent } } }", {*NAME, "status", "tenant"}),
        ("{ nodes { workflowId blockers { message } } }", None),
        ("{ nodes { parent { workflowId } } }", None),
    ],
)
def test_what_a_selection_reads_of_runs(selection: str, names: set[str] | None) -> None:
    assert read(selection) == names


def narrow_fields() -> list[str]:
    """The leaves of a run of which it is known what they read."""
    type_: Any = SCHEMA.type_map["WorkflowExecution"]
    return [
        name
        for name, field in type_.fields.items()
        if is_leaf_type(get_named_type(field.type))
        and not any(map(is_required_argument, field.args.values()))
        and read(f"{{ nodes {{ {name} }} }}") is not None
    ]


async def answered(selection: str, run: Any) -> Any:
    document = parse(f"{{ workflows {selection} }}")
    executor = CompiledExecution.build(SCHEMA, document, plans=Plans(SCHEMA, document), context_value=ANYBODY)
    assert isinstance(executor, CompiledExecution)

    async def count() -> int:
        return 1

    page = ConnectionValue(Edges([run], lambda: "kind", Position.of), has_next=False, has_previous=False, count=count)
    type_, info = SCHEMA.type_map["WorkflowConnection"], None
    details = [FieldDetails(node, None) for node in roots(document)]
    complete: Any = executor.complete_object_value
    found = complete(type_, details, info, Path(None, "workflows", "Query"), page, None)
    return await found if isawaitable(found) else found


def roots(document: DocumentNode) -> Sequence[Any]:
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return operation.selection_set.selections


ANYBODY = SimpleNamespace(identity=SimpleNamespace(rules=()))
"""A context of somebody from whom nothing is withheld."""


@pytest.mark.parametrize("name", [*narrow_fields(), "cursor"])
async def test_what_is_read_is_enough(name: str) -> None:
    selection = "{ edges { cursor } pageInfo { startCursor } }" if name == "cursor" else f"{{ nodes {{ {name} }} }}"
    names = read(selection)
    assert names is not None
    assert await answered(selection, Seen(names)) == await answered(selection, RUN)


def test_a_glimpse_has_nothing_that_was_not_read() -> None:
    glimpse = Seen({"workflow_id"})
    assert glimpse.workflow_id == "order-1"
    assert not hasattr(glimpse, "close_time")
    assert not hasattr(glimpse, "status")
