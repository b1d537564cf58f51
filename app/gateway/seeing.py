"""Whoever is served: what Postgres lets their statements see, the second wall behind the filters of each verb, and what
they call a workflow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import TypeVar

from app.access import Identity
from app.access.workflow_ids import WorkflowIds, plainly, without
from app.model import Json
from app.store.sight import EVERYTHING, Sight, held, seeing

T = TypeVar("T")

SCHEDULED_BY = "TemporalScheduledById"
_part: ContextVar[str] = ContextVar("part", default="")


@contextmanager
def serving(identity: Identity, ids: WorkflowIds) -> Iterator[None]:
    """Serve this caller, here and in the tasks that begin here."""
    with held(_part, ids.part(identity)), seeing(sight_of(identity)):
        yield


def part() -> str:
    """What is left out of the ids that whoever is served knows: who has the same is told the same."""
    return _part.get()


def shown(workflow_id: str) -> str:
    """The id of a workflow, or of a schedule, as whoever is served knows it."""
    return without(_part.get(), workflow_id)


def said(text: str) -> str:
    """A sentence of ours, with the workflow ids in it as whoever is served knows them."""
    return plainly(_part.get(), text)


def shown_attributes(attributes: Mapping[str, Json]) -> Mapping[str, Json]:
    """The search attributes of a run; Temporal names in them the schedule that started it."""
    schedule_id = attributes.get(SCHEDULED_BY)
    if not _part.get() or not isinstance(schedule_id, str):
        return attributes
    return {**attributes, SCHEDULED_BY: shown(schedule_id)}


async def served(identity: Identity, ids: WorkflowIds, answers: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same stream, each step of which serves this caller, whoever's task takes it."""
    async with aclosing(answers):
        while True:
            with serving(identity, ids):
                try:
                    answer = await anext(answers)
                except StopAsyncIteration:
                    return
            yield answer


def sight_of(identity: Identity) -> Sight:
    scope = identity.scope
    return EVERYTHING if scope.tenant is None else Sight(scope.tenant, scope.environment)
