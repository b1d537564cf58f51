"""Where tenants are made and kept in tests: a gateway behind a shut door, a worker's estate, and a platform's key."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.access import Role
from tests.conftest import TemporalServer
from tests.integration.guarded import Guarded, guarded
from tests.tenants import TENANT, Estate

START = """
mutation ($input: TenantProvisioningInput!, $options: StartOptions) {
  startTenantProvisioning(input: $input, options: $options) {
    created execution { workflowId status result tenant failure { message type } }
    userErrors { code message path }
  }
}
"""
CLAIM = """
mutation ($id: ID!) { claimApiKey(input: {id: $id}) {
  secret apiKey { id name roles tenant environment } userErrors { code message } } }
"""
TENANTS = """
query ($id: ID!) {
  tenants { totalCount nodes { id status } }
  tenant(id: $id) {
    id status statusReason displayName companyName plan environments defaultEnvironment taskQueue
    archiveRetentionDays roles createdBy provisionedBy
    quotas { openWorkflows startsPerMinute subscriptions apiKeys }
    usage { openWorkflows startsLastMinute apiKeys }
    administrator { name email apiKey { id roles lastUsedAt } }
  }
}
"""
UPDATE = """
mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) {
  tenant { displayName roles defaultEnvironment quotas { openWorkflows startsPerMinute subscriptions apiKeys } }
  userErrors { code message path } } }
"""
SUSPEND = """
mutation ($id: ID!, $reason: String) { suspendTenant(input: {tenant: $id, reason: $reason}) {
  tenant { status statusReason } userErrors { code message } } }
"""
RESUME = """
mutation ($id: ID!) { resumeTenant(input: {tenant: $id}) { tenant { status } userErrors { code message } } }
"""
RUN = """
mutation ($id: String, $queue: String, $options: JSON) { startWorkflow(input: {
  workflowType: "Nothing", taskQueue: $queue, workflowId: $id, metadata: $options, idConflictPolicy: USE_EXISTING
}) { execution { workflowId taskQueue tenant environment } userErrors { code message path } } }
"""
KEY = """
mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  secret apiKey { id } userErrors { code message } } }
"""
VIEWER = "{ viewer { subject tenant environment roles scopedToTenant permissions } }"
STATE = 'query ($id: String!) { workflow(workflowId: $id) { status query(name: "state") } }'
ACME = {
    "tenantName": "Acme Corporation",
    "adminUser": {"firstName": "John", "lastName": "Admin", "email": "admin@acme.example"},
    "companyName": "Acme Corp",
    "billingPlan": "ENTERPRISE",
    "environments": ["production", "staging"],
    "defaults": {"taskQueue": "acme-tasks"},
}


@dataclass
class Office:
    """A gateway, a worker's estate, and the key of a platform."""

    gateway: Guarded
    estate: Estate
    platform: str

    async def start(self, workflow_id: str | None = None, wait: float = 30, **changes: Any) -> Any:
        options = {"taskQueue": self.estate.task_queue, "waitForResultSeconds": wait, "workflowId": workflow_id}
        given = {"input": {**ACME, **changes}, "options": options}
        return (await self.gateway.data(self.platform, START, **given))["startTenantProvisioning"]

    async def made(self, **changes: Any) -> str:
        """The secret of the administrator of a new tenant."""
        async with self.estate.worker():
            started = await self.start(**changes)
        assert started["execution"]["status"] == "COMPLETED", started
        claimed = (await self.claim(started["execution"]["result"]["hand_over_id"]))["secret"]
        assert isinstance(claimed, str)
        return claimed

    async def claim(self, id_: str, key: str | None = None) -> Any:
        return (await self.gateway.data(key or self.platform, CLAIM, id=id_))["claimApiKey"]

    async def shown(self) -> Any:
        return await self.gateway.data(self.platform, TENANTS, id=TENANT)

    async def update(self, **changes: Any) -> Any:
        given = {"tenant": TENANT, **changes}
        return (await self.gateway.data(self.platform, UPDATE, input=given))["updateTenant"]

    async def run(self, key: str, workflow_id: str | None = None, queue: str | None = "nobody") -> Any:
        """Start a run that no worker will ever work on."""
        workflow_id = workflow_id or f"of-acme-{uuid.uuid4().hex[:10]}"
        return (await self.gateway.data(key, RUN, id=workflow_id, queue=queue))["startWorkflow"]

    async def errors(self, key: str, **wanted: Any) -> list[tuple[str, str]]:
        """What the making of an API key is refused for."""
        given = {"name": "another", "roles": ["VIEWER"], **wanted}
        answer = (await self.gateway.data(key, KEY, input=given))["createApiKey"]
        return [(each["code"], each["message"]) for each in answer["userErrors"]]


@asynccontextmanager
async def opened(
    temporal: TemporalServer, task_queue: str, database: str, patch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with guarded(temporal.address, database, patch) as gateway:
        platform = await gateway.key(Role.PLATFORM, tenant=None, environment=None)
        yield Office(gateway, Estate(temporal.client, temporal.address, database, task_queue), platform)
