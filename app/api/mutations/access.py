"""Keys and tokens: who else may come in, and for how long."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.api.context import Info
from app.api.inputs.access import CreateApiKeyInput, CreateWatchTokenInput, RevokeApiKeyInput
from app.api.mutations.payloads import UserError, errors
from app.api.types.api_key import ApiKey
from app.api.types.watch_token import WatchToken
from app.gateway.tenancy.keys import KeyOutcome


@strawberry.type
class CreateApiKeyPayload:
    api_key: ApiKey | None
    secret: str | None = strawberry.field(
        description=(
            "The key itself, sent as `Authorization: Bearer`. It is shown this once, and to repetitions with the same"
            " idempotencyKey: nobody can read it again."
        )
    )
    user_errors: list[UserError]


@strawberry.type
class ApiKeyPayload:
    api_key: ApiKey | None
    user_errors: list[UserError]


@strawberry.type
class WatchTokenPayload:
    watch_token: WatchToken | None
    user_errors: list[UserError]


@strawberry.type
class StreamTicketPayload:
    ticket: str = strawberry.field(
        description="For `?ticket=` of one event stream: good once, within 30 seconds. The stream has your rights."
    )
    expires_at: datetime


@strawberry.type
class AccessMutation:
    @strawberry.mutation(description="Make an API key with some of your own rights. Needs MANAGE_KEYS.")
    @staticmethod
    async def create_api_key(info: Info, input: CreateApiKeyInput) -> CreateApiKeyPayload:
        outcome = await info.context.gateway.keys.create(info.context.caller, input.value(), input.idempotency_key)
        return CreateApiKeyPayload(api_key=_key(outcome), secret=outcome.secret, user_errors=errors(outcome.refusals))

    @strawberry.mutation(
        description="End an API key everywhere within 5 seconds, with the streams that it opened. Needs MANAGE_KEYS."
    )
    @staticmethod
    async def revoke_api_key(info: Info, input: RevokeApiKeyInput) -> ApiKeyPayload:
        outcome = await info.context.gateway.keys.revoke(info.context.caller, input.id, input.idempotency_key)
        return ApiKeyPayload(api_key=_key(outcome), user_errors=errors(outcome.refusals))

    @strawberry.mutation(
        description=(
            "A token that reads one tree of runs (a run, its children and theirs, and the runs that continue them) or"
            " the runs with a tag, and sends the signals that it names: nothing else, so that it can be handed to a"
            " phone. Of a run that is itself a child it opens the run and those that continue it. Needs SHARE."
        )
    )
    @staticmethod
    async def create_watch_token(info: Info, input: CreateWatchTokenInput) -> WatchTokenPayload:
        outcome = await info.context.gateway.minting.watch_token(info.context.caller, input.value())
        return WatchTokenPayload(
            watch_token=WatchToken.of(outcome.watch) if outcome.watch else None,
            user_errors=errors(outcome.refusals),
        )

    @strawberry.mutation(
        description="A ticket for one event stream, for browsers, whose EventSource cannot send a header."
    )
    @staticmethod
    async def create_stream_ticket(info: Info) -> StreamTicketPayload:
        ticket, end = await info.context.gateway.minting.ticket(info.context.caller)
        return StreamTicketPayload(ticket=ticket, expires_at=end)


def _key(outcome: KeyOutcome) -> ApiKey | None:
    return ApiKey.of(outcome.key) if outcome.key else None
