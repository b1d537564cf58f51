"""Workflow types in other languages: the definitions of a `workflows.yaml`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.errors import ConfigurationError
from app.model import Json, RetryPolicy
from app.registry.catalog import DEFINITIONS, Registry
from app.registry.definition import Argument, Handler, WorkflowDefinition
from app.registry.schemas import AnyInput, SchemaInput, flaw

Seconds = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class _Retry(_Part):
    initial_interval_seconds: Seconds = 1.0
    backoff_coefficient: Annotated[float, Field(ge=1)] = 2.0
    maximum_interval_seconds: Seconds | None = None
    maximum_attempts: Annotated[int, Field(ge=1)] | None = None
    non_retryable_error_types: tuple[str, ...] = ()


class _Defaults(_Part):
    execution_timeout_seconds: Seconds | None = None
    run_timeout_seconds: Seconds | None = None
    task_timeout_seconds: Seconds | None = None
    retry_policy: _Retry | None = None
    memo: dict[str, Any] = {}


class _Handler(_Part):
    description: str | None = None
    input: dict[str, Any] | None = None


class _Workflow(_Part):
    description: str | None = None
    task_queue: Name
    input: dict[str, Any] | None = None
    signals: dict[Name, _Handler | None] = {}
    queries: dict[Name, _Handler | None] = {}
    updates: dict[Name, _Handler | None] = {}
    phases: tuple[Name, ...] = ()
    defaults: _Defaults = _Defaults()
    tenant_field: Name | None = None
    environment_field: Name | None = None


class _File(_Part):
    workflows: dict[Name, _Workflow]


def configured_registry(path: Path | None) -> Registry:
    """The catalog's types and those of the file, if there is one. Raises as `read` does."""
    return Registry(others=read(path, [each.name for each in DEFINITIONS]) if path else ())


def read(path: Path, taken: Iterable[str] = ()) -> tuple[WorkflowDefinition, ...]:
    """The definitions of a file; `taken` are names that are registered already.

    Raises ConfigurationError with the file, the place in it and what is wrong there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} (TIDELINE_WORKFLOWS) cannot be read: {error}.") from None
    try:
        found = _File.model_validate(yaml.load(text, _Loader))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{path}{line}: {error.problem or error.context}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _mistake(path, text, first["loc"], first["msg"].removeprefix("Input ")) from None
    _check(path, text, found, frozenset(taken))
    return tuple(_definition(name, each) for name, each in found.workflows.items())


class _Loader(yaml.SafeLoader):
    """JSON's values only: a date stays text, and a key that is there twice is a mistake."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and the kind are PyYAML's
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _check(path: Path, text: str, file: _File, taken: frozenset[str]) -> None:
    for name, each in file.workflows.items():
        where = ("workflows", name)
        if name in taken:
            raise _mistake(path, text, where, "is a workflow type of the catalog already")
        schemas: list[tuple[tuple[str, ...], Json]] = [((*where, "input"), each.input)]
        for kind in ("signals", "queries", "updates"):
            for handler, said in getattr(each, kind).items():
                schemas.append(((*where, kind, handler, "input"), said.input if said else None))
        for place, schema in schemas:
            if schema is not None and (wrong := flaw(schema)):
                raise _mistake(path, text, (*place, *wrong[0]), f"is no JSON Schema: {wrong[1]}")
        properties = (each.input or {}).get("properties", {})
        for key, field in (("tenantField", each.tenant_field), ("environmentField", each.environment_field)):
            if field is not None and field not in properties:
                raise _mistake(path, text, (*where, key), f"names {field!r}, which is no property of the input")


def _mistake(path: Path, text: str, place: Sequence[str | int], message: str) -> ConfigurationError:
    told = ".".join(map(str, place)) or "the file"
    return ConfigurationError(f"{path}, line {_line(text, place)}: {told}: {message.rstrip('.')}.")


def _line(text: str, place: Sequence[str | int]) -> int:
    """The line of what stands at `place`, or of the innermost thing around it that is there."""
    node, line = yaml.compose(text, _Loader), 1
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
    return line


def _definition(name: str, said: _Workflow) -> WorkflowDefinition:
    defaults = said.defaults
    return WorkflowDefinition(
        name=name,
        description=said.description or name,
        task_queue=said.task_queue,
        input=AnyInput() if said.input is None else SchemaInput(said.input),
        phases=said.phases,
        signals=_handlers(said.signals),
        queries=_handlers(said.queries),
        updates=_handlers(said.updates),
        execution_timeout=defaults.execution_timeout_seconds,
        run_timeout=defaults.run_timeout_seconds,
        task_timeout=defaults.task_timeout_seconds,
        retry_policy=_retry_policy(defaults.retry_policy) if defaults.retry_policy else None,
        memo=defaults.memo,
        tenant_field=said.tenant_field,
        environment_field=said.environment_field,
    )


def _handlers(found: Mapping[str, _Handler | None]) -> tuple[Handler, ...]:
    return tuple(
        Handler(name, each.description if each else None, _arguments(each.input if each else None))
        for name, each in found.items()
    )


def _arguments(schema: Mapping[str, Json] | None) -> tuple[Argument, ...] | None:
    return None if schema is None else (Argument("input", True, schema),)


def _retry_policy(said: _Retry) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=said.initial_interval_seconds,
        backoff_coefficient=said.backoff_coefficient,
        maximum_interval=said.maximum_interval_seconds,
        maximum_attempts=said.maximum_attempts,
        non_retryable_error_types=said.non_retryable_error_types,
    )
