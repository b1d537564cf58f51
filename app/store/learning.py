"""What a row of the index learns when the history of its run is archived."""

from __future__ import annotations

from app.model import Projection

HERE = "namespace = $1 and workflow_id = $2 and run_id = $3"

_LEARNT = {
    "failure_type": "coalesce($7, known.failure_type)",
    "failure_message": "coalesce($8, known.failure_message)",
    "previous_run_id": "coalesce($9, known.previous_run_id)",
    "next_run_id": "coalesce($10, known.next_run_id)",
    "first_run_id": "coalesce($11, known.first_run_id)",
    "summary": "coalesce($12, known.summary)",
    "details": "coalesce($13, known.details)",
    "parent_workflow_id": "coalesce(known.parent_workflow_id, $14)",
    "parent_run_id": "coalesce(known.parent_run_id, $15)",
    "root_workflow_id": "coalesce(known.root_workflow_id, $16)",
    "root_run_id": "coalesce(known.root_run_id, $17)",
    "history_length": "greatest(known.history_length, $6)",
}
"""What a row learns from the history of its run, which visibility does not tell."""


def _shown(row: str) -> str:
    """What of it is worth an entry in the change log: not that a run which continues no other is its own first, which
    every run would have."""
    columns = (f"{row}.{column}" for column in _LEARNT if column != "first_run_id")
    return f"({', '.join(columns)}, nullif({row}.first_run_id, {row}.run_id))"


PUT = f"""
with known as (
    select * from executions where {HERE} for update
), stored as (
    insert into archive (namespace, workflow_id, run_id, projector_version, projection, events)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (namespace, workflow_id, run_id) do update set projector_version = excluded.projector_version,
        projection = excluded.projection, events = excluded.events, archived_at = now()
), updated as (
    update executions as e set
        archived_at = now(),
        {", ".join(f"{column} = {learnt}" for column, learnt in _LEARNT.items())}
    from known
    where (e.namespace, e.workflow_id, e.run_id) = (known.namespace, known.workflow_id, known.run_id)
    returning e.*, {_shown("e")} is distinct from {_shown("known")} as differs
), followed as (
    -- The run that continues it may be open for long: of its chain only this history tells.
    update executions set first_run_id = $11
    where (namespace, workflow_id, run_id) = ($1, $2, $10) and first_run_id is null and $11 is not null
    returning *
)
insert into changes (tenant, environment, namespace, workflow_id, run_id, kind)
select tenant, environment, namespace, workflow_id, run_id, 'UPDATED' from updated where differs
union all
select tenant, environment, namespace, workflow_id, run_id, 'UPDATED' from followed
returning kind
"""
"""Keeps a projection, writes what it tells to the row of its run, and returns something where a row changed visibly.
Its arguments: the run's key, the projector's version, the packed projection, how many events there are, and `learnt`.
"""


def learnt(projection: Projection) -> tuple[str | None, ...]:
    failure, parent, root = projection.failure, projection.parent, projection.root
    return (
        failure.type if failure else None,
        failure.message if failure else None,
        projection.previous_run_id,
        projection.next_run_id,
        projection.first_run_id,
        projection.summary,
        projection.details,
        parent.workflow_id if parent else None,
        parent.run_id if parent else None,
        root.workflow_id if root else None,
        root.run_id if root else None,
    )
