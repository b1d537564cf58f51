"""What every resolver can reach: who asks, the verbs, and what this operation has loaded already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import strawberry
from graphql import get_named_type
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension

from app.access import Identity
from app.api.compiled import Loaded, Told
from app.gateway import Caller, Gateway
from app.gateway.reading.asking import Interface
from app.gateway.starting.starting import LONGEST_WAIT
from app.model import Execution, ExecutionRef, Payload, Projection, RunView, WorkflowStatus
from app.store.archive import Archived, ProjectionParts
from app.store.relations import Children, Neighbours, Window


@dataclass(frozen=True, slots=True)
class Chain:
    """Asks for a run's neighbours in its chain."""

    ref: ExecutionRef


class Loaders:
    """Reads of one operation, or of one event of a stream, gathered into batches."""

    def __init__(self, gateway: Gateway, identity: Identity) -> None:
        self._gateway = gateway
        self._identity = identity
        self._rows: dict[ExecutionRef, Execution] = {}
        self._known = False

    async def view(self, execution: Execution) -> RunView:
        """Everything of a run that the caller may see."""
        self._note(execution)
        return await self._views.load(execution.ref)

    def _note(self, execution: Execution) -> None:
        self._rows[execution.ref] = execution
        if isinstance(execution, Execution):
            self._near.prime(execution.ref, execution)

    def row(self, ref: ExecutionRef) -> Execution | None:
        """What has been loaded of a run in this operation."""
        return self._rows.get(ref)

    async def projections(
        self, executions: Sequence[Execution], parts: frozenset[str] | None
    ) -> Sequence[Projection | ProjectionParts | BaseException]:
        """What the histories of many runs say, at once; of their projections only the named parts, else all."""
        if parts is not None and not self._known:
            return await self._gateway.reading.projections(executions, parts)
        views = await asyncio.gather(*map(self.view, executions), return_exceptions=True)
        return [each if isinstance(each, BaseException) else each.projection for each in views]

    def know(self, view: RunView) -> None:
        """Take this for what is known of its run."""
        self._known = True
        self._rows[view.execution.ref] = view.execution
        self._views.prime(view.execution.ref, view)

    async def previous_run(self, execution: Execution) -> Execution | None:
        """The run that it continues; where the index does not know, as its history says."""
        previous, _ = await self._chain(execution)
        if previous is None and execution.first_run_id not in {None, execution.run_id}:
            return await self._named(execution, (await self.view(execution)).projection.previous_run_id)
        return previous

    async def next_run(self, execution: Execution) -> Execution | None:
        """The run that continues it; where the index does not know, as its history says."""
        _, following = await self._chain(execution)
        if following is None and execution.next_run_id is not None:
            return await self._named(execution, execution.next_run_id)
        if following is None and execution.status is WorkflowStatus.CONTINUED_AS_NEW:
            return await self._named(execution, (await self.view(execution)).projection.next_run_id)
        return following

    async def _chain(self, execution: Execution) -> Neighbours:
        self._note(execution)
        neighbours: Neighbours = await self._near.load(Chain(execution.ref))
        return neighbours

    async def _named(self, execution: Execution, run_id: str | None) -> Execution | None:
        if run_id is None:
            return None
        return await self.executions.load(ExecutionRef(execution.namespace, execution.workflow_id, run_id))

    async def interface(self, execution: Execution) -> Interface:
        """What its worker says that it declares: asked once for all fields of a run."""
        self._note(execution)
        return await self._interfaces.load(execution.ref)

    async def readable(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload]:
        """Payloads through the codec; what cannot be decoded says so."""
        return await self._payloads.load_many([(namespace, each) for each in payloads])

    @property
    def executions(self) -> DataLoader[ExecutionRef, Execution | None]:
        """Runs by their names. None where there is none that the caller may see."""
        return self._near

    @cached_property
    def children(self) -> DataLoader[Window, Children]:
        return DataLoader(load_fn=self._load_children)

    @cached_property
    def _near(self) -> DataLoader[Any, Any]:
        """Runs by their names, and neighbours by their Chain, in one statement."""
        return DataLoader(load_fn=self._load_near)

    @cached_property
    def _views(self) -> DataLoader[ExecutionRef, RunView]:
        return DataLoader(load_fn=self._load_views)

    @cached_property
    def _interfaces(self) -> DataLoader[ExecutionRef, Interface]:
        return DataLoader(load_fn=self._load_interfaces)

    @cached_property
    def _payloads(self) -> DataLoader[tuple[str, Payload], Payload]:
        return DataLoader(load_fn=self._load_payloads, cache=False)

    async def _load_views(self, refs: list[ExecutionRef]) -> list[RunView | BaseException]:
        return await self._gateway.reading.views([self._rows[ref] for ref in refs])

    async def _load_near(self, keys: list[ExecutionRef | Chain]) -> list[Execution | Neighbours | BaseException | None]:
        refs = [key for key in keys if isinstance(key, ExecutionRef)]
        chains = [key for key in keys if isinstance(key, Chain)]
        runs, neighbours = await self._gateway.relations.near(
            self._identity, refs, [self._rows[each.ref] for each in chains]
        )
        found: dict[ExecutionRef | Chain, Execution | Neighbours | BaseException | None] = {}
        found.update(zip(refs, runs, strict=True))
        found.update(zip(chains, neighbours, strict=True))
        return [found[key] for key in keys]

    async def _load_children(self, windows: list[Window]) -> list[Children]:
        return await self._gateway.relations.children(self._identity, windows)

    async def _load_interfaces(self, refs: list[ExecutionRef]) -> list[Interface | BaseException]:
        asking = self._gateway.asking
        return await asyncio.gather(
            *(asking.interface(self._identity, self._rows[ref]) for ref in refs), return_exceptions=True
        )

    async def _load_payloads(self, keys: list[tuple[str, Payload]]) -> list[Payload]:
        found: dict[int, Payload] = {}
        for namespace in dict.fromkeys(namespace for namespace, _ in keys):
            places = [place for place, key in enumerate(keys) if key[0] == namespace]
            decoded = await self._gateway.payloads.readably(namespace, [keys[place][1] for place in places])
            found.update(zip(places, decoded, strict=True))
        return [found[place] for place in range(len(keys))]


Reads = Callable[[str, Any, Sequence[Any]], frozenset[str] | None]
"""See `CompiledExecution.reads`."""


@dataclass
class Context:
    gateway: Gateway
    caller: Caller
    resume: str | None = None
    """The cursor of the last update that the client's transport says it got."""
    is_continued: bool = False
    """Whether `resume` is of this process's own making, where it goes on with a stream."""
    loaders: Loaders = field(init=False)
    deadline: asyncio.Timeout | None = None
    """Of the whole operation, where it has one."""
    reads: Reads | None = None
    """Finds what a selection reads of its objects, where that can be told."""

    @property
    def identity(self) -> Identity:
        return self.caller.identity

    def __post_init__(self) -> None:
        self.renew()

    def extend(self, seconds: float | None) -> None:
        """Give the operation more time, for what its caller wants to wait for; at most a minute."""
        until = self.deadline.when() if self.deadline is not None else None
        if self.deadline is not None and until is not None and seconds is not None and seconds > 0:
            self.deadline.reschedule(until + min(seconds, LONGEST_WAIT))

    def renew(self) -> None:
        """Forget what was loaded: each event of a stream reads anew."""
        self.loaders = Loaders(self.gateway, self.identity)


Info = strawberry.Info[Context, None]


def read_of(type_: str, info: Info) -> frozenset[str] | None:
    """The attributes that the document reads of objects of this type in the value of the field; None stands for any."""
    raw = info._raw_info
    if info.context.reads is None:
        return None
    return info.context.reads(type_, get_named_type(raw.return_type), raw.field_nodes)


UNREADABLE = "Null, with an error, where neither Temporal nor the archive can be read."
"""Why a field is nullable that every run has: one that fails must not take its page with it."""


async def view_of(execution: Execution, info: Info) -> RunView:
    return await info.context.loaders.view(execution)


async def _projection(context: Context, execution: Execution) -> Projection:
    return (await context.loaders.view(execution)).projection


async def _projections(
    context: Context, executions: Sequence[Execution], parts: frozenset[str] | None
) -> Sequence[Projection | ProjectionParts | BaseException]:
    return await context.loaders.projections(executions, parts)


_NAMED = frozenset({"namespace", "workflow_id", "run_id", "status"})


def told(parts: frozenset[str], tell: Callable[[Any], Any]) -> list[FieldExtension]:
    """Of a field that an archived run need not be asked for: these parts of its projection tell."""
    return [Told(_projection, _projections, parts, tell, reads=_NAMED, lasting=Archived)]


def projected(part: str) -> list[FieldExtension]:
    """Of a field whose resolver takes `found`: this part of the run's projection."""
    return [Loaded(_projection, _projections, part, reads=_NAMED, lasting=Archived)]
