"""The tail of the change log over a real Postgres: nothing lost, nothing twice, whoever commits when."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from app import metrics
from app.bus import Bus
from app.errors import DatabaseUnavailable
from app.hub.feed import Feed
from app.hub.following import Step, followed
from app.hub.ring import Batch
from app.model import ChangeCursor, LogPlace
from app.store import Changes, Database
from tests.integration.change_log import START, entries
from tests.waiting import eventually

NEVER = 3600.0
INSERT = (
    "insert into changes (tenant, environment, namespace, workflow_id, run_id, kind)"
    " values ('t', 'e', 'n', $1, 'r', 'STARTED')"
)


@asynccontextmanager
async def feeding(db: Database, bus: Bus, *, fallback: float = NEVER, capacity: int = 4096) -> AsyncIterator[Feed]:
    feed = Feed(Changes(db), lambda: bus.listen("changes"), fallback=fallback, capacity=capacity)
    yield feed
    await feed.close()


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with Bus("memory://") as bus:
        await eventually(lambda: travels(bus))
        yield bus


def everything(feed: Feed) -> Any:
    async def decide(batch: Batch) -> Sequence[Step[str]]:
        return [Step(feed.place(each.cursor), each, each.ref.workflow_id) for each in batch.entries]

    return decide


class Reader:
    """A follower that is cut off now and then, and comes back with its cursor."""

    def __init__(self, feed: Feed, after: LogPlace | None = None, patience: int | None = None) -> None:
        self.feed = feed
        self.after = after
        self.got: list[str] = []
        self.gaps = 0
        self._patience = patience

    async def read(self) -> None:
        while True:
            left = random.randint(1, self._patience) if self._patience else None
            async with aclosing(followed(self.feed, self.after, everything(self.feed))) as steps:
                async for step in steps:
                    self.after = step.place
                    self.gaps += step.gap is not None
                    if step.subject is not None:
                        self.got.append(step.subject)
                    left = left and left - 1
                    if left == 0:
                        break

    async def has(self, count: int) -> list[str]:
        async def got() -> list[str]:
            return self.got

        return await eventually(got, lambda got: len(got) >= count, within=30)


@asynccontextmanager
async def reading(*readers: Reader) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(reader.read()) for reader in readers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


async def logged(db: Database) -> list[str]:
    rows = await db.fetch("select workflow_id from changes order by xid, position")
    return [row["workflow_id"] for row in rows]


async def beginning(db: Database) -> LogPlace:
    return LogPlace(await Changes(db).name(), START)


async def write_at_random(url: str, bus: Bus, name: str, rounds: int) -> None:
    """Transactions that take their numbers early and commit late, some that fail, some with several entries."""
    connection: Any = await asyncpg.connect(url)
    try:
        for number in range(rounds):
            transaction = connection.transaction()
            await transaction.start()
            for part in range(random.choice((1, 1, 3))):
                await connection.execute(INSERT, f"{name}-{number}-{part}")
                await asyncio.sleep(random.random() * 0.01)
            if random.random() < 0.2:
                await transaction.rollback()
            else:
                await transaction.commit()
                await bus.publish("changes", "")
    finally:
        await connection.close()


async def test_writers_that_commit_out_of_order_are_read_in_order_and_once(
    db: Database, database: str, bus: Bus
) -> None:
    start = await beginning(db)
    async with feeding(db, bus, capacity=16) as feed:
        readers = [Reader(feed, start), Reader(feed, start, patience=1), Reader(feed, start, patience=20)]
        async with reading(*readers):
            await asyncio.gather(*(write_at_random(database, bus, name, 40) for name in "abcdef"))
            expected = await logged(db)
            assert len(expected) > 200
            # No fallback ever comes: what a late writer held back was looked for again.
            for reader in readers:
                assert await reader.has(len(expected)) == expected
        assert [reader.gaps for reader in readers] == [0, 0, 0]


async def test_what_is_held_back_by_a_writer_comes_as_soon_as_it_ends(db: Database, database: str, bus: Bus) -> None:
    slow: Any = await asyncpg.connect(database)
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval("select pg_current_xact_id()")
    async with feeding(db, bus) as feed, reading(reader := Reader(feed, await beginning(db))):
        await db.execute(INSERT, "held")
        await bus.publish("changes", "")
        asked = db.statements

        async def looked_again() -> int:
            return db.statements - asked

        await eventually(looked_again, lambda count: count >= 5)
        assert reader.got == []
        await transaction.commit()  # nobody tells of this
        assert await reader.has(1) == ["held"]
    await slow.close()


async def test_a_lost_hint_costs_the_fallback_interval_and_is_counted(db: Database, bus: Bus) -> None:
    counter = metrics.FALLBACK_DELIVERIES.labels("changes")
    async with feeding(db, bus, fallback=0.1) as feed, reading(reader := Reader(feed)):
        await eventually(lambda: joined(feed))
        before = counter._value.get()
        await db.execute(INSERT, "unheard")
        assert await reader.has(1) == ["unheard"]
        assert counter._value.get() == before + 1
    async with feeding(db, bus) as feed, reading(reader := Reader(feed)):
        await eventually(lambda: joined(feed))
        await db.execute(INSERT, "heard")
        await bus.publish("changes", "")
        assert await reader.has(1) == ["heard"]
        assert counter._value.get() == before + 1


async def joined(feed: Feed) -> bool:
    return feed.head.xid > 0


async def test_two_processes_over_postgres(db: Database, database: str) -> None:
    async with Bus(database) as here, Bus(database) as there:
        for bus in (here, there):
            await eventually(partial(travels, bus))
        async with feeding(db, there) as feed, reading(reader := Reader(feed)):
            await eventually(lambda: joined(feed))
            for name in "abc":
                await db.execute(INSERT, name)
                await here.publish("changes", "")
            assert await reader.has(3) == ["a", "b", "c"]


async def travels(bus: Bus) -> bool:
    return bus.healthy[0]


async def test_the_log_is_read_only_while_somebody_follows(db: Database, bus: Bus) -> None:
    async with feeding(db, bus, fallback=0.01) as feed:
        async with reading(Reader(feed)), reading(Reader(feed)):
            await eventually(lambda: joined(feed))

        async def ended() -> bool:
            return not any(task.get_name() == "feed" for task in asyncio.all_tasks())

        await eventually(ended)
        assert metrics.FEED_FOLLOWERS._value.get() == 0
        await db.execute(INSERT, "unseen")
        async with reading(reader := Reader(feed)):
            await eventually(followed_by_one)
            await eventually(lambda: joined(feed))
            await db.execute(INSERT, "seen")
            assert (await reader.has(1))[-1] == "seen"


async def followed_by_one() -> bool:
    return bool(metrics.FEED_FOLLOWERS._value.get() == 1)


async def test_a_cut_log_and_another_database_begin_with_a_gap(db: Database, bus: Bus) -> None:
    for name in "abc":
        await db.execute(INSERT, name)
    first, *_ = await entries(db)
    await db.execute("update changes set at = now() - interval '8 days' where workflow_id <> 'c'")
    await Changes(db).cut(timedelta(days=7))
    name = (await beginning(db)).log
    async with feeding(db, bus) as feed:
        cut = Reader(feed, LogPlace(name, first.cursor))
        foreign = Reader(feed, LogPlace("another", first.cursor))
        future = Reader(feed, LogPlace(name, ChangeCursor(2**40, 1)))
        async with reading(cut, foreign, future):

            async def gaps() -> list[int]:
                return [reader.gaps for reader in (cut, foreign, future)]

            await eventually(gaps, lambda found: found == [1, 1, 1])
            await db.execute(INSERT, "d")
            await bus.publish("changes", "")
            for reader in (cut, foreign, future):
                assert (await reader.has(1))[-1] == "d"


async def test_postgres_crashes_and_recovers_while_somebody_follows(db: Database, bus: Bus) -> None:
    async with feeding(db, bus, fallback=0.1) as feed, reading(reader := Reader(feed)):
        await eventually(lambda: joined(feed))
        await db.execute(INSERT, "before")
        assert await reader.has(1) == ["before"]
        # The server throws away every connection and starts anew when one of its processes is killed.
        os.kill(await db.fetchval("select pg_backend_pid()"), signal.SIGKILL)
        with pytest.raises(DatabaseUnavailable):
            await db.execute(INSERT, "never")
        await eventually(lambda: written(db, "after"), within=30)
        assert await reader.has(2) == ["before", "after"]
        assert reader.gaps == 0


async def written(db: Database, name: str) -> bool:
    try:
        await db.execute(INSERT, name)
    except DatabaseUnavailable:
        return False
    return True


async def test_whoever_begins_while_postgres_is_away_is_told_so(bus: Bus) -> None:
    db = Database("postgresql://nobody@127.0.0.1:1/none", acquire_timeout=0.5)
    await db.connect()
    async with feeding(db, bus) as feed:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await anext(followed(feed, None, everything(feed)))
    await db.close()
