"""Scenarios: a workflow started against a real server, and what is done to it until it ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    ResetWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.recorded_activities import ACTIVITIES
from tests.recorded_workflows import (
    TENANT,
    WORKFLOWS,
    Caller,
    Cancelable,
    Compensated,
    Echo,
    GreeterHandler,
    Inbox,
    Locals,
    Pages,
    Parent,
    Retried,
    Sender,
    Stumbling,
    Sync,
    Timeouts,
)
from tests.waiting import eventually

SECOND = timedelta(seconds=1)


@dataclass
class Stage:
    """Where a scenario plays: a client with a worker on `queue`."""

    client: Client
    queue: str

    async def start(self, run: object, *args: object, **options: object) -> WorkflowHandle:  # type: ignore[type-arg]
        return await self.client.start_workflow(  # type: ignore[call-overload,no-any-return]
            run, args=args, id=f"recorded-{uuid.uuid4().hex[:8]}", task_queue=self.queue, **options
        )


Runs = dict[str, WorkflowHandle]  # type: ignore[type-arg]
"""File stem to the run whose history it holds; the handle's `run_id` or first run id names the run."""


async def until_event(handle: WorkflowHandle, kind: EventType.ValueType) -> int:  # type: ignore[type-arg]
    """Wait for the first event of a kind and return its id. Read anew each time: the server ends the long poll of
    a paused run."""

    async def ids() -> list[int]:
        history = await handle.fetch_history()
        return [event.event_id for event in history.events if event.event_type == kind]

    return (await eventually(ids))[0]


async def settled(handle: WorkflowHandle) -> None:  # type: ignore[type-arg]
    """Wait for the run's end, whichever it is."""
    try:
        async with asyncio.timeout(30):
            await handle.result(follow_runs=False)
    except WorkflowFailureError:
        pass
    except Exception as error:
        if type(error).__name__ != "WorkflowContinuedAsNewError":
            raise


async def next_run(stage: Stage, handle: WorkflowHandle) -> WorkflowHandle:  # type: ignore[type-arg]
    """The run that the last event of a closed run names."""
    last = [event async for event in handle.fetch_history_events()][-1]
    attributes = getattr(last, last.WhichOneof("attributes") or "")
    return stage.client.get_workflow_handle(handle.id, run_id=attributes.new_execution_run_id)


def exact(stage: Stage, handle: WorkflowHandle) -> WorkflowHandle:  # type: ignore[type-arg]
    return stage.client.get_workflow_handle(handle.id, run_id=handle.run_id or handle.first_execution_run_id)


async def sync(stage: Stage) -> Runs:
    handle = await stage.start(
        Sync.run,
        "flaky",
        memo={"tenant": "acme", "owner": {"team": "pricing"}},
        search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT, "start")]),
        static_summary="Price sync",
        static_details="Nightly **prices**",
    )
    await settled(handle)
    return {"sync": exact(stage, handle)}


async def simple(stage: Stage, name: str, run: object, *args: object, **options: object) -> Runs:
    handle = await stage.start(run, *args, **options)
    await settled(handle)
    return {name: exact(stage, handle)}


async def compensated(stage: Stage) -> Runs:
    return await simple(stage, "compensated", Compensated.run)


async def timeouts(stage: Stage) -> Runs:
    return await simple(stage, "timeouts", Timeouts.run, run_timeout=6 * SECOND)


async def local_activities(stage: Stage) -> Runs:
    return await simple(stage, "local_activities", Locals.run, task_timeout=SECOND)


async def children(stage: Stage) -> Runs:
    return await simple(stage, "children", Parent.run)


async def continued(stage: Stage) -> Runs:
    first = exact(stage, await stage.start(Pages.run, 1))
    await settled(first)
    second = await next_run(stage, first)
    await settled(second)
    return {"continued": first, "continued_next": second}


async def retried(stage: Stage) -> Runs:
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2)
    first = exact(stage, await stage.start(Retried.run, retry_policy=policy))
    await settled(first)
    second = await next_run(stage, first)
    await settled(second)
    return {"retried": first, "retried_next": second}


async def cron(stage: Stage) -> Runs:
    first = exact(stage, await stage.start(Echo.run, "tick", cron_schedule="@every 1s"))
    await settled(first)
    await stage.client.get_workflow_handle(first.id).terminate("enough")
    return {"cron": first}


async def reset(stage: Stage) -> Runs:
    base = exact(stage, await stage.start(Inbox.run))
    task = await until_event(base, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    await base.signal(Inbox.note, "kept")
    await base.execute_update(Inbox.add, "admitted again", id="update-1")
    answer = await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=base.id, run_id=base.run_id or ""),
            reason="again",
            workflow_task_finish_event_id=task,
            request_id=uuid.uuid4().hex,
        )
    )
    again = stage.client.get_workflow_handle(base.id, run_id=answer.run_id)
    await again.signal(Inbox.close)
    await settled(again)
    return {"reset_base": base, "reset": again}


async def updates(stage: Stage) -> Runs:
    handle = exact(stage, await stage.start(Inbox.run))
    await handle.execute_update(Inbox.add, "first", id="update-good")
    for text in ("", "explode"):
        try:
            await handle.execute_update(Inbox.add, text, id=f"update-{text or 'rejected'}")
        except WorkflowUpdateFailedError:
            continue
        raise AssertionError(f"update {text!r} was to fail")
    await handle.signal(Inbox.close)
    await settled(handle)
    return {"updates": handle}


async def signals(stage: Stage) -> Runs:
    inbox = exact(stage, await stage.start(Inbox.run, start_signal="note", start_signal_args=["with start"]))
    sender = exact(stage, await stage.start(Sender.run, inbox.id))
    await settled(sender)
    await settled(inbox)
    return {"signal_with_start": inbox, "external": sender}


async def canceled(stage: Stage) -> Runs:
    handle = exact(stage, await stage.start(Cancelable.run))
    await until_event(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)

    async def running() -> bool:  # an activity that has not started is canceled without being asked
        pending = (await handle.describe()).raw_description.pending_activities
        return len(pending) > 0 and pending[0].HasField("last_started_time")

    await eventually(running)
    await handle.cancel(reason="no longer wanted")
    await settled(handle)
    return {"canceled": handle}


async def terminated(stage: Stage) -> Runs:
    handle = exact(stage, await stage.start(Cancelable.run))
    await until_event(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    await handle.terminate({"why": "test"}, reason="stuck")
    await settled(handle)
    return {"terminated": handle}


async def failed_task(stage: Stage) -> Runs:
    Stumbling.broken = True
    handle = exact(stage, await stage.start(Stumbling.run))
    await until_event(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    Stumbling.broken = False
    await settled(handle)
    return {"failed_task": handle}


async def paused(stage: Stage) -> Runs:
    handle = exact(stage, await stage.start(Inbox.run))
    await until_event(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    names = {"namespace": stage.client.namespace, "workflow_id": handle.id, "run_id": handle.run_id or ""}
    service = stage.client.workflow_service
    await service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(**names, identity="operator", reason="wait", request_id=uuid.uuid4().hex)
    )
    await until_event(handle, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED)
    await service.unpause_workflow_execution(
        UnpauseWorkflowExecutionRequest(**names, identity="operator", reason="go on", request_id=uuid.uuid4().hex)
    )
    await handle.signal(Inbox.close)
    await settled(handle)
    return {"paused": handle}


async def nexus(stage: Stage) -> Runs:
    endpoint = f"greeter-{uuid.uuid4().hex[:8]}"
    target = EndpointTarget.Worker(namespace=stage.client.namespace, task_queue=stage.queue)
    await stage.client.operator_service.create_nexus_endpoint(
        CreateNexusEndpointRequest(spec=EndpointSpec(name=endpoint, target=EndpointTarget(worker=target)))
    )
    return await simple(stage, "nexus", Caller.run, endpoint)


Scenario = Callable[[Stage], Awaitable[Runs]]
SCENARIOS: tuple[Scenario, ...] = (
    sync, compensated, timeouts, local_activities, children, continued, retried, cron, reset, updates,
    signals, canceled, terminated, failed_task, paused, nexus,
)  # fmt: skip


def worker(client: Client, queue: str) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=ACTIVITIES,
        nexus_service_handlers=[GreeterHandler()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        default_heartbeat_throttle_interval=timedelta(milliseconds=100),
    )
