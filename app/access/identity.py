"""Who is calling, and what their roles let them do at all. What a policy leaves of that, `decide` says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.access.grant import Grant
    from app.access.rules import Rule


ANONYMOUS = "anonymous"
"""The subject of everybody while the gateway is open."""


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
    SHARE = "SHARE"
    MANAGE_KEYS = "MANAGE_KEYS"
    MANAGE_TENANTS = "MANAGE_TENANTS"

    @property
    def phrase(self) -> str:
        """What somebody may or may not do, in words."""
        return _PHRASES.get(self, f"{self.lower()} workflows")


_PHRASES = {
    Action.ACT_ON_ACTIVITIES: "act on activities",
    Action.MANAGE_KEYS: "manage API keys",
    Action.MANAGE_TENANTS: "manage tenants",
}
_WITHIN = frozenset(Action) - {Action.MANAGE_TENANTS}
"""All that there is to do within a tenant."""
_OPERATING = _WITHIN - {Action.START, Action.DELETE, Action.MANAGE_KEYS}


_PERMISSIONS: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.READ, Action.QUERY}),
    Role.STARTER: frozenset({Action.READ, Action.QUERY, Action.START, Action.SHARE}),
    Role.OPERATOR: _OPERATING,
    Role.ADMIN: _WITHIN,
    Role.PLATFORM: frozenset(Action),
}


def permissions_of(role: Role) -> frozenset[Action]:
    return _PERMISSIONS[role]


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that an identity may see; None means every one."""

    tenant: str | None = None
    environment: str | None = None

    def covers(self, tenant: str, environment: str) -> bool:
        return self.tenant in {None, tenant} and self.environment in {None, environment}


@dataclass(frozen=True, slots=True)
class Credential:
    """How somebody proved who they are, and until when that holds. None: there is nothing that could end it."""

    expires_at: datetime | None = None
    key_id: str | None = None
    """The API key that is behind it, whose revocation ends it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling. `tenant` and `environment` are those that new runs get; `scope` is what is seen."""

    subject: str
    tenant: str
    environment: str
    roles: frozenset[Role]
    scope: Scope
    rules: tuple[Rule, ...] = ()
    """What a policy takes from these roles."""
    grant: Grant | None = None
    """Where it is a watch token: the only runs that it speaks of."""
    credential: Credential = field(default_factory=Credential)
    stands_above: bool = False
    """A platform that a header has narrowed to one tenant: what is set for the tenant's callers is not for it."""

    @property
    def rights(self) -> Hashable:
        """What decides what this identity sees and may do: the same for everybody with the same rights."""
        return self.scope, self.roles, self.tenant, self.environment, self.rules, self.grant

    @property
    def named(self) -> str | None:
        """The subject where it tells one caller from another; None while the gateway is open."""
        return None if self.subject == ANONYMOUS else self.subject

    @property
    def home(self) -> str | None:
        """The tenant of whose callers it is one; None for a platform."""
        return None if self.stands_above else self.scope.tenant

    @property
    def is_bounded(self) -> bool:
        """Whether it may not see every run of its scope."""
        return self.grant is not None or any(Action.READ in rule.deny for rule in self.rules)

    @property
    def permissions(self) -> frozenset[Action]:
        """What its roles allow somewhere; a rule or a grant may narrow each to some runs."""
        allowed = frozenset(
            action
            for role in self.roles
            for action in _PERMISSIONS[role]
            if not any(action in rule.deny and rule.concerns(role) and not rule.is_of_some_runs for rule in self.rules)
        )
        return allowed if self.grant is None else allowed & self.grant.actions
