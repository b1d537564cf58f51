"""Namespaces, search attributes and the server's version through the engine; and servers that offer less."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import TEMPORAL, TemporalServer, server_of
from tests.integration.gateways import Host, hosted, member

NAMESPACES = """{ namespaces { name id state retentionSeconds historyArchival visibilityArchival isGlobal activeCluster
  clusters payloadLimitBytes memoLimitBytes capabilities { name enabled } } }"""
CLUSTER = """{ cluster { serverVersion name id historyShards persistenceStore visibilityStore
  capabilities { name enabled } } }"""
ATTRIBUTES = "{ searchAttributes { name type isSystem } }"


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


@pytest.fixture(scope="module")
async def lesser() -> AsyncIterator[str]:
    """The address of the test server, which offers as little as an old one."""
    starting = WorkflowEnvironment.start_time_skipping(test_server_existing_path=f"{TEMPORAL}-test-server")
    async with server_of(starting) as server:
        yield server.address


async def test_namespaces(host: Host) -> None:
    (found,) = (await host.data(NAMESPACES))["namespaces"]
    assert (found["name"], found["state"], found["retentionSeconds"]) == ("default", "REGISTERED", 86400)
    assert (found["historyArchival"], found["isGlobal"]) == (False, False)
    assert found["clusters"] == [found["activeCluster"]]
    assert found["payloadLimitBytes"] == 2 * 1024 * 1024
    capabilities = {each["name"]: each["enabled"] for each in found["capabilities"]}
    assert capabilities["workflow_pause"] is True
    assert capabilities["worker_heartbeats"] is True


async def test_search_attributes(host: Host) -> None:
    found = (await host.data(ATTRIBUTES))["searchAttributes"]
    assert {"name": "TenantId", "type": "KEYWORD", "isSystem": False} in found
    assert {"name": "StartTime", "type": "DATETIME", "isSystem": True} in found
    assert [each["isSystem"] for each in found] == sorted(each["isSystem"] for each in found)


async def test_the_cluster(host: Host) -> None:
    found = (await host.data(CLUSTER))["cluster"]
    assert found["serverVersion"].startswith("1.")
    assert (found["persistenceStore"], found["visibilityStore"]) == ("sqlite", "sqlite")
    assert found["historyShards"] == 1
    assert {"name": "supports_schedules", "enabled": True} in found["capabilities"]


async def test_tenants_see_none(host: Host) -> None:
    assert (await host.data(NAMESPACES, member("acme")))["namespaces"] == []
    assert (await host.data(ATTRIBUTES, member("acme")))["searchAttributes"] == []
    assert (await host.data(CLUSTER, member("acme")))["cluster"] is None


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        ("{ schedules { totalCount } }", "Schedules need Temporal server 1.17 or newer"),
        ('{ schedule(scheduleId: "s") { paused } }', "Schedules need Temporal server 1.17 or newer"),
        ("{ workers { totalCount } }", "Workers need Temporal server 1.29.1 or newer"),
        ("{ batchOperations { totalCount } }", "Batch operations need Temporal server 1.18 or newer"),
        ('{ batchOperation(jobId: "j") { state } }', "Batch operations need Temporal server 1.18 or newer"),
    ],
)
async def test_a_server_that_offers_less(lesser: str, database: str, query: str, needed: str) -> None:
    async with hosted(lesser, database) as old:
        (error,) = (await old.ask(query))["errors"]
    assert error["extensions"]["code"] == "NOT_SUPPORTED"
    assert error["message"].startswith(needed)
