from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from app.model import Change, ChangeCursor
from app.store import Changes, Database
from app.store.changes import LogPage
from tests.integration.change_log import START, entries

INSERT = (
    "insert into changes (tenant, environment, namespace, workflow_id, run_id, kind)"
    " values ('t', 'e', 'n', $1, 'r', 'STARTED')"
)


@pytest.fixture
def log(db: Database) -> Changes:
    return Changes(db)


@pytest.fixture
async def writers(database: str) -> AsyncIterator[list[asyncpg.Connection]]:
    writers = [await asyncpg.connect(database) for _ in range(2)]
    yield writers
    for each in writers:
        await each.close()


def ids(changes: list[Change]) -> list[str]:
    return [each.ref.workflow_id for each in changes]


async def test_an_empty_log(log: Changes, db: Database) -> None:
    assert await entries(db) == []
    assert await entries(db, await log.latest_position()) == []
    assert not await log.is_cut(START)


async def test_entries_come_in_order_from_any_cursor(log: Changes, db: Database) -> None:
    for name in "abcde":
        await db.execute(INSERT, name)
    everything = await entries(db)
    assert ids(everything) == list("abcde")
    assert ids(await entries(db, limit=2)) == ["a", "b"]
    assert ids(await entries(db, everything[1].cursor)) == ["c", "d", "e"]
    assert await entries(db, everything[-1].cursor) == []


async def test_an_entry_that_commits_late_is_never_passed_over(
    log: Changes, db: Database, writers: list[asyncpg.Connection]
) -> None:
    slow, quick = writers
    begun = slow.transaction()
    await begun.start()
    await slow.execute(INSERT, "slow")  # takes the lower number, and commits last
    await quick.execute(INSERT, "quick")
    assert await log.page(START) == LogPage((), is_held=True)
    await begun.commit()
    assert ids(await entries(db)) == ["slow", "quick"]


async def test_a_transaction_that_writes_late_but_began_early_is_not_passed_over(
    db: Database, writers: list[asyncpg.Connection]
) -> None:
    slow, quick = writers
    begun = slow.transaction()
    await begun.start()
    await slow.fetchval("select pg_current_xact_id()")
    await quick.execute(INSERT, "quick")  # the higher transaction takes the lower number
    await slow.execute(INSERT, "slow")
    await begun.commit()
    first = await entries(db, limit=1)
    assert ids(first) == ["slow"]
    assert ids(await entries(db, first[-1].cursor)) == ["quick"]


async def test_a_transaction_that_fails_leaves_no_entry_and_holds_nothing_back(
    db: Database, writers: list[asyncpg.Connection]
) -> None:
    slow, quick = writers
    begun = slow.transaction()
    await begun.start()
    await slow.execute(INSERT, "slow")
    await quick.execute(INSERT, "quick")
    await begun.rollback()
    assert ids(await entries(db)) == ["quick"]


async def test_the_latest_position_skips_nothing_that_commits_after_it(
    log: Changes, db: Database, writers: list[asyncpg.Connection]
) -> None:
    await db.execute(INSERT, "old")
    assert ids(await entries(db)) == ["old"]
    slow, _ = writers
    begun = slow.transaction()
    await begun.start()
    await slow.execute(INSERT, "slow")
    cursor = await log.latest_position()
    await begun.commit()
    await db.execute(INSERT, "new")
    assert ids(await entries(db, cursor)) == ["slow", "new"]


async def test_a_cut_log_knows_which_cursors_lost_entries(log: Changes, db: Database) -> None:
    for name in "abc":
        await db.execute(INSERT, name)
    a, b, c = await entries(db)
    await db.execute("update changes set at = now() - interval '8 days' where workflow_id <> 'c'")
    assert await log.cut(timedelta(days=7)) == 2
    assert await log.cut(timedelta(days=7)) == 0
    assert ids(await entries(db)) == ["c"]
    assert [await log.is_cut(each) for each in (START, a.cursor, b.cursor, c.cursor)] == [
        True,
        True,
        False,
        False,
    ]


async def test_a_log_copied_from_another_cluster_does_not_hide_what_happens_in_this_one(
    log: Changes, db: Database
) -> None:
    await db.execute(INSERT, "foreign")
    await db.execute("update changes set xid = '999999999999'::xid8")
    await db.execute("insert into changes_cut (xid, position) values ('999999999998'::xid8, 1)")
    assert await log.is_cut(ChangeCursor(999999999999, 1))
    await log.cut(timedelta(days=7))
    assert not await log.is_cut(await log.latest_position())
    await db.execute(INSERT, "new")
    assert ids(await entries(db)) == ["new"]
