"""Compiled selections give what the ordinary way gives: the same bytes, the same errors, in the same order."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, parse
from graphql.execution.collect_fields import FieldDetails
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from app.access import Identity, Role, Scope
from app.api.answers import encode
from app.api.compiled import CompiledExecution, Plans
from app.api.documents import LONGEST_CACHED, Documents
from app.api.texts import Text
from app.gateway import Caller
from tests.unit.compiled_documents import Context, Root, data, documents, schema

CALLER = Caller(Identity("anybody", "default", "default", frozenset({Role.VIEWER}), Scope()), "request-1")


async def answered(
    text: Any, root: Any, context: Any, variables: dict[str, Any], plans: Plans | None
) -> tuple[Any, ...]:
    executor = CompiledExecution.build(schema, text, root, context, variables, plans=plans)
    assert isinstance(executor, CompiledExecution), executor
    outcome = executor.execute_operation()
    result = await outcome if isawaitable(outcome) else outcome
    assert isinstance(result, ExecutionResult)
    # What graphql-core settles in the background must not meet the end of the loop.
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    errors = [error.formatted for error in result.errors or ()]
    return encode(ExecutionResult(result.data), CALLER), errors


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # to make such documents smaller takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(documents(), data(), st.booleans(), st.booleans())
def test_compiled_selections_answer_as_the_ordinary_way(
    text: str, given_data: tuple[Root, Context], a: bool, b: bool
) -> None:
    root, context = given_data
    document = parse(text)
    plans = Plans(schema, document)

    async def compared() -> None:
        for variables in ({"a": a, "b": b}, {"a": not a, "n": 1}, {"a": a, "b": b}):
            ordinary = await answered(document, root, context, variables, None)
            assert await answered(document, root, context, variables, plans) == ordinary
            event(f"errors: {bool(ordinary[1])}")

    asyncio.run(compared())


PAGE = """query Q($a: Boolean = false) {
  page { nodes { workflowId status startTime @skip(if: $a) activities(first: 1) { nodes { activityType } } } }
}"""


def plan_of(variables: dict[str, Any], plans: Plans, document: DocumentNode) -> Any:
    """The plan of the runs of PAGE."""
    executor = CompiledExecution.build(schema, document, raw_variable_values=variables, plans=plans)
    assert isinstance(executor, CompiledExecution)
    definition: Any = document.definitions[0]
    nodes = definition.selection_set.selections[0].selection_set.selections[0]
    variant = plans.variant(executor.variable_values)
    type_: Any = schema.type_map["WorkflowExecution"]
    return variant.plan(type_, [FieldDetails(nodes, None)], executor.collect_subfields)


def test_a_selection_is_compiled_once_for_each_way_of_skipping() -> None:
    document = parse(PAGE)
    plans = Plans(schema, document)
    plan = plan_of({}, plans, document)
    assert plan.mixed is not None
    assert plan.mixed.parts == {"activities"}
    assert plan_of({"a": False}, plans, document) is plan
    assert plan_of({"a": True}, plans, document) is not plan


def test_without_plans_nothing_is_compiled() -> None:
    engine_off, engine_on = Documents(schema, compiled=False), Documents(schema)
    assert engine_off.prepare(Text(PAGE)).plans is None
    assert engine_on.prepare(Text(PAGE)).plans is not None
    assert engine_on.prepare(Text(PAGE + " " * LONGEST_CACHED)).plans is None
