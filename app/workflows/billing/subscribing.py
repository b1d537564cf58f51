"""Customers and what they subscribe to: onboarding, new subscriptions, changes of plan."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, CancelledError, ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from app.workflows.billing.model import (
        ChangeResult,
        CustomerOnboardingInput,
        OnboardingResult,
        Subscription,
        SubscriptionChangeInput,
        SubscriptionCreationInput,
    )
    from app.workflows.billing.problems import problems
    from app.workflows.billing.steps import now, reached, step, validate
    from app.workflows.entry import Entry
    from app.workflows.publishing import phase, publish_phase

ONBOARDING = "onboarding"
CREATION = "subscription-creation"


@workflow.defn(name="SubscriptionCreationWorkflow", failure_exception_types=[TypeError])
class SubscriptionCreationWorkflow:
    """Subscribes a customer to a plan, at the plan's prices. Done again, it finds the subscription that it made."""

    @workflow.run
    async def run(self, request: SubscriptionCreationInput) -> Subscription:
        validate(request)
        with phase("create"):
            start = request.start or now()
            made: Subscription = await step("create_subscription", request, start, result=Subscription)
        reached(2, 2, "create", f"Subscription {made.subscription_id} to {made.plan_id}")
        return made


@workflow.defn(name="SubscriptionChangeWorkflow", failure_exception_types=[TypeError])
class SubscriptionChangeWorkflow:
    """Puts a subscription on another plan. What is unused of the old one is credited and what is left of the new one
    charged, on the next invoice."""

    @workflow.run
    async def run(self, request: SubscriptionChangeInput) -> ChangeResult:
        validate(request)
        with phase("quote"):
            change: ChangeResult = await step("quote_change", request, request.at or now(), result=ChangeResult)
        reached(2, 3, "quote", f"Credit {change.credit}, charge {change.charge}, in minor units")
        with phase("change"):
            await step("apply_change", request, change, workflow.info().run_id)
        reached(3, 3, "change", f"{change.from_plan} to {change.to_plan}")
        return change


@workflow.defn(name="CustomerOnboardingWorkflow", failure_exception_types=[TypeError])
class CustomerOnboardingWorkflow:
    """Takes a customer on: enters it, subscribes it in a run of its own, and tells of it. Failed or cancelled before
    the subscription is there, it takes the customer away again that it entered."""

    @workflow.run
    async def run(self, request: CustomerOnboardingInput) -> OnboardingResult:
        validate(request)
        with phase("customer"):
            entered = await step("create_customer", request, result=bool)
        reached(2, 4, "customer", f"Customer {request.customer.customer_id}")
        try:
            with phase("subscription"):
                made = await self._subscribe(request)
        except (ChildWorkflowError, ActivityError, CancelledError):
            if entered:
                summary = f"compensate: take {request.customer.customer_id} away again"
                await step("compensate_customer", request, summary=summary)
            raise
        reached(3, 4, "subscription", f"Subscription {made.subscription_id}")
        result = OnboardingResult(request.customer.customer_id, made.subscription_id, made.period_end)
        if request.notify is None:
            publish_phase("notify", "skipped")
        else:
            with phase("notify"):
                await step("notify_onboarded", request, result)
        reached(4, 4, "notify", f"Customer {result.customer_id} has subscription {result.subscription_id}")
        return result

    async def _subscribe(self, request: CustomerOnboardingInput) -> Subscription:
        customer = request.customer.customer_id
        wanted = SubscriptionCreationInput(
            tenant_id=request.tenant_id,
            environment_id=request.environment_id,
            books=request.books,
            subscription_id=f"sub-{customer}-{request.plan_id}",
            customer_id=customer,
            plan_id=request.plan_id,
            currency=request.currency,
            interval=request.interval,
            start=now(),
        )
        made: Subscription = await workflow.execute_child_workflow(
            SubscriptionCreationWorkflow.run,
            wanted,
            id=f"{workflow.info().workflow_id}/subscription",
            task_queue=CREATION if workflow.info().task_queue == ONBOARDING else None,
            memo={"tenant": request.tenant_id, "environment": request.environment_id},
        )
        return made


def _entry(kind: type, queue: str, *phases: str) -> Entry:
    return Entry(
        workflow=kind,
        task_queue=queue,
        activities="app.workflows.billing.activities:activities",
        check=problems,
        phases=("validate", *phases),
        tenant_field="tenant_id",
        environment_field="environment_id",
    )


WORKFLOWS = (
    _entry(CustomerOnboardingWorkflow, ONBOARDING, "customer", "subscription", "notify"),
    _entry(SubscriptionCreationWorkflow, CREATION, "create"),
    _entry(SubscriptionChangeWorkflow, "subscription-change", "quote", "change"),
)
