"""The decision, put as the questions that the verbs ask."""

from __future__ import annotations

from app.access.decision import ANYTHING, SOME_RUN, Target, decide
from app.access.identity import Action, Identity, Role, Scope
from app.errors import Forbidden, NotFound, Refusal
from app.model import Execution


def may(identity: Identity, action: Action, target: Target = ANYTHING) -> bool:
    return decide(identity, action, target).allowed


def require(identity: Identity, action: Action, target: Target = ANYTHING) -> None:
    """Raise Forbidden unless the identity may do this."""
    decision = decide(identity, action, target)
    if not decision.allowed:
        raise Forbidden(decision.reason)


def refuse(identity: Identity, action: Action, target: Target = SOME_RUN) -> None:
    """Raise the refusal of a mutation unless the identity may do this."""
    decision = decide(identity, action, target)
    if not decision.allowed:
        raise Refusal("NOT_ALLOWED", decision.reason)


def visible(identity: Identity, execution: Execution, root_chain: str | None = None) -> bool:
    """Whether this run is there for the caller."""
    return decide(identity, Action.READ, Target(run=execution, root_chain=root_chain)).allowed


def require_visible(identity: Identity, execution: Execution | None, workflow_id: str) -> Execution:
    """The execution, or NotFound: another tenant's run is not there, in the same words."""
    if execution is None or not identity.scope.covers(execution.tenant, execution.environment):
        raise NotFound(f"There is no workflow {workflow_id!r}.")
    return execution


def oversees(identity: Identity) -> bool:
    """Whether the caller sees what belongs to no tenant: task queues, workers, batch jobs, namespaces."""
    return Role.PLATFORM in identity.roles and identity.scope == Scope() and identity.grant is None


def manages_tenants(identity: Identity) -> bool:
    """Whether the caller may make tenants and set what they may use."""
    return oversees(identity) and may(identity, Action.MANAGE_TENANTS)


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
