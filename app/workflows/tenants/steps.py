"""The steps of a provisioning: what does each, what takes it back, and until when its wishes can be changed."""

from __future__ import annotations

from dataclasses import dataclass

CHECK = "check_tenant"
ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is its phase too. `do` and `undo` are activities; `undo` is None where there is nothing to take back."""

    name: str
    do: str
    undo: str | None
    title: str
    """What it does, behind a verb: `Set up the roles`."""
    wishes: frozenset[str] = frozenset()
    """The fields of the input that it is done by: they can be changed until it begins."""


STEPS = (
    Step("validate", CHECK, None, "Check that the tenant can be made"),
    Step(
        "tenant",
        "create_tenant",
        "remove_tenant",
        "Make the tenant",
        frozenset({"tenant_name", "company_name"}),
    ),
    Step(
        "environments",
        "create_environments",
        "remove_environments",
        "Make the environments",
        frozenset({"environments"}),
    ),
    Step(ADMINISTRATOR, "create_administrator", "remove_administrator", "Make the administrator and its API key"),
    Step("roles", "set_tenant_roles", "clear_tenant_roles", "Set up the roles", frozenset({"roles"})),
    Step(
        "quotas",
        "set_tenant_quotas",
        "clear_tenant_quotas",
        "Set up the quotas",
        frozenset({"quotas", "billing_plan"}),
    ),
    Step(
        "defaults",
        "set_tenant_defaults",
        "clear_tenant_defaults",
        "Set up the defaults",
        frozenset({"defaults"}),
    ),
    Step("activate", "activate_tenant", "deactivate_tenant", "Let the tenant in"),
)
PHASES = tuple(each.name for each in STEPS)
