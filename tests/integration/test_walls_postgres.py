"""The second wall: what Postgres gives to a statement that forgets whose rows it may see."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from app.errors import ConfigurationError, DatabaseUnavailable
from app.store import Database, Executions, Listing
from app.store.migrations import admit, verify_roles
from app.store.sight import NOTHING, Sight, seeing

OWN = {
    "executions", "attributes", "activities", "execution_counts", "statistics", "profiles", "alerts", "changes",
    "audit", "idempotency", "api_keys", "batches", "batch_items", "archive", "archive_events", "execution_totals",
}  # fmt: skip
"""Of which a caller sees its own rows; the totals are then those of its own counts."""
NOBODYS = {
    "type_statistics", "profiled", "changes_cut", "tenants", "sources", "watermarks", "shared_secrets",
    "stream_tickets", "deleted_executions", "tenant_environments", "hand_overs", "undone_provisionings",
}  # fmt: skip
EVERYBODYS = {"statistic_days", "statistic_marks", "schema_migrations"}
"""With nothing in them that is of a tenant."""
ACME, OTHER = "acme", "globex-secret"

_COLUMNS = """
select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a
where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
"""
_VALUES = {
    "text": "$1",
    "jsonb": "jsonb_build_object('marker', $1)",
    "bytea": "convert_to($1, 'UTF8')",
    "timestamp with time zone": "now()",
    "date": "current_date",
    "boolean": "true",
    "uuid": "md5($1)::uuid",
    "text[]": "array[$1]",
    "xid8": "pg_current_xact_id()",
}


_UNSET = {"only_row", "resolved_at", "revoked_at", "concludes"}


async def fill(owner: Any, table: str, tenant: str) -> None:
    """A row with the tenant's name in every text."""
    columns = [(each["name"], each["type"]) for each in await owner.fetch(_COLUMNS, table)]
    columns = [each for each in columns if each[0] not in _UNSET and (table, each[0]) != ("tenants", "status")]
    values = [_VALUES.get(type_, "'{1}'" if type_.endswith("[]") else "1") for _, type_ in columns]
    names = ", ".join(name for name, _ in columns)
    await owner.execute(
        f"insert into {table} ({names}) select {', '.join(values)} from (select $1::text) as it on conflict do nothing",
        tenant,
    )


async def tables_of(owner: Any) -> set[str]:
    return {
        each["relname"]
        for each in await owner.fetch(
            "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"
        )
    }


async def test_every_table_has_its_place_behind_the_wall(owner: Any) -> None:
    tables = await tables_of(owner)
    assert tables <= OWN | NOBODYS | EVERYBODYS, "say whose rows a new table has, and call wall() in its migration"
    open_ = await owner.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"
        " and not relrowsecurity"
    )
    assert [each["relname"] for each in open_] == ["schema_migrations"]
    assert await owner.fetchval("select count(*) from pg_roles where rolname ~ '^tideline_' and"
                                " (rolsuper or rolbypassrls or rolcreaterole or rolcanlogin)") == 0  # fmt: skip


async def test_a_statement_without_a_filter_has_no_byte_of_another_tenant(owner: Any, db: Database) -> None:
    tables = sorted(await tables_of(owner))
    for tenant in (ACME, OTHER):
        for table in ("executions", "batches", "tenants", "api_keys"):  # which others speak of
            await fill(owner, table, tenant)
        for table in tables:
            if table not in {"executions", "attributes", "execution_counts", "execution_totals", "schema_migrations"}:
                await fill(owner, table, tenant)
    everywhere = db.everywhere
    for table in tables:
        if table in OWN - {"execution_totals"}:
            shown = repr(await everywhere.fetch(f"select * from {table}"))
            assert ACME in shown, table
            assert OTHER in shown, table
        for sight in (Sight(ACME), Sight(ACME, ACME)):
            with seeing(sight):
                rows = await read(db, table)
            assert OTHER not in repr(rows), table
            assert bool(rows) is (table in OWN | EVERYBODYS), table
        for sight in (NOTHING, Sight("nobody"), Sight(ACME, "nowhere"), Sight("")):
            with seeing(sight):
                assert not await read(db, table) or table in EVERYBODYS, table
        if table not in EVERYBODYS:
            assert not await read(db, table), "nobody is served"


async def read(db: Database, table: str) -> list[Any]:
    """Both what callers find under the name, and the table itself."""
    try:
        return [*await db.walled.fetch(f"select * from {table}"), *await db.walled.fetch(f"table public.{table}")]
    except asyncpg.InsufficientPrivilegeError:
        if table == "execution_totals":
            return await db.walled.fetch(f"select * from {table}")
        return []


async def test_a_list_that_forgets_its_tenant_has_only_the_callers_runs(owner: Any, db: Database) -> None:
    for tenant in (ACME, OTHER):
        await fill(owner, "executions", tenant)
    runs = Executions(db.walled)
    await owner.execute("update executions set status = 'COMPLETED'")
    with seeing(Sight(ACME)):
        assert [each.tenant for each in (await runs.page(Listing())).items] == [ACME]
    assert (await runs.page(Listing())).items == ()


async def test_who_sees_one_environment_does_not_find_the_others_of_the_tenant(owner: Any, db: Database) -> None:
    await fill(owner, "executions", ACME)
    for schema in ("tideline_callers", "tideline_tenants"):
        for table in ("executions", "execution_totals"):
            counted = []
            for sight in (Sight(ACME), Sight(ACME, ACME), Sight(ACME, "nowhere"), NOTHING):
                with seeing(sight):
                    counted.append(await db.walled.fetchval(f"select count(*) from {schema}.{table}"))
            assert counted == [int(schema == "tideline_tenants"), int(schema == "tideline_callers"), 0, 0], table


async def test_what_is_seen_changes_with_who_is_served_on_one_connection(owner: Any, database: str) -> None:
    for tenant in (ACME, OTHER):
        await fill(owner, "executions", tenant)
    db = Database(database, pool_size=1)
    await db.connect()

    async def seen(tenant: str) -> None:
        with seeing(Sight(tenant)):
            for _ in range(20):
                rows = await db.walled.fetch("select tenant from executions")
                assert [each["tenant"] for each in rows] == [tenant]
                async with db.walled.transaction() as connection:
                    assert await connection.fetchval("select string_agg(tenant, ',') from executions") == tenant
                await asyncio.sleep(0)

    async def everything() -> None:
        for _ in range(20):
            assert await db.fetchval("select count(*) from executions") == 2

    try:
        await asyncio.gather(seen(ACME), seen(OTHER), everything())
    finally:
        await db.close()


async def test_a_role_that_logs_in_serves_once_it_is_admitted(login: str, database: str) -> None:
    with pytest.raises(ConfigurationError, match="grant tideline_platform, tideline_caller to app_"):
        await verify_roles(login)
    db = Database(login)
    await db.connect()
    try:
        with pytest.raises(DatabaseUnavailable, match="grant tideline_platform, tideline_caller"):
            await db.check()
        with pytest.raises(ConfigurationError, match="Let an administrator run"):
            await admit(login, login)
        await admit(login, database)
        await admit(login, database)
        assert await verify_roles(login)
        assert not await verify_roles(database)
        await db.check()
        assert await db.walled.fetch("select * from executions") == []
    finally:
        await db.close()


HOSTILE = (
    "alter table executions disable row level security",
    "alter table executions owner to current_user",
    "drop policy its_own on executions",
    "create policy mine on executions using (true)",
    "alter role tideline_caller bypassrls",
    "create or replace view tideline_callers.executions as select * from public.executions",
    "select * from shared_secrets",
    "insert into changes_cut (xid, position) values ('1', 1)",
    "update public.executions set tenant = 'acme'",
    "delete from public.executions",
    "truncate executions",
    "set row_security = off; select * from public.executions",
    "set session authorization postgres",
    "select wall('executions', 'everybody')",
)


def _is_ones_own(statement: str) -> bool:
    """Of the roles that are there to write and to see everything."""
    return statement.startswith(("select * from shared", "insert", "update", "delete", "set row_security"))


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (role, statement)
        for role in ("tideline_caller", "tideline_platform", "none")
        for statement in HOSTILE
        if role == "tideline_caller" or not _is_ones_own(statement)
    ],
)
async def test_the_application_cannot_take_the_wall_down(login: str, database: str, role: str, statement: str) -> None:
    await admit(login, database)
    connection = await asyncpg.connect(login)
    try:
        await connection.execute(f"set role {role}")
        with pytest.raises(
            asyncpg.InsufficientPrivilegeError, match=r"permission denied|must be owner|row-level security"
        ):
            await connection.execute(statement)
    finally:
        await connection.close()
