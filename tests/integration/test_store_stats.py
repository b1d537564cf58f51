"""Statistics against Postgres: from runs, from summed days, and always the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.errors import BadUserInput
from app.model import Execution, WorkflowStatus
from app.store import Database, Executions
from app.store.listing import Filter
from app.store.stats import Statistics, Stats, StatsBucket, StatsGroup, spans
from app.store.sums import SETTLED, Sums
from tests.integration.test_store_executions import execution

COMPLETED, FAILED, RUNNING = WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.RUNNING
NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


def run(days_ago: float, status: WorkflowStatus = COMPLETED, seconds: float = 60, **fields: Any) -> Execution:
    start = TODAY - timedelta(days=days_ago) + timedelta(hours=1)
    close = None if status is RUNNING else start + timedelta(seconds=seconds)
    return execution(status=status, start_time=start, close_time=close, **fields)


async def sum_up(db: Database) -> list[int]:
    """Until there is nothing left to sum up; how many days each time."""
    done = []
    while count := await Sums(db).sum_up(NOW + SETTLED):
        done.append(count)
    return done


def told(found: list[Stats]) -> list[object]:
    return [(each.key, each.bucket_start, each.counts, round(each.seconds, 3)) for each in found]


async def test_a_summed_day_says_what_its_runs_say(db: Database) -> None:
    rows = [
        run(days, status, seconds, workflow_type=kind, tenant=tenant, task_queue=queue)
        for days in (0, 1, 2, 9)
        for kind, tenant, queue in (("Order", "acme", "a"), ("Sync", "acme", "b"), ("Sync", "beta", "b"))
        for status, seconds in ((COMPLETED, 10), (COMPLETED, 20), (FAILED, 5), (RUNNING, 0))
    ]
    await Executions(db).record(rows)
    statistics = Statistics(db)
    questions = [
        (Filter(), [], None),
        (Filter(), list(StatsGroup), None),
        (Filter(), [StatsGroup.TYPE], StatsBucket.DAY),
        (Filter(), [StatsGroup.TENANT], StatsBucket.WEEK),
        (Filter(), [StatsGroup.TYPE, StatsGroup.STATUS, StatsGroup.NAMESPACE], None),
        (Filter(tenant="acme"), [StatsGroup.TYPE], None),
        (Filter(tenant=""), [], None),
        (Filter(workflow_types=("Sync",), statuses=(COMPLETED, FAILED), task_queues=("b",)), [], None),
        (Filter(started_after=TODAY - timedelta(days=2), started_before=NOW), [StatsGroup.STATUS], StatsBucket.DAY),
        (Filter(started_after=TODAY - timedelta(days=1, hours=-2)), [], None),
    ]
    before = [await statistics.of(*question) for question in questions]
    assert sum(await sum_up(db)) == 9
    assert await db.fetchval("select count(*) from statistics") == 3 * 9
    for question, counted in zip(questions, before, strict=True):
        summed = await statistics.of(*question)
        assert told(summed) == told(counted)
        for share in (0.5, 0.95, 0.99):
            assert [each.duration_ms(share) for each in summed] == [each.duration_ms(share) for each in counted]
    assert before[0][0].count == 48
    assert before[0][0].closed == 36
    assert before[0][0].duration_ms(0.5) == pytest.approx(10_000, rel=0.01)


async def test_many_groups_are_whole_or_refused(db: Database) -> None:
    statuses = [each for each in WorkflowStatus if each.is_closed]
    rows = [
        run(days, status, workflow_type=f"T{kind}")
        for kind in range(30)
        for days in range(1, 61)
        for status in statuses
    ]
    for place in range(0, len(rows), 1000):
        await Executions(db).record(rows[place : place + 1000])
    statistics = Statistics(db)
    assert sum(await sum_up(db)) == 60
    found = await statistics.of(Filter(), [StatsGroup.TYPE], StatsBucket.DAY)
    assert {each.count for each in found} == {len(statuses)}
    assert len(found) == 30 * 60
    with pytest.raises(BadUserInput, match="too many groups: 10,000 is the most") as refused:
        await statistics.of(Filter(), [StatsGroup.TYPE, StatsGroup.STATUS], StatsBucket.DAY)
    assert refused.value.path == ("groupBy",)


async def test_what_happens_to_a_summed_day_shows_at_once(db: Database) -> None:
    statistics, executions = Statistics(db), Executions(db)
    opened = run(3, RUNNING)
    await executions.record([opened, run(3)])
    assert sum(await sum_up(db)) == 3

    async def counts() -> dict[WorkflowStatus, int]:
        [each] = await statistics.of(Filter())
        return each.counts

    assert await counts() == {RUNNING: 1, COMPLETED: 1}
    closed = replace(opened, status=FAILED, close_time=opened.start_time + timedelta(days=2))
    await executions.record([closed])
    await executions.record([closed])
    assert await counts() == {FAILED: 1, COMPLETED: 1}
    assert await sum_up(db) == [1]
    assert await counts() == {FAILED: 1, COMPLETED: 1}
    await executions.delete(closed.ref)
    assert await counts() == {COMPLETED: 1}
    await executions.record([run(3, tenant="beta")])
    assert await counts() == {COMPLETED: 2}
    assert await sum_up(db) == [1]
    assert await counts() == {COMPLETED: 2}


async def test_what_says_nothing_new_leaves_no_mark(db: Database) -> None:
    executions = Executions(db)
    row = run(2)
    await executions.record([row])
    await sum_up(db)
    await executions.record([row])
    await executions.record([replace(row, memo={"note": 1}, history_length=7)])
    await executions.record([run(0)])
    assert await db.fetchval("select count(*) from statistic_marks") == 0
    assert await sum_up(db) == []


async def test_a_write_that_commits_while_its_day_is_summed_up_is_not_lost(db: Database) -> None:
    statistics, executions = Statistics(db), Executions(db)
    await executions.record([run(2)])
    async with db.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "insert into executions (namespace, workflow_id, run_id, workflow_type, task_queue, status, start_time,"
            " tenant, environment) values ('default', 'late', 'late', 'Order', 'orders', 'RUNNING', $1, 'acme', 'p')",
            TODAY - timedelta(days=1, hours=12),
        )
        await asyncio.create_task(sum_up(db))
        [seen] = await asyncio.create_task(statistics.of(Filter()))
        assert seen.count == 1
        await transaction.commit()
    [seen] = await statistics.of(Filter())
    assert seen.count == 2
    assert sum(await sum_up(db)) == 1
    [seen] = await statistics.of(Filter())
    assert seen.count == 2


async def test_other_conditions_are_counted_from_the_runs(db: Database) -> None:
    statistics = Statistics(db)
    await Executions(db).record([run(2, metadata={"a": 1}), run(2, metadata={"a": 2}), run(0)])
    await sum_up(db)
    [each] = await statistics.of(Filter(metadata={"a": 1}))
    assert each.count == 1
    by_hour = await statistics.of(Filter(started_after=TODAY - timedelta(days=3)), [], StatsBucket.HOUR)
    assert [(each.bucket_start, each.count) for each in by_hour] == [
        (TODAY - timedelta(days=2) + timedelta(hours=1), 2),
        (TODAY + timedelta(hours=1), 1),
    ]


def test_spans() -> None:
    low, high = datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 3, 6, 12, tzinfo=UTC)

    def at(day: int) -> datetime:
        return datetime(2026, 3, day, tzinfo=UTC)

    assert spans(low, high, []) == [(low, high)]
    assert spans(low, high, [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 5)]) == [
        (low, at(2)),
        (at(4), at(5)),
        (at(6), high),
    ]
    assert spans(at(2), at(4), [date(2026, 3, 2), date(2026, 3, 3)]) == []
