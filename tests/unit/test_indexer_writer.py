from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from app.indexer.writer import Fingerprints
from app.model import Execution, WorkflowStatus

ROW = Execution(
    namespace="n",
    workflow_id="w",
    run_id="r",
    workflow_type="T",
    task_queue="q",
    status=WorkflowStatus.RUNNING,
    start_time=datetime(2026, 3, 1, tzinfo=UTC),
    tenant="t",
    environment="e",
)


def test_knows_a_row_until_it_differs_or_its_time_is_over() -> None:
    known = Fingerprints(lifetime=60)
    assert not known.is_known(ROW, 0.0)
    known.remember(ROW, 0.0)
    assert known.is_known(replace(ROW), 59.9)
    assert not known.is_known(replace(ROW, memo={"a": 1}), 1.0)
    assert not known.is_known(ROW, 60.0)
    known.remember(ROW, 60.0)
    known.forget(ROW.ref)
    assert not known.is_known(ROW, 60.0)


def test_forgets_the_oldest_beyond_its_capacity() -> None:
    known = Fingerprints(capacity=2)
    rows = [replace(ROW, run_id=f"r{n}") for n in range(3)]
    for row in rows:
        known.remember(row, 0.0)
    assert [known.is_known(row, 0.0) for row in rows] == [False, True, True]
