"""What mutations answer with: what changed, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from app import model
from app.api.context import Info
from app.api.types.execution import WorkflowExecution
from app.api.types.outcome import WorkflowUpdate
from app.api.types.watch_token import WatchToken
from app.errors import Refusal
from app.gateway.caller import Outcome
from app.gateway.seeing import said
from app.gateway.tenancy.minting import DEFAULT_SECONDS, WatchWanted


@strawberry.type(description="A refusal that the caller can mend.")
class UserError:
    code: str = strawberry.field(
        description=(
            "Stable: NOT_FOUND, ALREADY_CLOSED, ALREADY_STARTED, ALREADY_EXISTS, ALREADY_PAUSED, NOT_PAUSED,"
            " WORKFLOW_PAUSED, UPDATE_REJECTED, INVALID_INPUT, NOT_ALLOWED, NOT_SUPPORTED, IDEMPOTENCY_MISMATCH,"
            " TOO_MANY, QUOTA_EXCEEDED; of tenants ALREADY_SUSPENDED, NOT_SUSPENDED, ALREADY_TAKEN, EXPIRED."
            " An item of many runs has the code of an outage here as well, such as TIMEOUT."
        )
    )
    message: str = strawberry.field(description="A sentence for a person.")
    path: list[str] = strawberry.field(description="The path of the input field that it speaks of; empty for none.")

    @classmethod
    def of(cls, refusal: Refusal) -> UserError:
        return cls(code=refusal.reason, message=said(refusal.message), path=[str(part) for part in refusal.path])


TOKEN = "Given to workflows(consistencyToken:), on any gateway, the list has this change. Null where nothing changed."


@strawberry.type
class StartWorkflowPayload:
    execution: WorkflowExecution | None
    created: bool = strawberry.field(
        description="False where it had been started before: by this idempotencyKey, or the open run that was used."
    )
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]

    @strawberry.field(
        description=(
            "Minted where it is selected: a token that reads the run's tree and sends the signals that it names. Null"
            " without a run. Needs SHARE."
        )
    )
    async def watch_token(
        self, info: Info, expires_in_seconds: float = DEFAULT_SECONDS, signals: list[str] | None = None
    ) -> WatchToken | None:
        if self.execution is None:
            return None
        run: model.Execution = self.execution  # type: ignore[assignment]
        wanted = WatchWanted(run.workflow_id, run.run_id, run.namespace, None, signals or [], expires_in_seconds)
        outcome = await info.context.gateway.minting.watch_token(info.context.caller, wanted, run)
        if outcome.watch is None:
            raise outcome.refusals[0].as_error()
        return WatchToken.of(outcome.watch)


@strawberry.type
class WorkflowPayload:
    execution: WorkflowExecution | None
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]


@strawberry.type
class UpdateWithStartWorkflowPayload:
    execution: WorkflowExecution | None
    created: bool = strawberry.field(description="False where an open run was updated, or it was done before.")
    update: WorkflowUpdate | None = strawberry.field(
        description="Not COMPLETED where its worker takes longer than 15 s. Null where it was rejected."
    )
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]


def shown(execution: model.Execution | None) -> WorkflowExecution | None:
    """The type's fields are attributes of the row, so the row stands for it."""
    return execution  # type: ignore[return-value]


def errors(refusals: Iterable[Refusal]) -> list[UserError]:
    return [UserError.of(each) for each in refusals]


def start_payload(outcome: Outcome) -> StartWorkflowPayload:
    return StartWorkflowPayload(
        execution=shown(outcome.execution),
        created=outcome.created,
        consistency_token=outcome.token,
        user_errors=errors(outcome.refusals),
    )


def workflow_payload(outcome: Outcome) -> WorkflowPayload:
    return WorkflowPayload(
        execution=shown(outcome.execution), consistency_token=outcome.token, user_errors=errors(outcome.refusals)
    )
