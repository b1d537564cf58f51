"""Operations in, encoded answers out: GraphQL without any transport."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType, execute, subscribe
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.aio import aclosing

from app import metrics
from app.api.context import Context
from app.api.documents import Document, Documents
from app.api.schema import schema
from app.errors import BadUserInput, DeadlineExceeded, TidelineError
from app.gateway import Caller, Gateway
from app.log import logger

log = logger(__name__)
UNEXPECTED = "Something went wrong inside Tideline. The log has more under this request's id."


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client sent."""

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the response object as JSON on one line. `errors` is the JSON list of its errors where the request
    was refused before anything was executed. `kind` is query, mutation, subscription, or empty where unknown."""

    body: bytes
    errors: bytes | None = None
    kind: str = ""


class Engine:
    def __init__(self, gateway: Gateway, *, timeout: float = 30.0) -> None:
        self._gateway = gateway
        self._timeout = timeout
        # Strawberry has no public name for the schema that it builds; every integration of it reads this one.
        self._schema = schema._schema
        self._documents = Documents(self._schema)

    async def execute(self, operation: Operation, caller: Caller, *, read_only: bool = False) -> Answer:
        """Answer a query or a mutation within the deadline. With `read_only` mutations are refused."""
        started = time.perf_counter()
        document, node, refusal = self._prepared(operation, read_only=read_only)
        if refusal is None and node is not None and node.operation is OperationType.SUBSCRIPTION:
            refusal = GraphQLError(
                "A subscription needs a WebSocket (graphql-transport-ws) or Accept: text/event-stream."
            )
        if refusal is not None or node is None:
            return self._refused([refusal] if refusal else document.errors, caller, node, started)
        return await self._executed(document, node, operation, caller, started)

    async def stream(
        self, operation: Operation, caller: Caller, *, read_only: bool = False
    ) -> AsyncGenerator[Answer, None]:
        """Answer any operation; a subscription with one answer for each event, until it ends."""
        started = time.perf_counter()
        document, node, refusal = self._prepared(operation, read_only=read_only)
        if refusal is not None or node is None:
            yield self._refused([refusal] if refusal else document.errors, caller, node, started)
        elif node.operation is not OperationType.SUBSCRIPTION:
            yield await self._executed(document, node, operation, caller, started)
        else:
            async with aclosing(self._subscribed(document, node, operation, caller, started)) as answers:
                async for answer in answers:
                    yield answer

    def _prepared(
        self, operation: Operation, *, read_only: bool
    ) -> tuple[Document, OperationDefinitionNode | None, GraphQLError | None]:
        if not operation.query:
            return Document(None), None, GraphQLError("query is missing: send a GraphQL document.")
        document = self._documents.prepare(operation.query)
        if document.errors:
            return document, None, None
        try:
            node = document.operation(operation.operation_name)
        except GraphQLError as error:
            return document, None, error
        if read_only and node.operation is OperationType.MUTATION:
            return document, node, GraphQLError("A mutation cannot be sent by GET: use POST.")
        return document, node, None

    async def _executed(
        self,
        document: Document,
        node: OperationDefinitionNode,
        operation: Operation,
        caller: Caller,
        started: float,
    ) -> Answer:
        kind = node.operation.value
        try:
            async with asyncio.timeout(self._timeout):
                outcome: Any = execute(**self._arguments(document, operation, caller))
                result = await outcome if isawaitable(outcome) else outcome
        except TimeoutError:
            late = DeadlineExceeded(
                f"The operation did not end within {self._timeout:g} s. A mutation may have happened all the same."
            )
            result = ExecutionResult(None, [GraphQLError(late.message, original_error=late)])
        if is_refusal(result):
            return self._refused(result.errors or [], caller, node, started)
        _count(kind, "error" if result.errors else "ok", started)
        return Answer(encode(result, caller), kind=kind)

    async def _subscribed(
        self,
        document: Document,
        node: OperationDefinitionNode,
        operation: Operation,
        caller: Caller,
        started: float,
    ) -> AsyncGenerator[Answer, None]:
        outcome: Any = subscribe(**self._arguments(document, operation, caller))
        results: AsyncIterator[ExecutionResult] | ExecutionResult = await outcome if isawaitable(outcome) else outcome
        if isinstance(results, ExecutionResult):
            yield self._refused(results.errors or [], caller, node, started)
            return
        counted = False
        async with aclosing(failing_softly(results)) as answers:
            async for result in answers:
                if not counted:
                    counted = True
                    _count("subscription", "error" if result.errors else "ok", started)
                yield Answer(encode(result, caller), kind="subscription")

    def _arguments(self, document: Document, operation: Operation, caller: Caller) -> dict[str, Any]:
        return {
            "schema": self._schema,
            "document": document.node,
            "context_value": Context(self._gateway, caller),
            "variable_values": operation.variables,
            "operation_name": operation.operation_name,
            "executor_class": StrawberryGraphQLCoreExecutionContext,
        }

    def _refused(
        self,
        errors: Sequence[GraphQLError],
        caller: Caller,
        node: OperationDefinitionNode | None,
        started: float,
    ) -> Answer:
        kind = node.operation.value if node else ""
        _count(kind or "unknown", "refused", started)
        listed = orjson.dumps([formatted(error, caller) for error in errors])
        return Answer(b'{"errors":' + listed + b"}", listed, kind)


async def failing_softly(results: AsyncIterator[ExecutionResult]) -> AsyncGenerator[ExecutionResult, None]:
    """The results of a stream; an error that ends it becomes its last result."""
    try:
        async for result in results:
            yield result
    except GraphQLError as error:
        yield ExecutionResult(None, [error])
    except Exception as error:  # noqa: BLE001 - formatted, and logged there when it is unexpected
        yield ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
    finally:
        close: Any = getattr(results, "aclose", None)
        if close is not None:
            ending: Awaitable[None] = close()
            await ending


def is_refusal(result: ExecutionResult) -> bool:
    """Whether nothing was executed: an error of execution has the path of its field."""
    return result.data is None and bool(result.errors) and all(_is_request_error(each) for each in result.errors or ())


def _is_request_error(error: GraphQLError) -> bool:
    return error.path is None and not isinstance(error.original_error, DeadlineExceeded)


def encode(result: ExecutionResult, caller: Caller) -> bytes:
    """The response object as JSON on one line."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": [formatted(error, caller) for error in result.errors], **body}
    try:
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        # A JSON scalar may hold integers of any size.
        return json.dumps(body, separators=(",", ":"), default=str).encode()


def formatted(error: GraphQLError, caller: Caller) -> Mapping[str, Any]:
    """An error with its code and the request's id. What was not foreseen is logged, and shown without its cause."""
    shown: dict[str, Any] = dict(error.formatted)
    cause = tideline_error(error)
    if cause is not None:
        extensions: dict[str, Any] = {"code": cause.code}
        shown["message"] = cause.message
        if cause.path:
            extensions["argument"] = list(cause.path)
    elif error.original_error is None or (error.path is None and error.nodes):  # a value that does not fit its type
        extensions = {"code": BadUserInput.code}
    else:
        log.error("a field failed", path=error.path, exc_info=error.original_error)
        extensions = {"code": TidelineError.code}
        shown["message"] = UNEXPECTED
    shown["extensions"] = {**(error.extensions or {}), **extensions, "requestId": caller.request_id}
    return shown


def tideline_error(error: GraphQLError) -> TidelineError | None:
    """The error of our family at the root, through the wrappers that graphql-core puts around it."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause if isinstance(cause, TidelineError) else None


def _count(kind: str, outcome: str, started: float) -> None:
    metrics.OPERATIONS.labels(kind, outcome).observe(time.perf_counter() - started)
