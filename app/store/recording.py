"""What a row of the index becomes when a source tells of its run again."""

from __future__ import annotations

from dataclasses import fields

from app.model import SAME_MOMENT, Execution

OPEN = "('RUNNING', 'PAUSED')"
COLUMNS = tuple(each.name for each in fields(Execution))
"""The table's columns are named and ordered as the fields of Execution."""
_KEY = ("namespace", "workflow_id", "run_id")

# Visibility, describe and history each know some fields that the others do not.
_KEPT_WHERE_UNKNOWN = {
    "first_run_id", "previous_run_id", "next_run_id", "parent_workflow_id", "parent_run_id",
    "root_workflow_id", "root_run_id", "created_by", "summary", "details", "failure_type", "failure_message",
}  # fmt: skip
_TIMES = {"start_time", "execution_time", "close_time"}


def _merged(column: str) -> str:
    if column in {"history_length", "history_size_bytes"}:
        return f"greatest(held.{column}, excluded.{column})"
    if column == "task_queue":
        return "coalesce(nullif(excluded.task_queue, ''), held.task_queue)"
    if column in _KEPT_WHERE_UNKNOWN:
        return f"coalesce(excluded.{column}, held.{column})"
    if column in _TIMES:
        # A place in the list must not depend on who wrote last.
        apart = f"abs(extract(epoch from excluded.{column} - held.{column}))"
        return (
            f"case when {apart} < {SAME_MOMENT.total_seconds()} then held.{column}"
            f" else coalesce(excluded.{column}, held.{column}) end"
        )
    return f"excluded.{column}"


_MERGED = {column: _merged(column) for column in COLUMNS if column not in _KEY}

_MOVED = "(held.tenant, held.environment) is distinct from (excluded.tenant, excluded.environment)"

RECORD = f"""
with written as (
    insert into executions as held ({", ".join(COLUMNS)})
    select {", ".join(COLUMNS)} from jsonb_populate_recordset(null::executions, $1) as told
    where not exists (select from deleted_executions as gone where (gone.namespace, gone.workflow_id, gone.run_id)
        = (told.namespace, told.workflow_id, told.run_id))
    on conflict (namespace, workflow_id, run_id) do update set
        {", ".join(f"{column} = {merged}" for column, merged in _MERGED.items())},
        last_change = case
            when held.status in {OPEN} and excluded.status not in {OPEN} then 'CLOSED' else 'UPDATED' end,
        left_tenant = case when {_MOVED} then held.tenant end,
        left_environment = case when {_MOVED} then held.environment end
    where (held.status in {OPEN} or excluded.status not in {OPEN})
        and ({", ".join(f"held.{column}" for column in _MERGED)})
        is distinct from ({", ".join(_MERGED.values())})
    returning namespace, workflow_id, run_id, tenant, environment, last_change, left_tenant, left_environment
), logged as (
    insert into changes (tenant, environment, namespace, workflow_id, run_id, kind, gone)
    select left_tenant, left_environment, namespace, workflow_id, run_id, 'DELETED', (
        -- What this statement writes is not yet seen by it: the row as its tenant had it.
        select to_jsonb(e) from executions e
        where (e.namespace, e.workflow_id, e.run_id) = (w.namespace, w.workflow_id, w.run_id)
    ) from written w
    where left_tenant is not null
    union all
    select tenant, environment, namespace, workflow_id, run_id, last_change, null from written
)
select namespace, workflow_id, run_id, last_change as kind from written
"""
"""Writes rows of Execution, its one argument, with their entries in the change log, and returns what changed."""
