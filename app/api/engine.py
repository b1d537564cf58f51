"""Operations in, encoded answers out: GraphQL without any transport."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
)
from graphql.execution import Executor
from strawberry.execution import optimized_is_awaitable

from app import metrics
from app.api.answers import Answer, as_graphql, encode, refusal
from app.api.compiled import CompiledExecution
from app.api.context import Context
from app.api.documents import Document, Documents, placing_variables
from app.api.schema import schema
from app.api.sharing import Shared, Sharing, Update
from app.errors import DeadlineExceeded
from app.gateway import Caller, Gateway

__all__ = ["Answer", "Caller", "Engine", "Operation"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client sent. `resume` is the cursor of the last update that it got, where its transport says so."""

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An operation that can be executed, or why it is refused."""

    document: Document
    node: OperationDefinitionNode | None = None
    errors: Sequence[GraphQLError] = ()

    @property
    def kind(self) -> str:
        return self.node.operation.value if self.node else ""


class Engine:
    def __init__(self, gateway: Gateway, *, timeout: float = 30.0, compiled: bool = True) -> None:
        """`compiled`: plain values are completed by code made once for each document; else all field by field."""
        self._gateway = gateway
        self._timeout = timeout
        # Strawberry has no public name for the schema that it builds; every integration of it reads this one.
        self._schema = schema._schema
        self._documents = Documents(self._schema, compiled=compiled)
        self._sharing = Sharing()

    async def execute(self, operation: Operation, caller: Caller, *, read_only: bool = False) -> Answer:
        """Answer a query or a mutation within the deadline. With `read_only` mutations are refused."""
        started = time.perf_counter()
        prepared = self._prepared(operation, read_only=read_only)
        if not prepared.errors and prepared.kind == "subscription":
            needed = "A subscription needs a WebSocket (graphql-transport-ws) or Accept: text/event-stream."
            return self._refused(prepared, [GraphQLError(needed)], caller, started)
        return await self._executed(prepared, operation, caller, started)

    async def stream(
        self, operation: Operation, caller: Caller, *, read_only: bool = False
    ) -> AsyncGenerator[Answer, None]:
        """Answer any operation; a subscription with one answer for each update, until it ends."""
        started = time.perf_counter()
        prepared = self._prepared(operation, read_only=read_only)
        if prepared.errors or prepared.kind != "subscription":
            yield await self._executed(prepared, operation, caller, started)
            return
        async with aclosing(self._subscribed(prepared, operation, caller, started)) as answers:
            async for answer in answers:
                yield answer

    def _prepared(self, operation: Operation, *, read_only: bool) -> _Prepared:
        if not operation.query:
            return _Prepared(Document(None), None, [GraphQLError("query is missing: send a GraphQL document.")])
        document = self._documents.prepare(operation.query)
        if document.errors:
            return _Prepared(document, None, document.errors)
        try:
            node = document.operation(operation.operation_name)
        except GraphQLError as error:
            return _Prepared(document, None, [error])
        if read_only and node.operation is OperationType.MUTATION:
            return _Prepared(document, node, [GraphQLError("A mutation cannot be sent by GET: use POST.")])
        return _Prepared(document, node)

    def _executor(
        self, prepared: _Prepared, operation: Operation, caller: Caller
    ) -> Executor[Any] | list[GraphQLError]:
        if prepared.errors or prepared.document.node is None:
            return list(prepared.errors)
        return CompiledExecution.build(
            self._schema,
            prepared.document.node,
            context_value=Context(self._gateway, caller, operation.resume),
            raw_variable_values=operation.variables,
            operation_name=operation.operation_name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            plans=prepared.document.plans,
        )

    async def _executed(self, prepared: _Prepared, operation: Operation, caller: Caller, started: float) -> Answer:
        executor = self._executor(prepared, operation, caller)
        if isinstance(executor, list):
            return self._refused(prepared, executor, caller, started)
        try:
            async with asyncio.timeout(self._timeout):
                result = await _result(executor.execute_operation())
        except TimeoutError:
            late = DeadlineExceeded(
                f"The operation did not end within {self._timeout:g} s. A mutation may have happened all the same."
            )
            result = ExecutionResult(None, [as_graphql(late)])
        _count(prepared.kind, "error" if result.errors else "ok", started)
        return Answer(encode(result, caller), kind=prepared.kind)

    async def _subscribed(
        self, prepared: _Prepared, operation: Operation, caller: Caller, started: float
    ) -> AsyncGenerator[Answer, None]:
        executor = self._executor(prepared, operation, caller)
        if isinstance(executor, list):
            yield self._refused(prepared, executor, caller, started)
            return
        source: Any = create_source_event_stream(executor)
        source = await source if isawaitable(source) else source
        if isinstance(source, ExecutionResult):
            yield self._refused(prepared, source.errors or [], caller, started)
            return
        _count("subscription", "ok", started)
        with self._sharing.joined(_distinct(prepared, operation, caller)) as shared:
            async with aclosing(source) as updates:
                last: Answer | None = None
                try:
                    async for update in updates:
                        answer = await _answer(executor, shared, update, caller)
                        if not (update.is_state and last is not None and answer.body == last.body):
                            yield answer
                        last = answer
                except Exception as error:  # noqa: BLE001 - told to the client, and logged where it was not foreseen
                    result = ExecutionResult(None, [as_graphql(error)])
                    yield Answer(encode(result, caller), kind="subscription")

    def _refused(self, prepared: _Prepared, errors: Sequence[GraphQLError], caller: Caller, started: float) -> Answer:
        _count(prepared.kind or "unknown", "refused", started)
        return refusal(errors, caller, prepared.kind)


async def _result(outcome: Any) -> ExecutionResult:
    result: ExecutionResult = await outcome if isawaitable(outcome) else outcome
    return result


async def _answer(executor: Executor[Any], shared: Shared, update: Update, caller: Caller) -> Answer:
    """The answer to one update, from those who came to the same place before where there are any."""

    def shareable() -> Answer | Awaitable[Answer | None] | None:
        value, cursor = update.make()
        outcome = execute_subscription_event(executor.build_per_event_executor(value))
        if isawaitable(outcome):
            return _without_errors(outcome, cursor, caller)
        return None if outcome.errors else _encoded(outcome, cursor, caller)

    answer = await shared.answer(update.place, shareable)
    if answer is not None:
        return answer
    value, cursor = update.make()
    result = await _result(execute_subscription_event(executor.build_per_event_executor(value)))
    return _encoded(result, cursor, caller)


async def _without_errors(outcome: Awaitable[ExecutionResult], cursor: str | None, caller: Caller) -> Answer | None:
    """None for an answer with errors, since they carry the id of one request."""
    result = await outcome
    return None if result.errors else _encoded(result, cursor, caller)


def _encoded(result: ExecutionResult, cursor: str | None, caller: Caller) -> Answer:
    return Answer(encode(result, caller), kind="subscription", cursor=cursor)


def _distinct(prepared: _Prepared, operation: Operation, caller: Caller) -> Hashable:
    """What makes the updates of two subscribers the same, place by place. Where they begin does not."""
    if prepared.document.node is None or prepared.node is None:
        return object()
    placing = placing_variables(prepared.document.node, prepared.node)
    deciding = {name: value for name, value in (operation.variables or {}).items() if name not in placing}
    variables = json.dumps(deciding, sort_keys=True)
    return operation.query, operation.operation_name, variables, caller.identity.rights


def _count(kind: str, outcome: str, started: float) -> None:
    metrics.OPERATIONS.labels(kind, outcome).observe(time.perf_counter() - started)
