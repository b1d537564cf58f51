"""`tideline key`: the first API key, made on the machine, since every other needs somebody who may make it."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from app.access import Role
from app.access.api_keys import mint
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.api_keys import ApiKeys
from app.store.database import Database


async def run(settings: Settings, name: str, roles: Sequence[str], tenant: str | None, environment: str | None) -> None:
    """Make a key and print it. Raises ConfigurationError for roles that are none, and as `Database` does."""
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: keys are kept in Postgres.")
    chosen = sorted({_role(each) for each in roles})
    if tenant is None and Role.PLATFORM not in chosen:
        raise ConfigurationError("A key without the role platform needs --tenant.")
    database = Database(str(settings.database_url), pool_size=1, application_name="tideline key")
    await database.connect()
    try:
        minted = mint()
        await ApiKeys(database).create(
            name,
            prefix=minted.prefix,
            digest=minted.digest,
            roles=chosen,
            tenant=tenant,
            environment=environment,
            created_by=f"tideline key ({getpass.getuser()})",
            expires_at=None,
        )
    finally:
        await database.close()
    print(minted.secret)


def _role(name: str) -> Role:
    try:
        return Role(name.strip().upper())
    except ValueError:
        roles = ", ".join(each.lower() for each in Role)
        raise ConfigurationError(f"There is no role {name!r}: choose of {roles}.") from None
