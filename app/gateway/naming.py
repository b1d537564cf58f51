"""What a caller calls a run, and which run is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, TypeVar

from app.access import Identity
from app.access.workflow_ids import WorkflowIds
from app.model import Execution


class _Scoped(Protocol):
    @property
    def tenant(self) -> str | None: ...
    @property
    def environment(self) -> str | None: ...
    @property
    def workflow_ids(self) -> Sequence[str]: ...


F = TypeVar("F", bound=_Scoped)


def within(identity: Identity, filter_: F, ids: WorkflowIds) -> F | None:
    """The filter within what the identity may see, by the ids in Temporal; None where it names another tenant."""
    scope = identity.scope
    for asked, seen in ((filter_.tenant, scope.tenant), (filter_.environment, scope.environment)):
        if asked is not None and seen is not None and asked != seen:
            return None
    return replace(  # type: ignore[type-var]  # a frozen dataclass, of which a protocol cannot speak
        filter_,
        tenant=scope.tenant or filter_.tenant,
        environment=scope.environment or filter_.environment,
        workflow_ids=ids.any_meant(identity, filter_.workflow_ids),
    )


class Name(NamedTuple):
    """What a caller calls a run; without a run id, the latest run of the workflow id."""

    namespace: str
    workflow_id: str
    run_id: str | None


def meanings(ids: WorkflowIds, identity: Identity, name: Name) -> Sequence[Name]:
    """The names in Temporal that the caller may mean by this one, the likelier first."""
    return [name._replace(workflow_id=each) for each in ids.meant(identity, name.workflow_id)]


def best(rows: Sequence[Execution | BaseException | None]) -> Execution | BaseException | None:
    """The first that is there; an error stands only where nothing else does."""
    there = next((row for row in rows if isinstance(row, Execution)), None)
    return there or next((row for row in rows if row is not None), None)
