"""Whether the role that logs in may become the roles that statements run in, and what it should not be."""

from __future__ import annotations

import asyncpg

from app.errors import ConfigurationError
from app.store.database import Connection
from app.store.sight import CALLER, PLATFORM

# From version 16 on, a role may be given on by one that cannot itself become it.
_MAY = """
select count(*) filter (where pg_has_role(session_user, rolname,
    case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)) = 2
from pg_roles where rolname in ($1, $2)
"""
_STRONG = """
select r.rolsuper or r.rolbypassrls
    or exists (select from pg_class where oid = to_regclass('executions') and relowner = r.oid)
from pg_roles r where r.rolname = session_user
"""


async def may_serve(connection: Connection) -> bool:
    """Whether the role that logged in may become the others, which there must be."""
    return bool(await connection.fetchval(_MAY, PLATFORM, CALLER))


async def can_bypass(connection: Connection) -> bool:
    """Whether the role that logged in could take the wall down: it owns the tables, or is above row security."""
    return bool(await connection.fetchval(_STRONG))


async def admit(owner: Connection, login: str) -> None:
    """Let `login` serve. Raises ConfigurationError where the owner may not give that."""
    try:
        quoted = await owner.fetchval("select quote_ident($1)", login)
        await owner.execute(f"grant {PLATFORM}, {CALLER} to {quoted}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(refused(login)) from error


def refused(login: str) -> str:
    return (
        f"The role {login!r} of DATABASE_URL may not become {PLATFORM} and {CALLER}, in which statements run. Let an"
        f" administrator run: grant {PLATFORM}, {CALLER} to {login};"
    )
