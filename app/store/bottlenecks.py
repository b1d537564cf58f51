"""Which activities the runs of a type spend their time in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.store.database import Database

SAMPLE = 20_000
"""How many activities are looked at, the last ones of the span: statistics of more would say no more."""

_OF = """
select activity_type, count(*) as activities, count(distinct run_id) as runs,
    coalesce(sum(duration_ms), 0) as total_ms, avg(duration_ms) as average_ms,
    percentile_cont(0.95) within group (order by duration_ms) as p95_ms, avg(queue_ms) as average_queue_ms,
    avg(attempt)::double precision as average_attempts, sum(attempt - 1) as retries,
    count(*) filter (where status = 'FAILED') as failed, count(*) filter (where status = 'TIMED_OUT') as timed_out,
    min(scheduled_time) as since
from (
    select * from activities
    where workflow_type = $1 and scheduled_time >= $2 and scheduled_time < $3 and namespace = any($4)
        and ($5::text is null or tenant = $5) and ($6::text is null or environment = $6)
    order by scheduled_time desc limit $7
) as last
group by activity_type order by total_ms desc, activity_type
"""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """One activity type within the runs of a workflow type. Spans are in milliseconds, None where none is known."""

    activity_type: str
    activities: int
    runs: int
    total_ms: float
    share: float
    """Of the time of all activities, 0 to 1."""
    average_ms: float | None
    p95_ms: float | None
    average_queue_ms: float | None
    average_attempts: float
    retries: int
    failed: int
    timed_out: int
    since: datetime
    """When the first of the activities that were looked at was scheduled."""

    @property
    def failure_rate(self) -> float:
        return (self.failed + self.timed_out) / self.activities


class Bottlenecks:
    """Raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self,
        workflow_type: str,
        low: datetime,
        high: datetime,
        *,
        namespaces: tuple[str, ...],
        tenant: str | None = None,
        environment: str | None = None,
        sample: int = SAMPLE,
    ) -> list[Bottleneck]:
        """The activity types of archived runs of this type, most time first, by the last `sample` activities that
        were scheduled in the span."""
        rows = await self._database.fetch(_OF, workflow_type, low, high, list(namespaces), tenant, environment, sample)
        total = sum(row["total_ms"] for row in rows)
        return [
            Bottleneck(
                activity_type=row["activity_type"],
                activities=row["activities"],
                runs=row["runs"],
                total_ms=row["total_ms"],
                share=row["total_ms"] / total if total else 0.0,
                average_ms=row["average_ms"],
                p95_ms=row["p95_ms"],
                average_queue_ms=row["average_queue_ms"],
                average_attempts=row["average_attempts"],
                retries=row["retries"],
                failed=row["failed"],
                timed_out=row["timed_out"],
                since=row["since"],
            )
            for row in rows
        ]
