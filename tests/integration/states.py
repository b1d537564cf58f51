"""A run in each state that a run can be in, on a real server with a real worker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.scenarios import until_event

OPEN = ("RUNNING", "PAUSED")
CLOSED = ("COMPLETED", "FAILED", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW", "TIMED_OUT")
STATES = OPEN + CLOSED
TOKENS: dict[str, bytes] = {}
"""Workflow id to the task token of its asynchronous activity's last attempt."""


@activity.defn
async def refusing() -> Any:
    raise ApplicationError("not yet")


@activity.defn
async def elsewhere() -> Any:
    info = activity.info()
    TOKENS[str(info.workflow_id)] = info.task_token
    activity.raise_complete_async()


@workflow.defn
class Acted:
    """Does what it is told, and waits otherwise."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._done = False

    @workflow.run
    async def run(self, how: str) -> Any:
        if how == "fail":
            raise ApplicationError("cannot", non_retryable=True)
        if how == "continue":
            workflow.continue_as_new("wait")
        if how in {"refusing", "elsewhere"}:
            return await workflow.execute_activity(
                refusing if how == "refusing" else elsewhere,
                activity_id="a",
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=RetryPolicy(initial_interval=timedelta(minutes=5), maximum_attempts=10),
            )
        if how == "wait":
            await workflow.wait_condition(lambda: self._done)
        return self._notes

    @workflow.signal
    def note(self, text: str) -> None:
        self._notes.append(text)

    @workflow.query
    def notes(self) -> list[str]:
        return self._notes

    @workflow.signal
    def finish(self) -> None:
        self._done = True

    @workflow.update
    async def add(self, text: str) -> list[str]:
        if text == "later":
            await workflow.wait_condition(lambda: self._done)
        if text == "impossible":
            raise ApplicationError("cannot be added")
        self._notes.append(text)
        return self._notes

    @add.validator
    def _check(self, text: str) -> None:
        if not text:
            raise ValueError("there is nothing to add")


Handle = WorkflowHandle[Any, Any]


@dataclass
class Stage:
    client: Client
    queue: str

    async def start(self, how: str, tenant: str = "default", queue: str | None = None, **options: Any) -> Handle:
        """A run, named exactly."""
        handle = await self.client.start_workflow(
            Acted.run,
            how,
            id=f"acted-{uuid.uuid4().hex[:10]}",
            task_queue=queue or self.queue,
            memo={"tenant": tenant, "environment": "default"},
            **options,
        )
        return self.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)

    async def running(self) -> Handle:
        handle = await self.start("wait")
        await until_event(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        return handle

    async def in_state(self, state: str) -> Handle:
        match state:
            case "RUNNING":
                return await self.running()
            case "PAUSED":
                handle = await self.running()
                await self.client.workflow_service.pause_workflow_execution(
                    PauseWorkflowExecutionRequest(
                        namespace="default", workflow_id=handle.id, run_id=handle.run_id or "", request_id="pause"
                    )
                )
                return handle
            case "COMPLETED":
                handle = await self.start("finish")
            case "FAILED":
                handle = await self.start("fail")
            case "CONTINUED_AS_NEW":
                handle = await self.start("continue")
            case "TIMED_OUT":
                handle = await self.start("wait", run_timeout=timedelta(seconds=1))
            case _:
                handle = await self.running()
                await (handle.cancel() if state == "CANCELED" else handle.terminate())
        await closed(handle)
        return handle

    async def in_each_state(self) -> Mapping[str, Handle]:
        handles = await asyncio.gather(*(self.in_state(state) for state in STATES))
        return dict(zip(STATES, handles, strict=True))


async def closed(handle: Handle) -> None:
    try:
        async with asyncio.timeout(20):
            await handle.result(follow_runs=False)
    except WorkflowFailureError:
        pass
    except Exception as error:
        if type(error).__name__ != "WorkflowContinuedAsNewError":
            raise


@asynccontextmanager
async def staged(client: Client, queue: str) -> AsyncIterator[Stage]:
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Acted],
        activities=[refusing, elsewhere],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield Stage(client, queue)
