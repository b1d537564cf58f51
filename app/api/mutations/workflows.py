"""Signalling and cancelling runs."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs import CancelWorkflowInput, SignalWorkflowInput
from app.api.mutations.payloads import WorkflowPayload, workflow_payload


@strawberry.type
class WorkflowMutation:
    @strawberry.mutation(description="Send a signal to an open run.")
    @staticmethod
    async def signal_workflow(info: Info, input: SignalWorkflowInput) -> WorkflowPayload:
        outcome = await info.context.gateway.acting.signal(
            info.context.caller,
            input.namespace,
            input.workflow_id,
            input.run_id,
            input.signal_name,
            input.args or [],
            input.idempotency_key,
        )
        return workflow_payload(outcome)

    @strawberry.mutation(description="Ask an open run to cancel itself; it decides when and how.")
    @staticmethod
    async def cancel_workflow(info: Info, input: CancelWorkflowInput) -> WorkflowPayload:
        outcome = await info.context.gateway.acting.cancel(
            info.context.caller,
            input.namespace,
            input.workflow_id,
            input.run_id,
            input.reason,
            input.idempotency_key,
        )
        return workflow_payload(outcome)
