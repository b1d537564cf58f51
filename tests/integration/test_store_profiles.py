"""Profiles and bottlenecks from archived runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.model import WorkflowStatus
from app.profile import key_of
from app.store import Database, Executions
from app.store.bottlenecks import Bottlenecks
from app.store.profiles import RUNS, Profiles
from tests.integration.test_store_executions import execution

NOW = datetime.now(UTC)
KEY = ("default", "acme", "production", "Order")


async def archived(
    db: Database,
    activities: Sequence[tuple[str, float, float]],
    *,
    seconds: float = 100,
    status: WorkflowStatus = WorkflowStatus.COMPLETED,
    started: datetime = NOW - timedelta(hours=1),
    delay: timedelta = timedelta(0),
    **fields: str,
) -> None:
    """A closed run with activities: type, and seconds from its execution time to schedule and close."""
    closed = started + timedelta(seconds=seconds)
    row = execution(status=status, start_time=started - delay, execution_time=started, close_time=closed, **fields)
    await Executions(db).record([row])
    await db.execute("update executions set archived_at = now() - interval '5 seconds' where run_id = $1", row.run_id)
    for number, (activity_type, begin, end) in enumerate(activities):
        await db.execute(
            "insert into activities (namespace, workflow_id, run_id, scheduled_event_id, tenant, environment,"
            " workflow_type, activity_id, activity_type, status, attempt, is_local, scheduled_time, start_time,"
            " close_time, queue_ms, duration_ms)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, false, $12, $12, $13, 20, $14)",
            row.namespace,
            row.workflow_id,
            row.run_id,
            number,
            row.tenant,
            row.environment,
            row.workflow_type,
            str(number),
            activity_type,
            "FAILED" if activity_type == "flaky" else "COMPLETED",
            3 if activity_type == "flaky" else 1,
            started + timedelta(seconds=begin),
            started + timedelta(seconds=end),
            1000 * (end - begin),
        )


async def test_a_profile_is_made_of_completed_runs(db: Database) -> None:
    profiles = Profiles(db)
    assert await profiles.many([KEY]) == {}
    for seconds in (80, 100, 120):
        await archived(db, [("load", 0, seconds * 0.25), ("save", seconds * 0.25, seconds)], seconds=seconds)
    await archived(db, [("load", 0, 1)], seconds=1, status=WorkflowStatus.FAILED)
    await archived(db, [("other", 0, 1)], seconds=1, tenant="beta")
    assert await profiles.renew() == 2
    statements = db.statements
    found = await profiles.many([KEY, ("default", "beta", "production", "Order"), ("a", "b", "c", "d")])
    assert db.statements == statements + 1
    assert len(found) == 2
    made = found[KEY]
    assert key_of(made) == KEY
    assert (made.runs, made.p50, made.p90, made.activities) == (3, 100, 120, 2)
    assert [(step.activity_type, step.nth, step.begins, step.closes, step.share) for step in made.steps] == [
        ("load", 1, 0.0, 0.25, 1.0),
        ("save", 1, 0.25, 1.0, 1.0),
    ]


async def test_a_profile_is_measured_from_the_execution_time(db: Database) -> None:
    await archived(db, [("load", 0, 25), ("save", 25, 100)], delay=timedelta(hours=1))
    await Profiles(db).renew()
    made = (await Profiles(db).many([KEY]))[KEY]
    assert (made.p50, made.p90) == (100, 100)
    assert [(step.begins, step.closes) for step in made.steps] == [(0.0, 0.25), (0.25, 1.0)]


async def test_of_a_run_that_a_signal_began_early_the_start_counts(db: Database) -> None:
    started = NOW - timedelta(hours=1)
    row = execution(
        status=WorkflowStatus.COMPLETED,
        start_time=started,
        execution_time=started + timedelta(hours=2),
        close_time=started + timedelta(seconds=50),
    )
    await Executions(db).record([row])
    await db.execute("update executions set archived_at = now() - interval '5 seconds'")
    await Profiles(db).renew()
    assert (await Profiles(db).many([KEY]))[KEY].p50 == 50


async def test_a_profile_follows_the_last_runs(db: Database) -> None:
    profiles = Profiles(db)
    await archived(db, [("load", 0, 100)])
    assert await profiles.renew() == 1
    assert await profiles.renew() == 0
    await archived(db, [], seconds=10)
    # Both runs were archived before the first look, as far as their own time says: only the second is news.
    await db.execute("update profiled set until = now() - interval '6 seconds'")
    assert await profiles.renew() == 1
    made = (await profiles.many([KEY]))[KEY]
    assert (made.runs, made.p50, len(made.steps)) == (2, 55, 1)
    await db.execute(
        "insert into executions (namespace, workflow_id, run_id, workflow_type, task_queue, status, start_time,"
        " close_time, tenant, environment, archived_at) select 'default', 'w', 'r' || n, 'Order', 'q', 'COMPLETED',"
        " now() - interval '1 minute', now() + n * interval '1 second', 'acme', 'production',"
        " now() - interval '5 seconds' from generate_series(1, 150) n"
    )
    await db.execute("update profiled set until = now() - interval '6 seconds'")
    await profiles.renew()
    assert (await profiles.many([KEY]))[KEY].runs == RUNS


async def test_bottlenecks(db: Database) -> None:
    for _ in range(3):
        await archived(db, [("load", 0, 10), ("save", 10, 90), ("flaky", 90, 100)])
    await archived(db, [("save", 0, 100)], tenant="beta")
    await archived(db, [("save", 0, 100)], started=NOW - timedelta(days=40))
    bottlenecks = Bottlenecks(db)
    low, high = NOW - timedelta(days=30), NOW
    found = await bottlenecks.of("Order", low, high, namespaces=("default",), tenant="acme")
    assert [(each.activity_type, round(each.share, 3), each.activities, each.runs) for each in found] == [
        ("save", 0.8, 3, 3),
        ("flaky", 0.1, 3, 3),
        ("load", 0.1, 3, 3),
    ]
    flaky = found[1]
    assert (flaky.failure_rate, flaky.retries, flaky.average_attempts, flaky.average_queue_ms) == (1.0, 6, 3.0, 20)
    assert (flaky.average_ms, flaky.p95_ms, flaky.failed, flaky.timed_out) == (10_000, 10_000, 3, 0)
    everybody = await bottlenecks.of("Order", low, high, namespaces=("default",))
    assert everybody[0].activities == 4
    assert await bottlenecks.of("Order", low, high, namespaces=("elsewhere",)) == []
    assert len(await bottlenecks.of("Order", low, high, namespaces=("default",), sample=1)) == 1
