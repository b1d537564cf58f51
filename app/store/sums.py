"""The sums of finished days, which statistics read instead of the days' runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from app.store.database import Database
from app.store.histogram import BUCKET_SQL

DAY = timedelta(days=1)
SETTLED = timedelta(minutes=5)
"""How long after its end a day is summed up: every write that began on the day, and left no mark, has ended."""

_DAY = f"""
select {{columns}}, sum(runs)::bigint, sum(seconds), min(first_start), max(last_start),
    coalesce(array_agg(b order by b) filter (where b is not null), '{{{{}}}}'),
    coalesce(array_agg(closed order by b) filter (where b is not null), '{{{{}}}}')
from (
    select {{columns}}, {BUCKET_SQL.format("duration")} as b, count(*) as runs, count(duration)::integer as closed,
        coalesce(sum(duration), 0) as seconds, min(start_time) as first_start, max(start_time) as last_start
    from executions where start_time >= $1 and start_time < $2
    group by {{columns}}, b
) as counted
group by {{columns}}
"""

_SUMS_BY = {
    "statistics": ("namespace", "tenant", "environment", "workflow_type", "task_queue", "status"),
    "type_statistics": ("namespace", "workflow_type", "status"),
}
"""The tables of sums, and what each keeps apart."""
_SUMMED_COLUMNS = ("runs", "seconds", "first_start", "last_start", "buckets", "counts")

_UNSUMMED = """
select day from (
    select distinct day from statistic_marks
    union
    select generate_series(
        (select min(start_time) at time zone 'UTC' from executions)::date, $1::date - 1, interval '1 day')::date
    except
    select day from statistic_days where day not in (select day from statistic_marks)
) as days
where day < $1 order by day desc limit $2
"""


class Sums:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sum_up(self, now: datetime, limit: int = 8) -> int:
        """Sum up finished days that have not been, or that have changed since, newest first; returns how many."""
        today = (now - SETTLED).astimezone(UTC).date()
        rows = await self._database.fetch(_UNSUMMED, today, limit)
        for row in rows:
            await self._sum_up(row["day"])
        return len(rows)

    async def _sum_up(self, day: date) -> None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        async with self._database.transaction() as connection:
            # One snapshot: the marks that go are those whose writes are seen. What takes long comes before the first
            # write, since a transaction that writes holds back the log of the lists.
            await connection.execute("set transaction isolation level repeatable read")
            sums = {
                table: await connection.fetch(_DAY.format(columns=", ".join(columns)), start, start + DAY)
                for table, columns in _SUMS_BY.items()
            }
            await connection.execute("delete from statistic_marks where day = $1", day)
            for table, rows in sums.items():
                await connection.execute(f"delete from {table} where day = $1", day)
                columns = ("day", *_SUMS_BY[table], *_SUMMED_COLUMNS)
                # By statement, since Postgres has no COPY into a table with row security.
                values = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
                await connection.executemany(
                    f"insert into {table} ({', '.join(columns)}) values ({values})", [(day, *row) for row in rows]
                )
            await connection.execute(
                "insert into statistic_days (day) values ($1) on conflict (day) do update set computed_at = now()", day
            )
