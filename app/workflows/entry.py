"""What a domain says of each workflow type that it brings to the catalog.

A domain's module ends with `WORKFLOWS`, a tuple of these; one line of `app/registry/catalog.py` names it. What the
workflow's own code says is not said again: its name, its input, its signals, queries and updates are read from the
class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

Check = Callable[[Any], Iterable[tuple[tuple[str | int, ...], str]]]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One workflow type. Options that are not given leave the server's default."""

    workflow: type
    """The class that the worker hosts. It takes nothing, or one dataclass or pydantic model: on the wire, a JSON
    object of its fields. Its docstring is the description."""
    task_queue: str
    activities: str | None = None
    """`module:function`, taking the worker's `outbound.Connections` and returning the activities. Only the worker
    imports it, so that the gateway does without the libraries of activities."""
    house_activities: str | None = None
    """In their place, of activities that work on Tideline's own database: `module:function`, an async one that takes
    the worker's `AsyncExitStack` and `app.gateway.hosted.house.House`. A worker without DATABASE_URL leaves them to
    others."""
    check: Check | None = None
    """What the types of the input cannot say: paths and sentences of what is wrong with an input."""
    phases: tuple[str, ...] = ()
    execution_timeout: timedelta | None = None
    run_timeout: timedelta | None = None
    task_timeout: timedelta | None = None
    retry_policy: RetryPolicy | None = None
    memo: Mapping[str, Any] = field(default_factory=dict)
    tenant_field: str | None = None
    """The field of the input that names the tenant, which must be the caller's."""
    environment_field: str | None = None

    for_platform: bool = False
    """Only a platform may start it, and its runs belong to no tenant, so that nobody else sees or touches them."""
    is_ours: bool = False
    """Started by Tideline itself, and by nobody else: it has no mutation of its own."""

    @property
    def name(self) -> str:
        name: str | None = self.code.name
        if name is None:
            raise ValueError(f"{self.workflow.__name__} is a dynamic workflow, which has no name to be known by.")
        return name

    @property
    def code(self) -> Any:
        """What the decorators of the class said. The SDK keeps it to itself, but nothing else knows."""
        return workflow._Definition.must_from_class(self.workflow)

    @property
    def input_type(self) -> type | None:
        taken = self.code.arg_types or []
        if len(taken) > 1:
            raise ValueError(f"{self.name} takes {len(taken)} arguments: make them fields of one dataclass.")
        return taken[0] if taken else None
