"""What every resolver can reach: who asks, the verbs, and what this operation has loaded already."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import strawberry
from strawberry.dataloader import DataLoader

from app.access import Identity
from app.gateway import Caller, Gateway
from app.model import Execution, ExecutionRef, RunView


class Loaders:
    """Reads of one operation, or of one event of a stream, gathered into batches."""

    def __init__(self, gateway: Gateway, identity: Identity) -> None:
        self._gateway = gateway
        self._identity = identity
        self._rows: dict[ExecutionRef, Execution] = {}

    async def view(self, execution: Execution) -> RunView:
        """Everything of a run that the caller may see."""
        self._rows[execution.ref] = execution
        return await self._views.load(execution.ref)

    def know(self, view: RunView) -> None:
        """Take this for what is known of its run."""
        self._views.prime(view.execution.ref, view)

    @cached_property
    def _views(self) -> DataLoader[ExecutionRef, RunView]:
        return DataLoader(load_fn=self._load_views)

    @cached_property
    def executions(self) -> DataLoader[ExecutionRef, Execution | None]:
        return DataLoader(load_fn=self._executions)

    async def _load_views(self, refs: list[ExecutionRef]) -> list[RunView | BaseException]:
        return await self._gateway.reading.views([self._rows[ref] for ref in refs])

    async def _executions(self, refs: list[ExecutionRef]) -> list[Execution | None]:
        return await self._gateway.reading.executions(self._identity, refs)


@dataclass
class Context:
    gateway: Gateway
    caller: Caller
    resume: str | None = None
    """The cursor of the last update that the client's transport says it got."""
    loaders: Loaders = field(init=False)

    @property
    def identity(self) -> Identity:
        return self.caller.identity

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget what was loaded: each event of a stream reads anew."""
        self.loaders = Loaders(self.gateway, self.identity)


Info = strawberry.Info[Context, None]
