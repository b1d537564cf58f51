"""What we ask Temporal about runs. Every function raises as `Temporal.call` does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.enums.v1 import PendingActivityState as ActivityStateProto
from temporalio.api.enums.v1 import PendingWorkflowTaskState as TaskStateProto
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
    GetWorkflowExecutionHistoryReverseRequest,
    GetWorkflowExecutionHistoryReverseResponse,
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)

from app import metrics
from app.log import logger
from app.model import (
    Description,
    Execution,
    ExecutionRef,
    Heartbeat,
    PendingActivity,
    PendingActivityState,
    PendingWorkflowTask,
)
from app.protos import failure_of, payloads_of, text_of, time_of
from app.temporal.connection import Temporal
from app.temporal.payloads import said_by, slots_of
from app.temporal.rows import execution_of

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload as PayloadProto
    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo

log = logger(__name__)

LONG_POLL_SECONDS = 30.0
"""The server answers an idle history poll with an empty page after about 20 s."""
HISTORY_PAGE = 256
"""Batches of events a page; the server logs a warning for more than that."""


async def list_executions(
    temporal: Temporal, namespace: str, query: str, page_size: int = 1000, page_token: bytes = b""
) -> tuple[list[Execution], bytes]:
    """One page of visibility, and the token of the next page (empty at the end)."""
    response: ListWorkflowExecutionsResponse = await temporal.call(
        "list_workflow_executions",
        ListWorkflowExecutionsRequest(
            namespace=namespace, query=query, page_size=page_size, next_page_token=page_token
        ),
    )
    await temporal.payloads.reveal(
        namespace, [slot for info in response.executions for slot in info.memo.fields.values()]
    )
    rows = [execution_of(namespace, info, temporal.tenancy) for info in response.executions]
    return rows, response.next_page_token


async def describe(temporal: Temporal, namespace: str, workflow_id: str, run_id: str | None = None) -> Description:
    """What the run is now; without a run id, the latest run. NotFound where Temporal has none (any more)."""
    response: DescribeWorkflowExecutionResponse = await temporal.call(
        "describe_workflow_execution",
        DescribeWorkflowExecutionRequest(
            namespace=namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id or "")
        ),
    )
    metadata = response.execution_config.user_metadata
    await temporal.payloads.reveal(namespace, list(_shown_of(response)))
    execution = replace(
        execution_of(namespace, response.workflow_execution_info, temporal.tenancy),
        # Describe leaves the queue out of the info; the configuration has it.
        task_queue=response.workflow_execution_info.task_queue or response.execution_config.task_queue.name,
        summary=text_of(metadata.summary),
        details=text_of(metadata.details),
    )
    return Description(
        execution=execution,
        pending_activities=tuple(pending_activity(each) for each in response.pending_activities),
        pending_workflow_task=(
            pending_task(response.pending_workflow_task) if response.HasField("pending_workflow_task") else None
        ),
        pending_children=len(response.pending_children),
        reset_run_id=response.workflow_extended_info.reset_run_id or None,
        request_ids=frozenset(response.workflow_extended_info.request_id_infos),
    )


def _shown_of(response: DescribeWorkflowExecutionResponse) -> Iterator[PayloadProto]:
    """The payloads that are read at once: the memo, what the run says of itself, heartbeats and failures."""
    yield from response.workflow_execution_info.memo.fields.values()
    yield from slots_of(response.execution_config.user_metadata)
    for each in response.pending_activities:
        yield from each.heartbeat_details.payloads
        yield from said_by(each.last_failure)


def pending_activity(info: PendingActivityInfo) -> PendingActivity:
    beat = time_of(info.last_heartbeat_time)
    return PendingActivity(
        activity_id=info.activity_id,
        activity_type=info.activity_type.name,
        state=_activity_state(info.state),
        attempt=info.attempt,
        scheduled_time=time_of(info.scheduled_time),
        last_started_time=time_of(info.last_started_time),
        last_attempt_complete_time=time_of(info.last_attempt_complete_time),
        next_attempt_time=time_of(info.next_attempt_schedule_time),
        maximum_attempts=info.maximum_attempts or None,
        last_failure=failure_of(info.last_failure) if info.HasField("last_failure") else None,
        last_worker_identity=info.last_worker_identity or None,
        heartbeat=Heartbeat(beat, payloads_of(info.heartbeat_details)) if beat else None,
        paused=info.paused,
        pause_time=time_of(info.pause_info.pause_time),
    )


def _activity_state(number: int) -> PendingActivityState:
    try:
        return PendingActivityState(
            ActivityStateProto.Name(number).removeprefix("PENDING_ACTIVITY_STATE_")  # type: ignore[arg-type]
        )
    except ValueError:
        return PendingActivityState.SCHEDULED


def pending_task(info: PendingWorkflowTaskInfo) -> PendingWorkflowTask:
    return PendingWorkflowTask(
        state=TaskStateProto.Name(info.state).removeprefix("PENDING_WORKFLOW_TASK_STATE_"),
        scheduled_time=time_of(info.scheduled_time),
        started_time=time_of(info.started_time),
        attempt=info.attempt,
    )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some events of a run in order, and the token that asks for what comes behind them.

    Without a token the history has ended: the run is closed and every event was given. Pages may be empty.
    """

    events: Sequence[HistoryEvent]
    token: bytes

    @property
    def is_overfull(self) -> bool:
        """Whether it holds more events than a page has batches. Where an open run grows faster than it is read,
        Temporal 1.32 ends such a page too soon, and its token passes over what is missing."""
        return len(self.events) > HISTORY_PAGE


async def history_page(
    temporal: Temporal,
    ref: ExecutionRef,
    token: bytes = b"",
    *,
    last: int = 0,
    wait: bool = False,
    seconds: float = LONG_POLL_SECONDS,
    raw: bool = False,
) -> HistoryPage:
    """The next events of a run, none left out behind the event `last`, where the page before ended.

    With `wait`, a request at the end of an open run lasts until something happens or a little less than `seconds`
    have passed; the token of an open run then never ends. What a codec hides of what folding reads is decoded, unless
    `raw` asks for the events as Temporal has them.
    """
    response: GetWorkflowExecutionHistoryResponse = await temporal.call(
        "get_workflow_execution_history",
        GetWorkflowExecutionHistoryRequest(
            namespace=ref.namespace,
            execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
            maximum_page_size=HISTORY_PAGE,
            next_page_token=token,
            wait_new_event=wait,
            skip_archival=True,
        ),
        timeout=seconds if wait else None,
        retry=not wait,
    )
    events: Sequence[HistoryEvent] = response.history.events
    if wait or not response.next_page_token:
        events = _written(events)
    if _has_hole(events, last):
        log.warning("Temporal left out events", workflow_id=ref.workflow_id, run_id=ref.run_id, behind=last)
        metrics.HISTORY_HOLES.inc()
        return HistoryPage(await history_behind(temporal, ref, last, raw=raw), response.next_page_token)
    if not raw:
        events, _ = await temporal.payloads.readable(ref.namespace, events)
    return HistoryPage(tuple(events), response.next_page_token)


def _written(events: Sequence[HistoryEvent]) -> Sequence[HistoryEvent]:
    """Without the workflow task at the end that is being tried again: it is no part of the history until it has
    completed, and whatever happens before gets its numbers."""
    end = len(events)
    if end and events[end - 1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
        end -= 1
    scheduled = end > 0 and events[end - 1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
    if scheduled and events[end - 1].workflow_task_scheduled_event_attributes.attempt > 1:
        return events[: end - 1]
    return events


def _has_hole(events: Sequence[HistoryEvent], last: int) -> bool:
    """Whether events are missing behind `last`: a run numbers them one by one."""
    if not events:
        return False
    return events[0].event_id > last + 1 or events[-1].event_id - events[0].event_id != len(events) - 1


async def history_pages(
    temporal: Temporal, ref: ExecutionRef, *, raw: bool = False
) -> AsyncGenerator[Sequence[HistoryEvent], None]:
    """Every event that the run has now, oldest first, some at a time."""
    token, last = b"", 0
    while True:
        page = await history_page(temporal, ref, token, last=last, raw=raw)
        # After a hole was filled, the page behind it gives some again.
        if events := [event for event in page.events if event.event_id > last]:
            yield events
            last = events[-1].event_id
        if not (token := page.token):
            return


async def history(temporal: Temporal, ref: ExecutionRef) -> AsyncGenerator[HistoryEvent, None]:
    """Every event that the run has now, oldest first."""
    async with aclosing(history_pages(temporal, ref)) as pages:
        async for events in pages:
            for event in events:
                yield event


async def history_backwards(
    temporal: Temporal, ref: ExecutionRef, *, raw: bool = False
) -> AsyncGenerator[HistoryEvent, None]:
    """Every event that the run has now, newest first. `raw` as for `history_page`."""
    token, size = b"", 64
    while True:
        response: GetWorkflowExecutionHistoryReverseResponse = await temporal.call(
            "get_workflow_execution_history_reverse",
            GetWorkflowExecutionHistoryReverseRequest(
                namespace=ref.namespace,
                execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
                maximum_page_size=size,
                next_page_token=token,
            ),
        )
        events: Sequence[HistoryEvent] = response.history.events
        if not raw:
            events, _ = await temporal.payloads.readable(ref.namespace, events)
        for event in events:
            yield event
        token, size = response.next_page_token, HISTORY_PAGE
        if not token:
            return


async def history_behind(
    temporal: Temporal, ref: ExecutionRef, event_id: int, *, raw: bool = False
) -> list[HistoryEvent]:
    """The events behind `event_id`, oldest first, read from the end: its cost is that of what was missed."""
    newest_first: list[HistoryEvent] = []
    async with aclosing(history_backwards(temporal, ref, raw=raw)) as events:
        async for event in events:
            if event.event_id <= event_id:
                break
            newest_first.append(event)
    return newest_first[::-1]
