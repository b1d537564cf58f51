"""Keys and tokens that a client asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry

from app.access import Role, Tag
from app.api.inputs.starts import KEY
from app.gateway.tenancy.keys import KeyWanted
from app.gateway.tenancy.minting import DEFAULT_SECONDS, WatchWanted


@strawberry.input
class CreateApiKeyInput:
    name: str = strawberry.field(description="What it is for; at most 100 characters.")
    roles: list[Role] = strawberry.field(description="What it may do; PLATFORM only by a platform.")
    tenant: str | None = strawberry.field(default=None, description="Yours, where it is not given.")
    environment: str | None = strawberry.field(default=None, description="Those that you see, where it is not given.")
    expires_at: datetime | None = strawberry.field(default=None, description="Never, where it is not given.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def value(self) -> KeyWanted:
        end = self.expires_at
        return KeyWanted(
            name=self.name.strip(),
            roles=self.roles,
            tenant=self.tenant,
            environment=self.environment,
            expires_at=end.replace(tzinfo=UTC) if end is not None and end.tzinfo is None else end,
        )


@strawberry.input
class RevokeApiKeyInput:
    id: strawberry.ID
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A value of the metadata that runs were started with.")
class TagInput:
    key: str
    value: str


@strawberry.input(description="What a watch token opens: the tree of a run, or every run of your tenant with a tag.")
class CreateWatchTokenInput:
    workflow_id: str | None = None
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    tag: TagInput | None = None
    signals: list[str] | None = strawberry.field(
        default=None, description="Signals that may be sent with it, which you may send yourself; at most 20."
    )
    expires_in_seconds: float = DEFAULT_SECONDS

    def value(self) -> WatchWanted:
        return WatchWanted(
            workflow_id=self.workflow_id,
            run_id=self.run_id,
            namespace=self.namespace,
            tag=Tag(self.tag.key, self.tag.value) if self.tag else None,
            signals=tuple(self.signals or ()),
            seconds=self.expires_in_seconds,
        )
