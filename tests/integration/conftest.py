"""What tests of the store share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.store import Database, Executions


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    db = Database(database)
    await db.connect()
    yield db
    await db.close()


@pytest.fixture
def runs(db: Database) -> Executions:
    return Executions(db)
