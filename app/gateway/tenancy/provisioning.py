"""The activities that make a tenant, each done once however often it is tried, and those that take it back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.access import Envelope, Role, Sealer
from app.access.api_keys import mint
from app.access.envelope import PURPOSE
from app.errors import TidelineError
from app.gateway.hosted.house import House
from app.model import Quotas
from app.store.provisioning import AlreadyThere, KeyMade, Maker, NewKey, Provisioning, Undone, columns_of
from app.store.secrets import Secrets
from app.workflows.tenants.model import AdministratorMade, TenantOrder

_QUOTAS = ("plan", *columns_of(Quotas()))
_DEFAULTS = ("default_environment", "task_queue", "archive_retention_days")


async def activities(_: AsyncExitStack, house: House) -> Sequence[Callable[..., Any]]:
    sealer = Sealer(house.settings.token_secret, Secrets(house.database).signing_key)
    making = Making(Provisioning(house.database), Envelope(lambda: sealer.key_for(PURPOSE)))
    return [
        making.check,
        making.create,
        making.remove,
        making.create_environments,
        making.remove_environments,
        making.create_administrator,
        making.remove_administrator,
        making.set_roles,
        making.clear_roles,
        making.set_quotas,
        making.clear_quotas,
        making.set_defaults,
        making.clear_defaults,
        making.activate,
        making.deactivate,
    ]


class Making:
    """Each raises ApplicationError: AlreadyExistsError for a tenant that is there, ValidationError for a run that was
    taken back, else an error that is worth another attempt."""

    def __init__(self, provisioning: Provisioning, envelope: Envelope) -> None:
        self._provisioning = provisioning
        self._envelope = envelope

    @activity.defn(name="check_tenant")
    async def check(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.check(_maker(order))

    @activity.defn(name="create_tenant")
    async def create(self, order: TenantOrder) -> None:
        wanted = order.wanted
        async with _told():
            await self._provisioning.create(
                _maker(order),
                display_name=wanted.tenant_name,
                company_name=wanted.company_name,
                created_by=order.requested_by,
            )

    @activity.defn(name="remove_tenant")
    async def remove(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.remove(_maker(order))

    @activity.defn(name="create_environments")
    async def create_environments(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.create_environments(_maker(order), order.wanted.environments)

    @activity.defn(name="remove_environments")
    async def remove_environments(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.remove_environments(_maker(order))

    @activity.defn(name="create_administrator")
    async def create_administrator(self, order: TenantOrder) -> AdministratorMade:
        """Makes the key, of which only the hash and a sealed copy are kept, and tells where it can be taken."""
        maker, user = _maker(order), order.wanted.admin_user
        async with _told():
            made = await self._provisioning.administrator(maker)
            if made is None:
                await self._provisioning.create_administrator(maker, user.name, user.email, await self._key(order))
                made = await self._provisioning.administrator(maker)
        if made is None:
            raise ApplicationError(f"The administrator of {order.tenant_id!r} is gone again.", type="UnavailableError")
        return _shown(made)

    @activity.defn(name="remove_administrator")
    async def remove_administrator(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.remove_administrator(_maker(order))

    @activity.defn(name="set_tenant_roles")
    async def set_roles(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.set(_maker(order), roles=[each.upper() for each in order.wanted.roles])

    @activity.defn(name="clear_tenant_roles")
    async def clear_roles(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.clear(_maker(order), ("roles",))

    @activity.defn(name="set_tenant_quotas")
    async def set_quotas(self, order: TenantOrder) -> None:
        chosen = Quotas(**{name: getattr(order.quotas, name) for name in Quotas.__dataclass_fields__})
        async with _told():
            await self._provisioning.set(_maker(order), plan=order.wanted.billing_plan, **columns_of(chosen))

    @activity.defn(name="clear_tenant_quotas")
    async def clear_quotas(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.clear(_maker(order), _QUOTAS)

    @activity.defn(name="set_tenant_defaults")
    async def set_defaults(self, order: TenantOrder) -> None:
        defaults = order.wanted.defaults
        async with _told():
            await self._provisioning.set(
                _maker(order),
                default_environment=order.default_environment,
                task_queue=defaults.task_queue,
                archive_retention_days=defaults.archive_retention_days,
            )

    @activity.defn(name="clear_tenant_defaults")
    async def clear_defaults(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.clear(_maker(order), _DEFAULTS)

    @activity.defn(name="activate_tenant")
    async def activate(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.activate(_maker(order))

    @activity.defn(name="deactivate_tenant")
    async def deactivate(self, order: TenantOrder) -> None:
        async with _told():
            await self._provisioning.deactivate(_maker(order))

    async def _key(self, order: TenantOrder) -> NewKey:
        minted, place = mint(), str(uuid.uuid4())
        return NewKey(
            name=order.wanted.admin_user.email,
            prefix=minted.prefix,
            digest=minted.digest,
            role=Role.ADMIN,
            hand_over_id=place,
            sealed=await self._envelope.seal(minted.secret, place),
            made_for=order.requested_by,
            claim_until=datetime.now(UTC) + timedelta(hours=order.wanted.key_claim_hours),
        )


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Our errors as Temporal's: which of them another attempt may mend."""
    try:
        yield
    except AlreadyThere as error:
        raise ApplicationError(str(error), type="AlreadyExistsError", non_retryable=True) from None
    except Undone as error:
        raise ApplicationError(str(error), type="ValidationError", non_retryable=True) from None
    except TidelineError as error:
        raise ApplicationError(error.message, type="UnavailableError") from None


def _maker(order: TenantOrder) -> Maker:
    return Maker(order.tenant_id, order.made_by, order.first_run_id)


def _shown(made: KeyMade) -> AdministratorMade:
    return AdministratorMade(made.key_id, made.hand_over_id, made.claim_until.isoformat(timespec="seconds"))
