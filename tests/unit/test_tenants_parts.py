"""The provisioning of tenants without servers: what is wrong with an input, and what may still be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.workflows.tenants.model import (
    AdminUser,
    Cancellation,
    TenantChange,
    TenantDefaults,
    TenantOrder,
    TenantProvisioningInput,
    TenantQuotas,
)
from app.workflows.tenants.problems import problems, tenant_id_of
from app.workflows.tenants.standing import Standing
from app.workflows.tenants.steps import STEPS

GOOD = TenantProvisioningInput("Acme Corporation", AdminUser("John", "Admin", "admin@acme.example"))


def changed(**changes: Any) -> TenantProvisioningInput:
    return replace(GOOD, **changes)


def test_a_good_input_has_no_problems() -> None:
    assert problems(GOOD) == []
    assert problems(changed(tenant_id="a", environments=("prod", "test"), defaults=TenantDefaults("test"))) == []


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (changed(tenant_name=" "), ("tenant_name",)),
        (changed(tenant_name="x" * 201), ("tenant_name",)),
        (changed(tenant_name="東京"), ("tenant_id",)),
        (changed(tenant_id="Acme"), ("tenant_id",)),
        (changed(tenant_id="-"), ("tenant_id",)),
        (changed(tenant_id="a" * 64), ("tenant_id",)),
        (changed(company_name="\n"), ("company_name",)),
        (changed(admin_user=AdminUser("", "Admin", "a@b")), ("admin_user", "first_name")),
        (changed(admin_user=AdminUser("John", " ", "a@b")), ("admin_user", "last_name")),
        (changed(admin_user=AdminUser("John", "Admin", "nobody")), ("admin_user", "email")),
        (changed(environments=()), ("environments",)),
        (changed(environments=tuple(f"e{n}" for n in range(21))), ("environments",)),
        (changed(environments=("prod", "Prod")), ("environments", 1)),
        (changed(environments=("prod", "prod")), ("environments", 1)),
        (changed(roles=("viewer",)), ("roles",)),
        (changed(quotas=TenantQuotas(open_workflows=0)), ("quotas", "open_workflows")),
        (changed(quotas=TenantQuotas(api_keys=10**9)), ("quotas", "api_keys")),
        (changed(defaults=TenantDefaults("elsewhere")), ("defaults", "environment")),
        (changed(defaults=TenantDefaults(task_queue="")), ("defaults", "task_queue")),
        (changed(defaults=TenantDefaults(archive_retention_days=0)), ("defaults", "archive_retention_days")),
        (changed(key_claim_hours=169), ("key_claim_hours",)),
    ],
)
def test_what_is_wrong_is_named_with_its_path(wrong: TenantProvisioningInput, path: tuple[str | int, ...]) -> None:
    ((found, sentence),) = problems(wrong)
    assert found == path
    assert sentence.endswith((".", ": give one."))


@pytest.mark.parametrize(
    ("name", "id_"), [("Acme Corporation", "acme-corporation"), ("  Über & Söhne  ", "ber-s-hne"), ("a" * 80, "a" * 63)]
)
def test_an_id_is_made_of_the_name(name: str, id_: str) -> None:
    assert tenant_id_of(changed(tenant_name=name)) == id_
    assert tenant_id_of(changed(tenant_name=name, tenant_id="mine")) == "mine"


def test_quotas_are_the_plans_but_for_those_that_are_given() -> None:
    order = TenantOrder("acme", "w", "r", "ops", changed(billing_plan="trial", quotas=TenantQuotas(api_keys=7)))
    assert order.quotas == TenantQuotas(open_workflows=20, starts_per_minute=30, subscriptions=20, api_keys=7)
    unbounded = replace(order, wanted=changed(billing_plan="enterprise"))
    assert unbounded.quotas == TenantQuotas()


def begun(*names: str) -> Standing:
    standing = Standing(GOOD, "acme")
    for step in STEPS:
        if step.name in names:
            standing.begin(step)
    return standing


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TenantChange(), "names nothing"),
        (TenantChange(company_name="Acme Ltd"), "company_name cannot be changed any more: the step tenant has begun"),
        (TenantChange(environments=("a b",)), "must be 1 to 63 characters"),
        (TenantChange(defaults=TenantDefaults("elsewhere")), "must be one of environments"),
    ],
)
def test_a_change_that_cannot_be_followed_says_why(change: TenantChange, words: str) -> None:
    standing = begun("validate", "tenant")
    assert words in (standing.problem(change) or "")


def test_a_change_holds_for_the_steps_behind_it() -> None:
    standing = begun("validate", "tenant")
    change = TenantChange(billing_plan="enterprise", environments=("live",))
    assert standing.problem(change) is None
    standing.change(change)
    assert (standing.wanted.billing_plan, standing.wanted.environments) == ("enterprise", ("live",))
    assert standing.wanted.tenant_name == GOOD.tenant_name
    standing.status = "rolling_back"
    assert "rolling back" in (standing.problem(change) or "")


def test_only_one_cancellation_is_followed() -> None:
    standing = begun("validate")
    cancellation = Cancellation("not needed", "ann")
    assert standing.why_not_cancelled(cancellation) is None
    standing.cancellation = cancellation
    assert "already" in (standing.why_not_cancelled(cancellation) or "")
    standing = begun("validate")
    assert "more than 2000" in (standing.why_not_cancelled(Cancellation("x" * 2001)) or "")
    standing.status = "completed"
    assert "cannot be cancelled" in (standing.why_not_cancelled(cancellation) or "")


def test_progress_goes_back_with_what_is_taken_back() -> None:
    standing = begun("validate", "tenant")
    for step in STEPS[:2]:
        standing.finish(step)
    assert standing.progress == 25.0
    standing.take_back(STEPS[1], is_undone=True)
    assert (standing.progress, standing.undone) == (12.5, ["tenant"])
    standing.take_back(STEPS[0], is_undone=False)
    assert (standing.done, standing.not_undone) == (["validate"], ["validate"])
