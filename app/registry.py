"""The catalog: which workflow types are known by name, and what each of them takes.

Any workflow can be started and watched without being here. One that is here is hosted by `tideline worker`,
has a mutation of its own, and has its input checked before Temporal hears of it. A new type is a module in
`app/workflows` and an entry of `CATALOG`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_type_hints

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from app.model import Json, RetryPolicy
from app.workflows.price_sync import model as price_sync_model
from app.workflows.price_sync import problems as price_sync_problems
from app.workflows.price_sync import workflow as price_sync

_LONGEST_SHOWN = 60
_MOST_PROBLEMS = 50


class Problem(NamedTuple):
    """A wrong value of an input, and what it must be. `path` leads to it from the list of arguments."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True)
class WorkflowDefinition:
    """One workflow type of the catalog. Timeouts are in seconds; None leaves the server's default."""

    name: str
    workflow: type
    """The class that Temporal's worker hosts; its docstring is the description."""
    input_type: type
    """The dataclass that is the workflow's only argument. On the wire it is a JSON object of its fields."""
    task_queue: str
    mutation: str
    """The name of its typed mutation."""
    activities: str
    """`module:function`, taking the worker's connections and returning the activities. Only the worker
    imports it, so that the gateway does without the libraries of activities."""
    check: Callable[[Any], Iterable[tuple[tuple[str | int, ...], str]]] | None = None
    """What the types of the input cannot say: paths and sentences of what is wrong with an input."""
    phases: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    retry_policy: RetryPolicy | None = None
    tenant_field: str | None = None
    """The field of the input that names the tenant, which must be the caller's."""
    environment_field: str | None = None

    @property
    def description(self) -> str:
        return inspect.getdoc(self.workflow) or self.name

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.input_type)

    @cached_property
    def json_schema(self) -> Mapping[str, Json]:
        """JSON Schema of the input, as of 2020-12. Fields that it does not name are refused."""
        schema: Mapping[str, Json] = _closed(self._adapter.json_schema())
        return schema

    def problems(self, args: Sequence[Json]) -> list[Problem]:
        """The wrong values of the arguments, at most fifty; none when the workflow can be started with them."""
        if len(args) != 1:
            return [Problem((), f"{self.name} takes one input, a {self.input_type.__name__}; {len(args)} are given.")]
        try:
            value = self._adapter.validate_json(orjson.dumps(args[0]), strict=True, extra="forbid")
        except orjson.JSONEncodeError as error:  # an integer beyond 64 bits, half a character, too deep
            return [Problem((0,), f"The input cannot be written as JSON: {error}.")]
        except ValidationError as error:
            return [self._problem(each) for each in error.errors(include_url=False)[:_MOST_PROBLEMS]]
        found = self.check(value) if self.check else ()
        return [Problem((0, *path), message) for path, message in found]

    def _problem(self, error: ErrorDetails) -> Problem:
        path = error["loc"]
        where = ".".join(map(str, path)) or "The input"
        if error["type"] == "unexpected_keyword_argument":
            return Problem((0, *path), f"{where} is no field of {self.name}'s input.{self._known(path[:-1])}")
        if error["type"] in {"missing", "missing_argument", "missing_keyword_only_argument"}:
            return Problem((0, *path), f"{where} is missing.")
        said = error["msg"].removeprefix("Input ")
        return Problem((0, *path), f"{where} {said}; it is {_shown(error['input'])}.")

    def _known(self, path: Sequence[str | int]) -> str:
        """The names that the object at `path` may have."""
        kind: Any = self.input_type
        for part in path:
            kind = get_type_hints(kind).get(str(part)) if is_dataclass(kind) else None
        return f" It has: {', '.join(each.name for each in fields(kind))}." if is_dataclass(kind) else ""


class Registry:
    """The definitions by name."""

    def __init__(self, definitions: Iterable[WorkflowDefinition] | None = None) -> None:
        self.definitions = CATALOG if definitions is None else tuple(definitions)
        self._by_name = {each.name: each for each in self.definitions}

    def find(self, name: str) -> WorkflowDefinition | None:
        return self._by_name.get(name)

    def problems(self, name: str, args: Sequence[Json]) -> list[Problem]:
        """The wrong values of the arguments of a new run; none for a type that the catalog does not know."""
        definition = self.find(name)
        return definition.problems(args) if definition else []

    def json_schema(self, name: str) -> Mapping[str, Json] | None:
        """JSON Schema of the input; None for a type that the catalog does not know."""
        definition = self.find(name)
        return definition.json_schema if definition else None


def _closed(schema: Json) -> Json:
    """The schema with every object that has named properties closed to others."""
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        return closed | {"additionalProperties": False} if "properties" in schema else closed
    return [_closed(each) for each in schema] if isinstance(schema, list) else schema


def _shown(value: Json) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


CATALOG: tuple[WorkflowDefinition, ...] = (
    WorkflowDefinition(
        name="PriceSyncWorkflow",
        workflow=price_sync.PriceSyncWorkflow,
        input_type=price_sync_model.PriceSyncInput,
        task_queue=price_sync.TASK_QUEUE,
        mutation="startPriceSync",
        activities="app.workflows.price_sync.activities:activities",
        check=price_sync_problems.problems,
        phases=price_sync.PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
