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

    @cached_property
    def views(self) -> DataLoader[Execution, RunView]:
        return DataLoader(load_fn=self._views, cache_key_fn=_ref_of)

    @cached_property
    def executions(self) -> DataLoader[ExecutionRef, Execution | None]:
        return DataLoader(load_fn=self._executions)

    async def _views(self, executions: list[Execution]) -> list[RunView | BaseException]:
        return await self._gateway.reading.views(executions)

    async def _executions(self, refs: list[ExecutionRef]) -> list[Execution | None]:
        return await self._gateway.reading.executions(self._identity, refs)


def _ref_of(execution: Execution) -> ExecutionRef:
    return execution.ref


@dataclass
class Context:
    gateway: Gateway
    caller: Caller
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
