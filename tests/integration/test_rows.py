"""Runs on their way to the index."""

from __future__ import annotations

import asyncio
from typing import Any

from app.access import Scope
from app.gateway.acting.rows import MOST, Rows
from app.store import Database, Executions
from tests.integration.test_store_executions import execution


class Announced:
    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1


async def test_what_waits_is_written_at_once(db: Database, runs: Executions) -> None:
    announced = Announced()
    rows, before = Rows(runs, announced), db.statements
    for number in range(200):
        await rows.put([execution(f"w-{number}")])
    await rows.settled(Scope("acme"))
    assert await db.fetchval("select count(*) from executions") == 200
    assert db.statements - before - 1 == announced.times == 1


async def test_a_scope_waits_for_its_own_alone(db: Database, runs: Executions, owner: Any) -> None:
    rows = Rows(runs, Announced())
    async with owner.transaction():
        await owner.execute("lock table executions in share row exclusive mode")
        await rows.put([execution("w-1")])
        await rows.settled(Scope("globex"))
        settled = asyncio.create_task(rows.settled(Scope("acme", "production")))
        assert not (await asyncio.wait([settled], timeout=0.2))[0]
        await rows.put([execution("w-2", tenant="globex")])
    await settled
    await rows.settled(Scope())
    assert await db.fetchval("select count(*) from executions") == 2


async def test_those_who_bring_very_many_wait(db: Database, runs: Executions) -> None:
    rows = Rows(runs, Announced())
    await rows.put([execution(f"w-{number}") for number in range(MOST + 1)])
    assert await db.fetchval("select count(*) from executions") == MOST + 1


async def test_what_is_on_its_way_arrives_before_the_end(db: Database, runs: Executions) -> None:
    rows = Rows(runs, Announced())
    await rows.put([execution("w-1")])
    await rows.close()
    assert await db.fetchval("select count(*) from executions") == 1


async def test_what_cannot_be_written_keeps_nobody_waiting() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing", acquire_timeout=0.2)
    await away.connect()
    rows = Rows(Executions(away), announced := Announced())
    await rows.put([execution("w-1")])
    await rows.settled(Scope("acme"))
    await rows.put([execution("w-2")])
    await rows.close()
    assert announced.times == 0
    await away.close()
