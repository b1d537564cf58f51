"""What readiness means: each part that an answer can depend on, asked for itself."""

from __future__ import annotations

from app.bus import Bus
from app.gateway.health import Check, Finding
from app.store.database import Database
from app.store.migrations import SchemaState, current
from app.store.sources import Sources
from app.store.watermarks import Watermarks
from app.temporal.connection import Temporal

TOLERATED_LAG = 10.0
"""Seconds that the index may be behind before lists are no longer taken for live."""


def checks(database: Database, temporal: Temporal, bus: Bus) -> dict[str, Check]:
    async def postgres() -> Finding:
        await database.check()
        return Finding(True)

    async def migrations() -> Finding:
        async with database.transaction() as connection:
            state = await current(connection)
        if state is SchemaState.CURRENT:
            return Finding(True)
        return Finding(False, f"The database is {state.lower()} this version. Run `tideline migrate` of the newest.")

    async def reachable() -> Finding:
        await temporal.check()
        return Finding(True)

    async def hints() -> Finding:
        healthy, reason = bus.healthy
        return Finding(healthy, None if healthy else reason)

    async def indexer() -> Finding:
        if refusals := await Sources(database).refusals(temporal.namespaces):
            return Finding(False, " ".join(refusals.values()), {"refusedNamespaces": list(refusals)})
        lags = [await Watermarks(database).lag(namespace) for namespace in temporal.namespaces]
        if None in lags:
            return Finding(False, "No indexer has run yet. Start `tideline index`.", {"lagSeconds": None})
        lag = max(each for each in lags if each is not None)
        reason = f"The index is {lag:.0f} s behind. Check that `tideline index` runs." if lag > TOLERATED_LAG else None
        return Finding(reason is None, reason, {"lagSeconds": round(lag, 3)})

    return {
        "postgres": postgres,
        "migrations": migrations,
        "temporal": reachable,
        "bus": hints,
        "indexer": indexer,
    }
