"""Activities of archived runs as rows, for statistics over many runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.model import Activity, Failure

INSERT = """
insert into activities (
    namespace, workflow_id, run_id, tenant, environment, workflow_type, scheduled_event_id, activity_id,
    activity_type, status, attempt, is_local, task_queue, scheduled_time, start_time, close_time, queue_ms,
    duration_ms, failure_type, failure_message)
select e.namespace, e.workflow_id, e.run_id, e.tenant, e.environment, e.workflow_type, a.scheduled_event_id,
    a.activity_id, a.activity_type, a.status, a.attempt, a.is_local, a.task_queue, a.scheduled_time, a.start_time,
    a.close_time, a.queue_ms, a.duration_ms, a.failure_type, a.failure_message
from executions e cross join jsonb_populate_recordset(null::activities, $4) a
where e.namespace = $1 and e.workflow_id = $2 and e.run_id = $3
on conflict do nothing
"""
"""The rows of one run, which takes its tenant and type from the index; a run that is not there gets none."""

_MOST_TEXT = 1000


def rows_of(activities: Iterable[Activity]) -> list[dict[str, Any]]:
    """Each activity's own columns."""
    return [
        {
            "scheduled_event_id": each.scheduled_event_id,
            "activity_id": each.activity_id,
            "activity_type": each.activity_type,
            "status": each.status,
            "attempt": each.attempt,
            "is_local": each.is_local,
            "task_queue": each.task_queue,
            "scheduled_time": each.scheduled_time,
            "start_time": each.start_time,
            "close_time": each.close_time,
            "queue_ms": each.queue_ms,
            "duration_ms": each.duration_ms,
            "failure_type": _type(each.failure),
            "failure_message": each.failure and each.failure.message[:_MOST_TEXT],
        }
        for each in activities
    ]


def _type(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    return failure.type or failure.timeout_type or failure.kind
