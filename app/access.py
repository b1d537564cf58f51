"""Who is calling, and what they may do: token in, `Identity` out, and one map of decisions.

While no authentication is configured the gateway is open: everybody is the operator of the machine, who sees every
tenant and acts for the default one. Headers may narrow that to one tenant and environment.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.errors import Forbidden, NotFound, Refusal
from app.model import Execution

ANONYMOUS = "anonymous"
"""The subject of everybody while the gateway is open."""
TENANT_HEADER = "x-tenant-id"
ENVIRONMENT_HEADER = "x-environment-id"


class Role(StrEnum):
    """What somebody may do within a tenant; PLATFORM stands above tenants."""

    VIEWER = "VIEWER"
    OPERATOR = "OPERATOR"
    STARTER = "STARTER"
    ADMIN = "ADMIN"
    PLATFORM = "PLATFORM"


class Action(StrEnum):
    READ = "READ"
    START = "START"
    SIGNAL = "SIGNAL"
    UPDATE = "UPDATE"
    QUERY = "QUERY"
    CANCEL = "CANCEL"
    SCHEDULE = "SCHEDULE"
    TERMINATE = "TERMINATE"
    RESET = "RESET"
    PAUSE = "PAUSE"
    UNPAUSE = "UNPAUSE"
    DELETE = "DELETE"
    ACT_ON_ACTIVITIES = "ACT_ON_ACTIVITIES"

    @property
    def phrase(self) -> str:
        """What somebody may or may not do, in words."""
        return "act on activities" if self is Action.ACT_ON_ACTIVITIES else f"{self.lower()} workflows"


_OPERATING = frozenset(Action) - {Action.START, Action.DELETE}

_PERMISSIONS: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.READ}),
    Role.STARTER: frozenset({Action.READ, Action.START}),
    Role.OPERATOR: _OPERATING,
    Role.ADMIN: frozenset(Action),
    Role.PLATFORM: frozenset(Action),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that an identity may see; None means every one."""

    tenant: str | None = None
    environment: str | None = None

    def covers(self, tenant: str, environment: str) -> bool:
        return self.tenant in {None, tenant} and self.environment in {None, environment}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling. `tenant` and `environment` are those that new runs get; `scope` is what is seen."""

    subject: str
    tenant: str
    environment: str
    roles: frozenset[Role]
    scope: Scope

    @property
    def rights(self) -> Hashable:
        """What decides what this identity sees and may do: the same for everybody with the same rights."""
        return self.scope, self.roles, self.tenant, self.environment

    @property
    def named(self) -> str | None:
        """The subject where it tells one caller from another; None while the gateway is open."""
        return None if self.subject == ANONYMOUS else self.subject

    @property
    def permissions(self) -> frozenset[Action]:
        return frozenset().union(*(_PERMISSIONS[role] for role in self.roles))


def may(identity: Identity, action: Action) -> bool:
    return action in identity.permissions


def require(identity: Identity, action: Action) -> None:
    """Raise Forbidden unless the identity may do this at all."""
    if not may(identity, action):
        raise Forbidden(f"{identity.subject} may not {action.phrase}: that needs another role.")


def require_visible(identity: Identity, execution: Execution | None, workflow_id: str) -> Execution:
    """The execution, or NotFound: another tenant's run is not there, in the same words."""
    if execution is None or not identity.scope.covers(execution.tenant, execution.environment):
        raise NotFound(f"There is no workflow {workflow_id!r}.")
    return execution


def oversees(identity: Identity) -> bool:
    """Whether the caller sees what belongs to no tenant: task queues, workers, batch jobs, namespaces."""
    return Role.PLATFORM in identity.roles and identity.scope == Scope()


def sees(identity: Identity, tenant: str | None, environment: str | None) -> bool:
    """Whether the caller sees what need not belong to anybody, such as a schedule: its own, or all as an overseer."""
    if oversees(identity):
        return True
    return tenant is not None and environment is not None and identity.scope.covers(tenant, environment)


def tenant_for(identity: Identity, tenant: str | None, environment: str | None) -> tuple[str, str]:
    """Whose a new run becomes: the input's own choice where the caller may act for it, else the caller's."""
    chosen = (tenant or identity.tenant, environment or identity.environment)
    if not identity.scope.covers(*chosen):
        raise Refusal("NOT_ALLOWED", f"{identity.subject} may not act for tenant {chosen[0]!r} in {chosen[1]!r}.")
    return chosen


class Gatekeeper:
    """Turns what a request carries into an Identity."""

    def __init__(self, *, default_tenant: str, default_environment: str) -> None:
        self._tenant = default_tenant
        self._environment = default_environment

    async def identify(self, authorization: str | None, headers: Mapping[str, str]) -> Identity:
        """Open mode: headers choose the tenant, and whoever can reach the port may act for it."""
        tenant, environment = headers.get(TENANT_HEADER), headers.get(ENVIRONMENT_HEADER)
        return Identity(
            subject=ANONYMOUS,
            tenant=tenant or self._tenant,
            environment=environment or self._environment,
            roles=frozenset({Role.PLATFORM if tenant is None else Role.ADMIN}),
            scope=Scope(tenant or None, environment or None),
        )
