"""Many runs by name in one answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model import Execution, WorkflowStatus
from app.store import Executions
from tests.integration.gateways import Host, member
from tests.integration.test_store_executions import closed, execution

BATCH = """
query ($refs: [WorkflowRef!]!) { workflowBatch(refs: $refs) { workflowId runId status } }
"""


def rows(count: int) -> list[Execution]:
    return [closed(execution(f"order-{number}", environment="default")) for number in range(count)]


@pytest.mark.parametrize("count", [5, 50])
async def test_closed_runs_cost_two_statements_whatever_their_number(host: Host, count: int) -> None:
    runs = rows(count)
    older = [
        replace(each, run_id=f"old-{each.run_id}", start_time=each.start_time - timedelta(days=1)) for each in runs
    ]
    await Executions(host.database).record([*runs, *older])
    refs = [{"workflowId": each.workflow_id} for each in runs]
    refs += [{"workflowId": each.workflow_id, "runId": each.run_id} for each in older]
    before = host.database.statements
    answer = (await host.data(BATCH, refs=refs))["workflowBatch"]
    assert host.database.statements - before == 2
    assert [each["runId"] for each in answer] == [each.run_id for each in (*runs, *older)]


async def test_what_is_unknown_or_another_tenants_is_null_in_its_place(host: Host) -> None:
    [mine] = rows(1)
    theirs = replace(mine, workflow_id="theirs", tenant="other")
    await Executions(host.database).record([mine, theirs])
    refs = [{"workflowId": "never-was"}, {"workflowId": mine.workflow_id}, {"workflowId": "theirs"}]
    answer = (await host.data(BATCH, member("acme"), refs=refs))["workflowBatch"]
    assert [each and each["status"] for each in answer] == [None, WorkflowStatus.COMPLETED, None]
