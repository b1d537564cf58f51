"""Profiles of workflow types: what their last completed runs were like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from app.model import Profile
from app.profile import PastRun, ProfileKey, key_of, profile_of
from app.store.database import Database, Row

RUNS = 100
"""How many of the last completed runs a profile is made of."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MOST_STEPS = 200
"""Activities of one run that a profile tells of; a type with more shows its first ones."""
_KEY = "(namespace, tenant, environment, workflow_type)"

_STALE = """
select distinct namespace, tenant, environment, workflow_type from executions
where status = 'COMPLETED' and archived_at > $1 and archived_at <= $2
"""

_LAST = """
select e.run_id, e.begun, e.close_time as ended, a.activity_type, a.scheduled_time, a.close_time
from (
    -- A signal may have begun a run before its execution time.
    select namespace, workflow_id, run_id, close_time,
        case when execution_time < close_time then execution_time else start_time end as begun
    from executions
    where (namespace, tenant, environment, workflow_type) = ($1, $2, $3, $4) and status = 'COMPLETED'
        and archived_at is not null
    order by close_time desc limit $5
) as e
left join lateral (
    select activity_type, scheduled_time, close_time, scheduled_event_id from activities a
    where (a.namespace, a.workflow_id, a.run_id) = (e.namespace, e.workflow_id, e.run_id) and close_time is not null
    order by scheduled_event_id limit $6
) as a on true
order by e.run_id, a.scheduled_event_id
"""

_PUT = """
insert into profiles (namespace, tenant, environment, workflow_type, runs, p50, p90, activities, steps)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (namespace, tenant, environment, workflow_type) do update set runs = excluded.runs,
    p50 = excluded.p50, p90 = excluded.p90, activities = excluded.activities, steps = excluded.steps,
    updated_at = now()
"""


class Profiles:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def many(self, keys: Sequence[ProfileKey]) -> dict[ProfileKey, Profile]:
        """Those profiles that there are, in one statement."""
        if not keys:
            return {}
        rows = await self._database.fetch(
            f"select {_KEY[1:-1]}, runs, p50, p90, activities, steps from profiles"
            " join unnest($1::text[], $2::text[], $3::text[], $4::text[])"
            f" as wanted {_KEY} using {_KEY}",
            *(list(column) for column in zip(*keys, strict=True)),
        )
        return {key_of(each): each for each in map(_profile_of, rows)}

    async def renew(self, limit: int = 200) -> int:
        """Make anew the profiles of those types that had runs archived since the last time; returns how many.

        What is cut off by `limit` comes with a type's next run.
        """
        since: datetime | None = await self._database.fetchval("select until from profiled")
        # An archived run shows a moment after the time that it carries.
        until: datetime = await self._database.fetchval("select now() - interval '2 seconds'")
        stale = await self._database.fetch(_STALE, since or _BEGINNING, until)
        for row in stale[:limit]:
            await self._renew(tuple(row))
        await self._database.execute(
            "insert into profiled (until) values ($1) on conflict (only_row) do update set until = excluded.until",
            until,
        )
        return len(stale[:limit])

    async def _renew(self, key: ProfileKey) -> None:
        profile = profile_of(key, runs_of(await self._database.fetch(_LAST, *key, RUNS, MOST_STEPS)))
        if profile is not None:
            steps = msgspec.to_builtins(profile.steps)
            await self._database.execute(_PUT, *key, profile.runs, profile.p50, profile.p90, profile.activities, steps)


def runs_of(rows: Iterable[Row]) -> list[PastRun]:
    runs: dict[str, tuple[float, list[tuple[str, float, float]]]] = {}
    for row in rows:
        start = row["begun"]
        duration = (row["ended"] - start).total_seconds()
        _, activities = runs.setdefault(row["run_id"], (max(duration, 0.001), []))
        if row["activity_type"] is not None:
            activities.append(
                (
                    row["activity_type"],
                    (row["scheduled_time"] - start).total_seconds(),
                    (row["close_time"] - start).total_seconds(),
                )
            )
    return [PastRun(duration, tuple(activities)) for duration, activities in runs.values()]


def _profile_of(row: Row) -> Profile:
    return msgspec.convert(dict(row), Profile)
