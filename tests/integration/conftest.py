"""What tests with servers share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.store import Database, Executions
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted
from tests.integration.states import Stage, staged


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    db = Database(database)
    await db.connect()
    yield db
    await db.close()


@pytest.fixture
def runs(db: Database) -> Executions:
    return Executions(db)


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as made:
        yield made


@pytest.fixture
async def stage(temporal: TemporalServer, task_queue: str) -> AsyncIterator[Stage]:
    async with staged(temporal.client, task_queue) as made:
        yield made
