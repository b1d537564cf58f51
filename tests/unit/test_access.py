"""Who may what: one table of cases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.access import Action, Gatekeeper, Identity, Role, Scope, may, require, require_visible, tenant_for
from app.errors import Forbidden, NotFound, Refusal
from app.model import Execution, WorkflowStatus

OPERATING = {
    Action.SIGNAL, Action.UPDATE, Action.QUERY, Action.CANCEL, Action.TERMINATE, Action.RESET, Action.PAUSE,
    Action.UNPAUSE, Action.ACT_ON_ACTIVITIES,
}  # fmt: skip


def identity(role: Role, tenant: str | None = "acme", environment: str | None = "prod") -> Identity:
    return Identity("ann", tenant or "default", environment or "default", frozenset({role}), Scope(tenant, environment))


def execution(tenant: str, environment: str) -> Execution:
    return Execution(
        namespace="default",
        workflow_id="sync-1",
        run_id="run",
        workflow_type="Sync",
        task_queue="sync",
        status=WorkflowStatus.RUNNING,
        start_time=datetime(2026, 1, 1, tzinfo=UTC),
        tenant=tenant,
        environment=environment,
    )


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {Action.READ, Action.QUERY}),
        (Role.STARTER, {Action.READ, Action.QUERY, Action.START}),
        (Role.OPERATOR, {Action.READ, *OPERATING}),
        (Role.ADMIN, {Action.READ, Action.START, Action.DELETE, *OPERATING}),
    ],
)
def test_what_a_role_may_do(role: Role, allowed: set[Action]) -> None:
    asked = {Action.READ, Action.START, Action.DELETE, *OPERATING}
    assert {action for action in asked if may(identity(role), action)} == allowed
    for action in asked - allowed:
        with pytest.raises(Forbidden, match="ann may not"):
            require(identity(role), action)


@pytest.mark.parametrize(
    ("tenant", "environment", "seen"),
    [("acme", "prod", True), ("acme", "test", False), ("other", "prod", False)],
)
def test_another_tenants_run_is_not_there(tenant: str, environment: str, seen: bool) -> None:
    if seen:
        assert require_visible(identity(Role.ADMIN), execution(tenant, environment), "sync-1").tenant == tenant
        return
    with pytest.raises(NotFound) as hidden:
        require_visible(identity(Role.ADMIN), execution(tenant, environment), "sync-1")
    with pytest.raises(NotFound) as unknown:
        require_visible(identity(Role.ADMIN), None, "sync-1")
    assert hidden.value.message == unknown.value.message


def test_a_scope_of_none_sees_all() -> None:
    anybody = identity(Role.PLATFORM, None, None)
    assert require_visible(anybody, execution("other", "test"), "sync-1").tenant == "other"
    assert tenant_for(anybody, "other", "test") == ("other", "test")


def test_a_run_becomes_its_starters_unless_the_input_says_so() -> None:
    assert tenant_for(identity(Role.ADMIN), None, None) == ("acme", "prod")
    assert tenant_for(identity(Role.ADMIN), "acme", "prod") == ("acme", "prod")
    with pytest.raises(Refusal) as refused:
        tenant_for(identity(Role.ADMIN), "other", None)
    assert refused.value.reason == "NOT_ALLOWED"


async def test_open_mode_narrows_by_headers() -> None:
    gatekeeper = Gatekeeper(default_tenant="home", default_environment="dev")
    anybody = await gatekeeper.identify(None, {})
    assert (anybody.tenant, anybody.scope, anybody.roles) == ("home", Scope(), frozenset({Role.PLATFORM}))
    assert await gatekeeper.identify("Basic YTpi", {}) == anybody
    narrowed = await gatekeeper.identify("Bearer anything", {"x-tenant-id": "acme", "x-environment-id": "prod"})
    assert (narrowed.scope, narrowed.roles) == (Scope("acme", "prod"), frozenset({Role.ADMIN}))
