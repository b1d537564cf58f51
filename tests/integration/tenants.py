"""Tenants with the same shapes of data."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from app.cursors import seal
from app.history import project
from app.model import ChangeCursor, Execution, LogPlace, WorkflowStatus
from app.store.archive import Archive
from app.store.changes import Changes
from tests.integration.gateways import Host, member
from tests.integration.tenant_names import ACTIVITY_EVENT, Names, nobodys

START = """
mutation ($id: String!, $key: String!, $mark: String!, $input: JSON!, $memo: JSON!) { startWorkflow(input: {
  workflowType: $mark, taskQueue: $mark, workflowId: $id, input: [$input], metadata: $memo, memo: $memo,
  summary: $mark, details: $mark, idempotencyKey: $key
}) { execution { runId } consistencyToken userErrors { message } } }
"""
SCHEDULE = """
mutation ($id: String!, $mark: String!, $input: JSON!) { createSchedule(input: {
  scheduleId: $id, notes: $mark, spec: {intervals: [{everySeconds: 86400}]},
  action: {workflowType: $mark, taskQueue: $mark, input: [$input]}
}) { userErrors { message } } }
"""
KEY = """
mutation ($mark: String!) { createApiKey(input: {name: $mark, roles: [VIEWER]}) {
  apiKey { id } userErrors { message } }
}
"""
BATCH = """
mutation ($mark: String!) { signalWorkflows(input: {filter: {workflowType: [$mark]}, signalName: $mark}) {
  batch { jobId } userErrors { message } }
}
"""
CURSORS = """
{ workflows(first: 1) { edges { cursor } } audit(first: 1) { edges { cursor } } alerts(first: 1) { edges { cursor } } }
"""


async def settled(host: Host, tenant: str, mark: str, family: Names | None = None) -> Names:
    """A tenant with an open run, a closed one that failed and is archived, a schedule, a batch, API keys, one of which
    waits for somebody, an alert, acts in the audit and statistics; of `family`, whose open run its closed one claims to
    descend from and to continue."""
    caller, names = member(tenant), replace(nobodys(), tenant=tenant)
    variables = {"id": names.workflow_id, "key": names.idempotency_key, "input": mark, "memo": {"mark": mark}}
    started = (await host.data(START, caller, mark=mark, **variables))["startWorkflow"]
    assert started["userErrors"] == []
    made = await host.data(SCHEDULE, caller, id=names.schedule_id, mark=mark, input=mark)
    assert made["createSchedule"]["userErrors"] == []
    key = (await host.data(KEY, caller, mark=mark))["createApiKey"]["apiKey"]
    batch = (await host.data(BATCH, caller, mark=mark))["signalWorkflows"]["batch"]
    names = replace(
        names,
        run_id=started["execution"]["runId"],
        token=started["consistencyToken"],
        key_id=key["id"],
        job_id=batch["jobId"],
    )
    await _close(host, names, mark, family or names)
    await host.database.execute(
        "insert into tenants (tenant, display_name) values ($1, $2) on conflict do nothing", tenant, mark
    )
    await host.database.execute(
        "insert into hand_overs (id, tenant, key_id, sealed, made_for, expires_at)"
        " values ($1, $2, $3, convert_to($4, 'UTF8'), $4, now() + interval '1 hour')",
        *(names.hand_over_id, tenant, names.key_id, mark),
    )
    alert_id = await host.database.fetchval(
        "insert into alerts (rule, subject, kind, severity, tenant, environment, namespace, workflow_id, run_id, name,"
        " message, value, threshold) values ($1, $4, 'FAILURE_RATE', 'WARNING', $2, 'default', 'default', $3, $4, $1,"
        " $1, 1, 1) returning id",
        mark, tenant, names.closed_id, names.closed_run_id,
    )  # fmt: skip
    found = await host.data(CURSORS, caller)
    cursors = [found[each]["edges"][0]["cursor"] for each in ("workflows", "audit", "alerts")]
    change = seal("changes", LogPlace(await Changes(host.database).name(), await _last_change(host, tenant)))
    return replace(
        names,
        alert_id=str(alert_id),
        cursor=cursors[0],
        place=cursors[1],
        alert_cursor=cursors[2],
        change_cursor=change,
    )


async def _last_change(host: Host, tenant: str) -> ChangeCursor:
    row = await host.database.fetchrow(
        "select xid::text::bigint as xid, position from changes where tenant = $1 order by position desc limit 1",
        tenant,
    )
    assert row is not None
    return ChangeCursor(row["xid"], row["position"])


async def _close(host: Host, names: Names, mark: str, family: Names) -> None:
    events = _history(mark)
    await host.gateway.consistency.rows.write([_closed(names, mark, family)])
    await Archive(host.database).put(names.closed_ref, project(names.closed_ref, events), events)


def _history(mark: str) -> list[HistoryEvent]:
    """A run that scheduled an activity, told of what it did, and failed."""
    said = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({"mark": mark}).encode())
    payloads, failure = Payloads(payloads=[said]), Failure(message=mark, source=mark, stack_trace=mark)
    events = [
        HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
        HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
        HistoryEvent(event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
        HistoryEvent(event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED),
        HistoryEvent(event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED),
        HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED),
    ]
    started, signaled, scheduled, begun, failed, closed = events
    started.workflow_execution_started_event_attributes.workflow_type.name = mark
    started.workflow_execution_started_event_attributes.input.CopyFrom(payloads)
    signaled.workflow_execution_signaled_event_attributes.signal_name = mark
    signaled.workflow_execution_signaled_event_attributes.input.CopyFrom(payloads)
    scheduled.activity_task_scheduled_event_attributes.activity_id = "1"
    scheduled.activity_task_scheduled_event_attributes.activity_type.name = mark
    scheduled.activity_task_scheduled_event_attributes.input.CopyFrom(payloads)
    begun.activity_task_started_event_attributes.scheduled_event_id = ACTIVITY_EVENT
    failed.activity_task_failed_event_attributes.scheduled_event_id = ACTIVITY_EVENT
    failed.activity_task_failed_event_attributes.failure.CopyFrom(failure)
    closed.workflow_execution_failed_event_attributes.failure.CopyFrom(failure)
    for number, event in enumerate(events, 1):
        event.event_id = number
        event.event_time.GetCurrentTime()
    return events


def _closed(names: Names, mark: str, family: Names) -> Execution:
    now = datetime.now(UTC)
    return Execution(
        namespace="default",
        workflow_id=names.closed_id,
        run_id=names.closed_run_id,
        workflow_type=mark,
        task_queue=mark,
        status=WorkflowStatus.FAILED,
        start_time=now,
        close_time=now,
        tenant=names.tenant,
        environment="default",
        parent_workflow_id=family.whole_id,
        parent_run_id=family.run_id,
        root_workflow_id=family.whole_id,
        root_run_id=family.run_id,
        previous_run_id=family.run_id,
        created_by=mark,
        metadata={"mark": mark},
        memo={"mark": mark, "metadata": {"mark": mark}},
        search_attributes={"Mark": mark},
        summary=mark,
        details=mark,
        failure_type=mark,
        failure_message=mark,
    )
