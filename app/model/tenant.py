"""Tenants: who they are, what they may use, and which of it they use now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

NOBODY = "-"
"""In the place of a tenant and environment: what is nobody's, and seen by those alone who see everything."""


class TenantStatus(StrEnum):
    PROVISIONING = "PROVISIONING"
    """It is being made, or taken back."""
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    """None of its callers comes in, and nothing is started for it."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most that a tenant may use; None: any number."""

    open_workflows: int | None = None
    starts_per_minute: int | None = None
    subscriptions: int | None = None
    """In each gateway process."""
    api_keys: int | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is set for a tenant. One of which nothing is set has the defaults, and no row.

    `roles` are those that its API keys may have, None for all but PLATFORM; without `environments` it may use any.
    """

    id: str
    status: TenantStatus = TenantStatus.ACTIVE
    status_reason: str | None = None
    display_name: str | None = None
    company_name: str | None = None
    plan: str | None = None
    environments: tuple[str, ...] = ()
    default_environment: str | None = None
    task_queue: str | None = None
    archive_retention_days: float | None = None
    """Infinity: for ever; None: as the setting says."""
    roles: tuple[str, ...] | None = None
    quotas: Quotas = field(default_factory=Quotas)
    administrator_name: str | None = None
    administrator_email: str | None = None
    administrator_key: str | None = None
    """The id of an API key."""
    created_by: str | None = None
    created_at: datetime | None = None
    provisioned_by: str | None = None
    """The workflow id of the run that has made it."""


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """What a tenant uses now, of what its quotas bound."""

    open_workflows: int
    starts: int
    """Within the last sixty seconds."""
    oldest_start: datetime | None
    """Of these, the one that leaves the sixty seconds first."""
    api_keys: int
