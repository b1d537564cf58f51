"""Workflow types that are Python classes: what they take, by their type annotations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import ErrorDetails
from temporalio import common

from app.model import Json, RetryPolicy
from app.registry.definition import Argument, Handler, WorkflowDefinition
from app.registry.problems import MOST_PROBLEMS, Problem, encoded, missing, unknown, wrong
from app.workflows.entry import Check, Entry


@dataclass(frozen=True)
class TypedInput:
    """The one argument, a dataclass or a pydantic model."""

    type: type
    check: Check | None = None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        for each in classes_of(self.type):
            if is_dataclass(each) and "__pydantic_config__" not in vars(each):
                # Docstrings of fields become descriptions, without every dataclass having to ask for it.
                each.__pydantic_config__ = {"use_attribute_docstrings": True}  # type: ignore[attr-defined]
        return TypeAdapter(self.type)

    @cached_property
    def json_schema(self) -> Mapping[str, Json]:
        """Fields that it does not name are refused."""
        schema: Any = _closed(self._adapter.json_schema())
        for base in self.type.__mro__[1:]:
            if is_dataclass(base):
                # Docstrings of fields are read from their own class alone.
                for name, said in TypedInput(base).json_schema.get("properties", {}).items():
                    schema["properties"][name] = said | schema["properties"][name]
        described: Mapping[str, Json] = schema
        return described

    def problems(self, workflow_type: str, args: Sequence[Json]) -> list[Problem]:
        if len(args) != 1:
            return [Problem((), f"{workflow_type} takes one input, a {self.type.__name__}; {len(args)} are given.")]
        text = encoded(args[0])
        if isinstance(text, Problem):
            return [text]
        try:
            value = self._adapter.validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            found = error.errors(include_url=False)[:MOST_PROBLEMS]
            return [_problem(workflow_type, each, self.json_schema) for each in found]
        checked = self.check(value) if self.check else ()
        return [Problem((0, *path), message) for path, message in checked][:MOST_PROBLEMS]


class NoInput:
    """Nothing is taken."""

    json_schema: Mapping[str, Json] | None = None

    def problems(self, workflow_type: str, args: Sequence[Json]) -> list[Problem]:
        return [Problem((), f"{workflow_type} takes no input; {len(args)} are given.")] if args else []


def definition_of(entry: Entry) -> WorkflowDefinition:
    """An entry of the catalog as a definition."""
    code = entry.code
    retry = entry.retry_policy
    return WorkflowDefinition(
        name=entry.name,
        description=inspect.getdoc(entry.workflow) or entry.name,
        task_queue=entry.task_queue,
        input=TypedInput(entry.input_type, entry.check) if entry.input_type else NoInput(),
        phases=entry.phases,
        signals=_handlers((name, each.fn, each.description) for name, each in code.signals.items()),
        queries=_handlers((name, each.fn, each.description) for name, each in code.queries.items()),
        updates=_handlers((name, each.fn, each.description) for name, each in code.updates.items()),
        execution_timeout=_seconds(entry.execution_timeout),
        run_timeout=_seconds(entry.run_timeout),
        task_timeout=_seconds(entry.task_timeout),
        retry_policy=_retry_policy(retry) if retry else None,
        memo=entry.memo,
        tenant_field=entry.tenant_field,
        environment_field=entry.environment_field,
        for_platform=entry.for_platform,
        mutation=None if entry.is_ours else _mutation(entry.name),
        is_ours=entry.is_ours,
    )


def classes_of(kind: Any) -> Iterator[type]:
    """The dataclasses and models that a type is made of, each once, the outermost first."""
    seen: dict[type, None] = {}

    def visit(each: Any) -> None:
        for argument in get_args(each):
            visit(argument)
        if isinstance(each, type) and each not in seen and (is_dataclass(each) or hasattr(each, "model_fields")):
            seen[each] = None
            for hint in get_type_hints(each).values():
                visit(hint)

    visit(kind)
    yield from seen


def _handlers(found: Iterable[tuple[str | None, Callable[..., Any], str | None]]) -> tuple[Handler, ...]:
    """Without the one that has no name: it takes whatever has no handler of its own."""
    return tuple(
        Handler(name, description or inspect.getdoc(function), _arguments(function))
        for name, function, description in found
        if name is not None
    )


def _arguments(function: Callable[..., Any]) -> tuple[Argument, ...]:
    hints = get_type_hints(function)
    _, *parameters = inspect.signature(function).parameters.values()  # the first is self
    return tuple(
        Argument(each.name, each.default is each.empty, _schema(hints.get(each.name, Any))) for each in parameters
    )


def _schema(kind: Any) -> Mapping[str, Json]:
    try:
        schema: Mapping[str, Json] = _closed(TypeAdapter(kind).json_schema())
    except (PydanticSchemaGenerationError, PydanticUserError):
        return {}  # a type that only Temporal knows, such as RawValue, takes anything
    return schema


def _closed(schema: Json) -> Json:
    """The schema with every object that has named properties closed to others."""
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        return closed | {"additionalProperties": False} if "properties" in schema else closed
    return [_closed(each) for each in schema] if isinstance(schema, list) else schema


def _problem(workflow_type: str, error: ErrorDetails, schema: Json) -> Problem:
    path = error["loc"]
    if error["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return unknown(path, workflow_type, schema)
    if error["type"] in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return missing(path)
    return wrong(path, error["msg"].removeprefix("Input "), error["input"])


def _mutation(name: str) -> str:
    """`startPriceSync` of `PriceSyncWorkflow`, and `startOrderSync` of `order-sync`."""
    words = re.findall(r"[0-9A-Za-z]+", name.removesuffix("Workflow") or name)
    return "start" + "".join(each[0].upper() + each[1:] for each in words)


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span else None


def _retry_policy(policy: common.RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=policy.initial_interval.total_seconds(),
        backoff_coefficient=policy.backoff_coefficient,
        maximum_interval=_seconds(policy.maximum_interval),
        maximum_attempts=policy.maximum_attempts or None,
        non_retryable_error_types=tuple(policy.non_retryable_error_types or ()),
    )
