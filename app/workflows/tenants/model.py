"""What the provisioning of a tenant is asked, what its activities pass to each other, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Role = Literal["viewer", "starter", "operator", "admin"]
Plan = Literal["trial", "standard", "enterprise"]
Status = Literal["running", "rolling_back", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class AdminUser:
    """Who administers the tenant. There is no password: an API key is made, and handed over outside of the run."""

    first_name: str
    last_name: str
    email: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class TenantQuotas:
    """What the tenant may use at most; what is not given is as its plan says."""

    open_workflows: int | None = None
    """Runs that are open at once."""
    starts_per_minute: int | None = None
    """Runs that are started within any sixty seconds."""
    subscriptions: int | None = None
    """Subscriptions at once, in each gateway process."""
    api_keys: int | None = None
    """API keys that hold."""


PLANS: dict[str, TenantQuotas] = {
    "trial": TenantQuotas(open_workflows=20, starts_per_minute=30, subscriptions=20, api_keys=5),
    "standard": TenantQuotas(open_workflows=1000, starts_per_minute=600, subscriptions=500, api_keys=50),
    "enterprise": TenantQuotas(),
}
"""The quotas of each plan; where there is no number, there is no bound."""


@dataclass(frozen=True, slots=True)
class TenantDefaults:
    """What holds for the tenant where nothing else is said."""

    environment: str | None = None
    """Of callers that see all of its environments; the first one, where it is not given."""
    task_queue: str | None = None
    """Of starts that name none, where the type is not registered either."""
    archive_retention_days: float | None = None
    """How long closed runs are kept; as the gateway's setting says, where it is not given."""


@dataclass(frozen=True, slots=True)
class TenantProvisioningInput:
    """The tenant to be made."""

    tenant_name: str
    """How people call it."""
    admin_user: AdminUser
    tenant_id: str | None = None
    """How tokens and runs name it, of a-z, 0-9 and -; made of its name where it is not given."""
    company_name: str | None = None
    billing_plan: Plan = "standard"
    """Says the quotas."""
    environments: tuple[str, ...] = ("production",)
    """Where its runs may be, 1 to 20 names of a-z, 0-9 and -."""
    roles: tuple[Role, ...] = ("viewer", "starter", "operator", "admin")
    """That API keys of the tenant may have; admin must be one of them."""
    quotas: TenantQuotas = field(default_factory=TenantQuotas)
    defaults: TenantDefaults = field(default_factory=TenantDefaults)
    key_claim_hours: float = 24.0
    """How long the administrator's API key waits for claimApiKey, 0.1 to 168."""


@dataclass(frozen=True, slots=True)
class TenantChange:
    """What the signal and the update `update` change of a provisioning; what is not given stays."""

    tenant_name: str | None = None
    company_name: str | None = None
    billing_plan: Plan | None = None
    environments: tuple[str, ...] | None = None
    roles: tuple[Role, ...] | None = None
    quotas: TenantQuotas | None = None
    defaults: TenantDefaults | None = None

    def given(self) -> dict[str, Any]:
        """The fields that are to be changed."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}

    def of(self, request: TenantProvisioningInput) -> TenantProvisioningInput:
        return replace(request, **self.given())


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Why the provisioning is to end, and who says so."""

    reason: str = ""
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class TenantOrder:
    """What each activity is told: the tenant, as it is wanted by now, and which run makes it."""

    tenant_id: str
    made_by: str
    """The workflow id."""
    first_run_id: str
    requested_by: str
    wanted: TenantProvisioningInput

    @property
    def quotas(self) -> TenantQuotas:
        """The plan's, but for those that were given."""
        of_plan, given = PLANS[self.wanted.billing_plan], self.wanted.quotas
        chosen = {each.name: getattr(given, each.name) for each in fields(given)}
        return replace(of_plan, **{name: value for name, value in chosen.items() if value is not None})

    @property
    def default_environment(self) -> str:
        return self.wanted.defaults.environment or self.wanted.environments[0]


@dataclass(frozen=True, slots=True)
class AdministratorMade:
    """The administrator's API key by its id, and the hand-over that claimApiKey takes; never the key itself."""

    key_id: str
    hand_over_id: str
    claim_until: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class TenantProvisioningResult:
    tenant_id: str
    environments: tuple[str, ...]
    key_id: str
    """Of the administrator's API key."""
    hand_over_id: str
    """What claimApiKey takes, once."""
    claim_until: str
    """RFC 3339; from then on the key is nobody's."""
    duration: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class TenantProvisioningState:
    """Where a provisioning stands, for the query `state`."""

    status: Status
    step: str
    """The one that is done or undone now, or was last."""
    progress: float
    """0 to 100; it goes back while steps are undone."""
    tenant_id: str
    done: list[str]
    """Steps whose effects stand."""
    undone: list[str]
    """Steps that have been taken back, in that order."""
    not_undone: list[str]
    """Steps that could not be taken back."""
    refused: list[str]
    """Sentences about signals that could not be followed, the last twenty."""
    cancellation: Cancellation | None = None
    error: str | None = None
    hand_over_id: str | None = None
