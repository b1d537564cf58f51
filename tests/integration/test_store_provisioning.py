"""The making of a tenant in the database: attempts that come late, runs at once, and keys that nobody takes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.store.api_keys import ApiKeys
from app.store.database import Database
from app.store.hand_overs import HandOvers
from app.store.provisioning import AlreadyThere, Maker, NewKey, Provisioning, Undone


async def test_an_attempt_that_comes_late_makes_nothing(db: Database) -> None:
    """The run has been taken back while nobody could say what had become of the attempt."""
    making, maker = Provisioning(db), Maker("acme", "workflow", "run")

    async def create() -> None:
        await making.create(maker, display_name="Acme", company_name=None, created_by="ops")

    await create()
    await making.create_environments(maker, ["production"])
    await making.deactivate(maker)
    for late in (
        making.activate(maker),
        making.create_environments(maker, ["staging"]),
        making.set(maker, roles=["ADMIN"]),
    ):
        with pytest.raises(Undone):
            await late
    await making.remove(maker)
    with pytest.raises(Undone):
        await create()
    assert await db.fetchval("select count(*) from tenants") == 0


async def test_two_runs_at_once_make_one_tenant(db: Database) -> None:
    making = Provisioning(db)

    async def made(number: int) -> str | None:
        maker = Maker("acme", f"workflow-{number}", "run")
        try:
            await making.create(maker, display_name="Acme", company_name=None, created_by="ops")
        except AlreadyThere:
            return None
        return maker.workflow_id

    found = await asyncio.gather(*map(made, range(8)))
    (first,) = (each for each in found if each)
    assert await db.fetchval("select provisioned_by from tenants") == first


async def test_a_key_that_nobody_took_is_revoked(db: Database) -> None:
    making, hand_overs, maker = Provisioning(db), HandOvers(db), Maker("acme", "workflow", "run")
    await making.create(maker, display_name="Acme", company_name=None, created_by="ops")
    until = datetime.now(UTC) + timedelta(hours=1)
    place = "00000000-0000-0000-0000-000000000001"
    key = NewKey("a@b", "tdl_key_abc", b"digest", "ADMIN", place, b"sealed", "ops", until)
    await making.create_administrator(maker, "Ada", "a@b", key)
    made = await making.administrator(maker)
    assert made is not None
    assert await hand_overs.prune() == 0
    await db.execute("update hand_overs set expires_at = now()")
    assert not await hand_overs.take(place, "ops")
    assert await hand_overs.prune() == 1
    assert await hand_overs.prune() == 0
    found, kept = await hand_overs.find(place), await ApiKeys(db).find(made.key_id)
    assert found is not None
    assert found.sealed is None
    assert kept is not None
    assert kept.revoked_at is not None


async def test_a_key_that_somebody_took_is_not(db: Database) -> None:
    making, hand_overs, maker = Provisioning(db), HandOvers(db), Maker("acme", "workflow", "run")
    await making.create(maker, display_name="Acme", company_name=None, created_by="ops")
    place, until = "00000000-0000-0000-0000-000000000001", datetime.now(UTC) + timedelta(hours=1)
    key = NewKey("a@b", "tdl_key_abc", b"digest", "ADMIN", place, b"sealed", "ops", until)
    await making.create_administrator(maker, "Ada", "a@b", key)
    assert [await hand_overs.take(place, "ops") for _ in range(2)] == [True, False]
    await db.execute("update hand_overs set expires_at = now()")
    assert await hand_overs.prune() == 0
    assert await db.fetchval("select count(*) from api_keys where revoked_at is null") == 1
