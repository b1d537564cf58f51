"""A workflow type as the registry knows it, in whatever language it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.model import Json, RetryPolicy
from app.registry.problems import Problem


class Input(Protocol):
    """What a workflow type takes."""

    @property
    def json_schema(self) -> Mapping[str, Json] | None:
        """JSON Schema of the one argument; None where there is none, or nothing is known of it."""

    def problems(self, workflow_type: str, args: Sequence[Json]) -> list[Problem]:
        """The wrong values of the arguments, at most fifty; none when the workflow can be started with them."""


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    required: bool
    schema: Mapping[str, Json]
    """JSON Schema; empty where anything goes."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A signal, query or update of a workflow type."""

    name: str
    description: str | None = None
    arguments: tuple[Argument, ...] | None = None
    """None where the definition does not say."""


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """One registered workflow type. Timeouts are in seconds; None leaves the server's default."""

    name: str
    description: str
    task_queue: str
    input: Input
    phases: tuple[str, ...] = ()
    signals: tuple[Handler, ...] = ()
    queries: tuple[Handler, ...] = ()
    updates: tuple[Handler, ...] = ()
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    retry_policy: RetryPolicy | None = None
    memo: Mapping[str, Json] = field(default_factory=dict)
    tenant_field: str | None = None
    """The field of the input that names the tenant, which must be the caller's."""
    environment_field: str | None = None
    for_platform: bool = False
    """Only a platform may start it, and its runs belong to no tenant."""
    mutation: str | None = None
    """The name of its typed mutation; None where its input is not known as Python types."""
    is_ours: bool = False
    """Started by Tideline itself, and by nobody else."""

    @property
    def json_schema(self) -> Mapping[str, Json] | None:
        """JSON Schema of the input, as of 2020-12."""
        return self.input.json_schema

    def problems(self, args: Sequence[Json]) -> list[Problem]:
        """The wrong values of the arguments, at most fifty; none when the workflow can be started with them."""
        return self.input.problems(self.name, args)
