"""What may be done to a run: by its status, the viewer's role and what the server offers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.access import Action, Identity, Role, Scope
from app.gateway.acting.abilities import WorkflowAction, available_actions
from app.model import Execution, WorkflowStatus
from app.temporal.capabilities import Capabilities

ALL = Capabilities()
OPERATED = "SIGNAL UPDATE QUERY CANCEL TERMINATE RESET PAUSE"


def run(status: WorkflowStatus) -> Execution:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return Execution("default", "w", "r", "Order", "orders", status, start, "acme", "prod")


def identity(*roles: Role) -> Identity:
    return Identity("ann", "acme", "prod", frozenset(roles), Scope("acme", "prod"))


@pytest.mark.parametrize(
    ("role", "status", "capabilities", "names"),
    [
        (Role.ADMIN, WorkflowStatus.RUNNING, ALL, f"{OPERATED} DELETE"),
        (Role.PLATFORM, WorkflowStatus.RUNNING, ALL, f"{OPERATED} DELETE"),
        (Role.OPERATOR, WorkflowStatus.RUNNING, ALL, OPERATED),
        (
            Role.OPERATOR,
            WorkflowStatus.RUNNING,
            Capabilities(pause=False),
            "SIGNAL UPDATE QUERY CANCEL TERMINATE RESET",
        ),
        (
            Role.OPERATOR,
            WorkflowStatus.RUNNING,
            Capabilities(update=False),
            "SIGNAL QUERY CANCEL TERMINATE RESET PAUSE",
        ),
        (Role.OPERATOR, WorkflowStatus.PAUSED, ALL, "SIGNAL CANCEL TERMINATE RESET UNPAUSE"),
        (Role.OPERATOR, WorkflowStatus.PAUSED, Capabilities(pause=False), "SIGNAL CANCEL TERMINATE RESET"),
        (Role.STARTER, WorkflowStatus.RUNNING, ALL, "QUERY"),
        (Role.VIEWER, WorkflowStatus.PAUSED, ALL, ""),
        (Role.VIEWER, WorkflowStatus.COMPLETED, ALL, "QUERY"),
    ],
)
def test_what_may_be_done(role: Role, status: WorkflowStatus, capabilities: Capabilities, names: str) -> None:
    assert list(available_actions(identity(role), run(status), capabilities)) == names.split()


@pytest.mark.parametrize("status", [each for each in WorkflowStatus if each.is_closed])
def test_a_closed_run_can_be_asked_reset_and_deleted(status: WorkflowStatus) -> None:
    assert list(available_actions(identity(Role.ADMIN), run(status), ALL)) == ["QUERY", "RESET", "DELETE"]
    assert list(available_actions(identity(Role.OPERATOR), run(status), ALL)) == ["QUERY", "RESET"]


def test_every_action_is_named_as_the_permission_that_it_needs() -> None:
    assert {each.value for each in WorkflowAction} <= {each.value for each in Action}
