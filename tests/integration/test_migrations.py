from __future__ import annotations

import asyncio

import asyncpg
import pytest

from app.errors import ConfigurationError, DatabaseUnavailable
from app.store.migrations import SchemaState, current, known, migrate
from tests.conftest import database_url


async def test_applies_each_migration_once(empty_database: str) -> None:
    assert await current(empty_database) is SchemaState.BEHIND
    assert await migrate(empty_database) == [each.name for each in known()]
    assert await migrate(empty_database) == []
    assert await current(empty_database) is SchemaState.CURRENT


async def test_two_at_once_apply_each_migration_once_between_them(empty_database: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == [each.name for each in known()]


async def test_refuses_a_database_of_a_newer_version(empty_database: str) -> None:
    await migrate(empty_database)
    await _sql(empty_database, "insert into schema_migrations values (9999, '9999_from_the_future', 'x')")
    assert await current(empty_database) is SchemaState.AHEAD
    with pytest.raises(ConfigurationError, match=r"newer than this version.*9999_from_the_future"):
        await migrate(empty_database)


async def test_refuses_a_migration_that_changed_after_it_was_applied(empty_database: str) -> None:
    await migrate(empty_database)
    await _sql(empty_database, "update schema_migrations set checksum = 'other' where version = 1")
    with pytest.raises(ConfigurationError, match="has changed since"):
        await migrate(empty_database)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://tom:sesame@localhost/x", "begins with 'mysql'"),
        ("tom:sesame@localhost", "begins with 'no scheme'"),
        ("postgresql://tom:sesame@localhost:abc/x", "its port is 'abc'"),
        ("postgresql://tom:sesame@nowhere.invalid/x", "DATABASE_URL cannot be used"),
        ("postgresql://tom:sesame@localhost/x?sslmode=sometimes", "sslmode"),
    ],
)
async def test_a_url_that_cannot_work_is_told_in_one_line_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await migrate(url)
    assert words in refusal.value.message
    assert "sesame" not in refusal.value.message
    assert "\n" not in refusal.value.message


async def test_an_unknown_database_is_named(postgres_server: str) -> None:
    with pytest.raises(ConfigurationError, match='"no_such_database" does not exist'):
        await migrate(database_url(postgres_server, "no_such_database"))


async def test_an_unknown_user_is_a_wrong_configuration(empty_database: str) -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        await migrate(empty_database.replace("postgres:@", "nobody:sesame@"))


@pytest.mark.parametrize("server", ["127.0.0.1:1/x", "/x?host=/no/server/here"])
async def test_a_server_that_is_down_may_come_back(server: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await migrate(f"postgresql://tom:sesame@{server}")


async def _sql(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
