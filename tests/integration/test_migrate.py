from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from starlette.datastructures import Secret
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

from app.errors import ConfigurationError
from app.migrate import SEARCH_ATTRIBUTES, run
from app.settings import Settings
from app.store.migrations import SchemaState, current
from tests.conftest import TemporalServer, free_port


@pytest.fixture
def settings(empty_database: str, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.address)
    return Settings(database_url=Secret(empty_database))


async def attributes(temporal: TemporalServer, namespace: str) -> set[str]:
    response = await temporal.client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace)
    )
    return set(response.custom_attributes)


async def test_prepares_database_and_namespace_twice_and_by_two_at_once(
    settings: Settings, temporal: TemporalServer
) -> None:
    namespace = f"n-{uuid.uuid4().hex}"
    await temporal.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    )
    settings = replace(settings, namespaces=(namespace,))
    await asyncio.gather(run(settings), run(settings))
    await run(settings)
    assert settings.database_url is not None
    assert await current(str(settings.database_url)) is SchemaState.CURRENT
    assert set(SEARCH_ATTRIBUTES) <= await attributes(temporal, namespace)


async def test_an_unknown_namespace_is_named(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="no namespace 'no-such-namespace'"):
        await run(replace(settings, namespaces=("default", "no-such-namespace")))


async def test_temporal_that_stays_away_is_told_in_the_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    with pytest.raises(ConfigurationError, match=r"cannot be reached.*Waited 1 s"):
        await run(settings, temporal_wait=1)


async def test_without_a_database_there_is_nothing_to_do() -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        await run(Settings())
