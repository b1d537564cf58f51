"""Operations in, encoded answers out: GraphQL without any transport."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution import Executor
from strawberry.execution import optimized_is_awaitable

from app import metrics
from app.api.admission import Admission, Ticket
from app.api.answers import Answer, as_graphql, encode, refusal
from app.api.compiled import CompiledExecution
from app.api.context import Context
from app.api.documents import Document, Documents, placing_variables
from app.api.measure import check_variables
from app.api.schema import schema
from app.api.sharing import Sharing
from app.api.subscribing import Subscription
from app.api.texts import Texts
from app.errors import DeadlineExceeded, RateLimited, TidelineError
from app.gateway import Caller, Gateway
from app.gateway.seeing import served, serving

LAST_WAIT = 5.0
"""Seconds that a shutdown waits for mutations whose clients have left."""

__all__ = ["Answer", "Caller", "Engine", "Operation"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client sent: `query`, or `document_id`, which names a document that is known. `resume` is the cursor of
    the last update that it got, where its transport says so."""

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    resume: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An operation that can be executed, or why it is refused."""

    document: Document
    node: OperationDefinitionNode | None = None
    errors: Sequence[GraphQLError] = ()
    ticket: Ticket | None = None
    text: str = ""

    @property
    def kind(self) -> str:
        return self.node.operation.value if self.node else ""

    @property
    def field(self) -> str:
        """The name of the first root field; a subscription has but one."""
        selections = self.node.selection_set.selections if self.node else ()
        return next((each.name.value for each in selections if isinstance(each, FieldNode)), "")


class Engine:
    def __init__(
        self,
        gateway: Gateway,
        *,
        timeout: float = 30.0,
        admission: Admission | None = None,
        texts: Texts | None = None,
        introspection: bool = True,
        suggestions: bool = False,
        compiled: bool = True,
    ) -> None:
        """`compiled`: plain values are completed by code made once for each document; else all field by field."""
        self._gateway = gateway
        self._timeout = timeout
        self._admission = admission or Admission()
        self._texts = texts or Texts()
        self._suggestions = suggestions
        self._acting: set[asyncio.Task[Answer]] = set()
        # Strawberry has no public name for the schema that it builds; every integration of it reads this one.
        self._schema = schema._schema
        self._documents = Documents(
            self._schema,
            self._admission.bounds,
            introspection=introspection,
            suggestions=suggestions,
            compiled=compiled,
        )
        self._sharing = Sharing()
        metrics.SHARED.set_function(lambda: self._sharing.distinct)

    async def execute(self, operation: Operation, caller: Caller, *, read_only: bool = False) -> Answer:
        """Answer a query or a mutation within the deadline. With `read_only` mutations are refused."""
        with serving(caller.identity, self._gateway.reading.ids):
            return await self._execute(operation, caller, read_only=read_only)

    async def _execute(self, operation: Operation, caller: Caller, *, read_only: bool) -> Answer:
        started = time.perf_counter()
        prepared = self._prepared(operation, read_only=read_only)
        if not prepared.errors and prepared.kind == "subscription":
            needed = (
                "A subscription needs a WebSocket (graphql-transport-ws), Accept: text/event-stream, or"
                " Accept: multipart/mixed;subscriptionSpec=1.0."
            )
            return self._refused(prepared, [GraphQLError(needed)], caller, started)
        return await self._answered(prepared, operation, caller, started)

    def stream(self, operation: Operation, caller: Caller, *, read_only: bool = False) -> AsyncGenerator[Answer, None]:
        """Answer any operation; a subscription with one answer for each update, until it ends."""
        ids = self._gateway.reading.ids
        with serving(caller.identity, ids):
            return served(caller.identity, ids, self._stream(operation, caller, read_only=read_only))

    def _stream(self, operation: Operation, caller: Caller, *, read_only: bool) -> AsyncGenerator[Answer, None]:
        started = time.perf_counter()
        prepared = self._prepared(operation, read_only=read_only)
        if prepared.errors or prepared.kind != "subscription":
            return self._once(prepared, operation, caller, started)
        subject, home = caller.identity.named, caller.identity.home
        assert prepared.ticket is not None, "what can be executed has a price"
        try:
            self._gateway.subscriptions.check(subject, home)
            charged = self._admission.charge(prepared.ticket, caller)
        except RateLimited as error:
            prepared = replace(prepared, errors=[as_graphql(error)])
            return self._once(prepared, operation, caller, started)
        subscription = Subscription(
            begin=lambda resume: self._executor(prepared, operation, caller, resume),
            field=prepared.field,
            key=_distinct(prepared, operation, caller),
            caller=caller,
        )
        answers = subscription.answers(self._sharing, self._gateway.subscriptions.counted(subject, home))
        return self._once_charged(answers, charged, caller) if isawaitable(charged) else answers

    async def _once_charged(
        self, answers: AsyncGenerator[Answer, None], charged: Awaitable[Ticket], caller: Caller
    ) -> AsyncGenerator[Answer, None]:
        try:
            await charged
        except RateLimited as error:
            yield refusal([as_graphql(error)], caller, "subscription")
            return
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _once(
        self, prepared: _Prepared, operation: Operation, caller: Caller, started: float
    ) -> AsyncGenerator[Answer, None]:
        yield await self._answered(prepared, operation, caller, started)

    async def _answered(self, prepared: _Prepared, operation: Operation, caller: Caller, started: float) -> Answer:
        if prepared.kind != "mutation" or prepared.errors:
            return await self._executed(prepared, operation, caller, started)
        # Who leaves takes their query along, but a mutation that has begun is brought to its end, and recorded.
        acting = asyncio.create_task(self._executed(prepared, operation, caller, started))
        self._acting.add(acting)
        acting.add_done_callback(self._acting.discard)
        return await asyncio.shield(acting)

    def _prepared(self, operation: Operation, *, read_only: bool) -> _Prepared:
        document, node = Document(None), None
        try:
            text = self._texts.find(operation.query, operation.document_id, operation.extensions)
            document = self._documents.prepare(text)
            if document.errors:
                return _Prepared(document, None, document.errors)
            node = document.operation(operation.operation_name)
            if read_only and node.operation is OperationType.MUTATION:
                return _Prepared(document, node, [GraphQLError("A mutation cannot be sent by GET: use POST.")])
            check_variables(operation.variables, self._admission.bounds)
            price = document.price(self._schema, node)
            ticket = self._admission.ticket(price, operation.variables, operation.extensions)
        except (GraphQLError, TidelineError) as error:
            return _Prepared(document, node, [as_graphql(error)])
        return _Prepared(document, node, ticket=ticket, text=text.document)

    def _executor(
        self, prepared: _Prepared, operation: Operation, caller: Caller, resume: str | None = None
    ) -> Executor[Any] | list[GraphQLError]:
        if prepared.errors or prepared.document.node is None:
            return list(prepared.errors)
        context = Context(self._gateway, caller, resume or operation.resume, is_continued=resume is not None)
        executor = CompiledExecution.build(
            self._schema,
            prepared.document.node,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=operation.operation_name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            plans=prepared.document.plans,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(executor, CompiledExecution):
            context.reads = executor.reads
        return executor

    async def _executed(self, prepared: _Prepared, operation: Operation, caller: Caller, started: float) -> Answer:
        executor = self._executor(prepared, operation, caller)
        if isinstance(executor, list):
            return self._refused(prepared, executor, caller, started)
        assert prepared.ticket is not None, "what can be executed has a price"
        try:
            async with self._admission.entered(prepared.ticket, caller) as ticket:
                result = await self._in_time(executor, prepared.kind)
                cost = await self._admission.settle(ticket, result.data)
        except RateLimited as error:
            return self._refused(prepared, [as_graphql(error)], caller, started)
        _count(prepared.kind, "error" if result.errors else "ok", started)
        return Answer(encode(result, caller, cost), kind=prepared.kind)

    async def _in_time(self, executor: Executor[Any], kind: str) -> ExecutionResult:
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                executor.context_value.deadline = deadline
                return await _result(executor.execute_operation())
        except TimeoutError:
            late = _late(kind, asyncio.get_running_loop().time() - begun)
            return ExecutionResult(None, [as_graphql(late)])

    async def close(self) -> None:
        """Let the mutations that are under way come to their end, for a while."""
        if self._acting:
            await asyncio.wait(self._acting, timeout=LAST_WAIT)

    def _refused(self, prepared: _Prepared, errors: Sequence[GraphQLError], caller: Caller, started: float) -> Answer:
        _count(prepared.kind or "unknown", "refused", started)
        return refusal(errors, caller, prepared.kind)


async def _result(outcome: Any) -> ExecutionResult:
    result: ExecutionResult = await outcome if isawaitable(outcome) else outcome
    return result


def _distinct(prepared: _Prepared, operation: Operation, caller: Caller) -> Hashable:
    """What makes the updates of two subscribers the same, place by place. Where they begin does not."""
    if prepared.document.node is None or prepared.node is None:
        return object()
    placing = placing_variables(prepared.document.node, prepared.node)
    deciding = {name: value for name, value in (operation.variables or {}).items() if name not in placing}
    variables = json.dumps(deciding, sort_keys=True)
    return prepared.text, operation.operation_name, variables, caller.identity.rights


def _late(kind: str, seconds: float) -> DeadlineExceeded:
    words = f"The operation did not end within {seconds:.0f} s."
    if kind != "mutation":
        return DeadlineExceeded(words)
    late = DeadlineExceeded(
        f"{words} It may have been done. Repeating it with the same idempotencyKey is safe; without one, it may be"
        " done twice."
    )
    late.may_have_happened = True
    return late


def _count(kind: str, outcome: str, started: float) -> None:
    metrics.OPERATIONS.labels(kind, outcome).observe(time.perf_counter() - started)
