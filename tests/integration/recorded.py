"""Recorded histories of real runs, put into an index and an archive under names of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from google.protobuf.json_format import ParseDict
from temporalio.api.history.v1 import History, HistoryEvent

from app.history import project
from app.model import Execution, ExecutionRef
from app.store import Archive, Executions

FOLDER = Path(__file__).parents[1] / "histories"


def events_of(name: str) -> list[HistoryEvent]:
    return list(ParseDict(orjson.loads((FOLDER / f"{name}.json").read_bytes()), History()).events)


def row_of(ref: ExecutionRef, events: Sequence[HistoryEvent], tenant: str = "acme") -> Execution:
    """What the index would say of the run."""
    run = project(ref, events)
    assert run.start_time is not None
    return Execution(
        namespace=ref.namespace,
        workflow_id=ref.workflow_id,
        run_id=ref.run_id,
        workflow_type=run.workflow_type,
        task_queue=run.task_queue,
        status=run.status,
        start_time=run.start_time,
        close_time=run.close_time,
        tenant=tenant,
        environment="default",
        history_length=len(events),
    )


async def put(executions: Executions, archive: Archive, ref: ExecutionRef, name: str, **changes: object) -> Execution:
    """Index and archive the recorded history as the run `ref`; `changes` are to its row."""
    events = events_of(name)
    row = replace(row_of(ref, events), **changes)  # type: ignore[arg-type]
    await executions.record([row])
    await archive.put(ref, project(ref, events), events)
    return row
