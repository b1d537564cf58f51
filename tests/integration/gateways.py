"""A whole gateway without sockets, over a real Temporal and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from app.access import Identity, Role, Scope
from app.api.engine import Engine, Operation
from app.bus import Bus
from app.gateway import Caller, Gateway
from app.gateway.health import Health
from app.registry import Registry
from app.settings import Settings
from app.store.database import Database
from app.temporal.connection import Temporal, Tenancy
from app.temporal.payloads import Payloads
from app.web.assembly import assemble

ANYBODY = Identity("anybody", "default", "default", frozenset({Role.PLATFORM}), Scope())


def member(tenant: str, role: Role = Role.ADMIN, environment: str = "default") -> Identity:
    return Identity(f"member of {tenant}", tenant, environment, frozenset({role}), Scope(tenant, environment))


@dataclass(frozen=True)
class Host:
    gateway: Gateway
    engine: Engine
    database: Database
    temporal: Temporal
    bus: Bus

    async def ask(self, query: str, /, identity: Identity = ANYBODY, **variables: Any) -> Any:
        """The whole response of one operation."""
        caller = Caller(identity, "request-1", "127.0.0.1")
        return orjson.loads((await self.engine.execute(Operation(query, variables), caller)).body)

    async def data(self, query: str, /, identity: Identity = ANYBODY, **variables: Any) -> Any:
        """The data of one operation that must not fail."""
        answer = await self.ask(query, identity, **variables)
        assert "errors" not in answer, answer
        return answer["data"]


@asynccontextmanager
async def hosted(
    temporal_address: str,
    database_url: str,
    *namespaces: str,
    payloads: Payloads | None = None,
    registry: Registry | None = None,
    bus_url: str = "memory://",
    settings: Settings | None = None,
    tenancy: Tenancy | None = None,
) -> AsyncIterator[Host]:
    async with AsyncExitStack() as stack:
        temporal = Temporal(
            {"target_host": temporal_address},
            namespaces or ("default",),
            tenancy=tenancy or Tenancy(),
            payloads=payloads,
        )
        stack.push_async_callback(temporal.close)
        database = Database(database_url)
        await database.connect()
        stack.push_async_callback(database.close)
        bus = await stack.enter_async_context(Bus(bus_url, ping_interval=0.5, max_backoff=0.2))
        gateway = assemble(stack, temporal, database, bus, Health({}), settings, registry)
        yield Host(gateway, Engine(gateway), database, temporal, bus)
