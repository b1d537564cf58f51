"""Compiled selections give what the ordinary way gives: the same bytes, the same errors, in the same order."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, parse
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from app.access import Identity, Role, Scope
from app.api.answers import encode
from app.api.compiled import CompiledExecution, Plans
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
    errors = [error.formatted for error in result.errors or ()]
    return encode(ExecutionResult(result.data), CALLER), errors


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
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
