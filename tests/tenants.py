"""What tests of provisioning share: a worker over a real database, hands that hold or break its activities."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor, Worker

from app.bus import Bus
from app.gateway.hosted.house import House
from app.settings import Settings
from app.store.database import Database
from app.temporal.connection import Temporal
from app.worker.service import house_activities_of
from app.workflows.tenants.steps import STEPS
from app.workflows.tenants.workflow import WORKFLOWS
from tests.waiting import eventually

Handle = WorkflowHandle[Any, Any]
ACME: dict[str, Any] = {
    "tenant_name": "Acme Corporation",
    "admin_user": {"first_name": "John", "last_name": "Admin", "email": "admin@acme.example"},
    "company_name": "Acme Corp",
    "billing_plan": "trial",
    "environments": ["production", "staging"],
    "quotas": {"open_workflows": 2},
    "defaults": {"task_queue": "acme-tasks", "archive_retention_days": 30},
}
TENANT = "acme-corporation"
ACTIONS = [step.do for step in STEPS]
UNDOING = {step.do: step.undo for step in STEPS}
TABLES = ("tenants", "tenant_environments", "api_keys", "hand_overs")
DEADLINE = timedelta(seconds=60)


class Hand(Interceptor):
    """Breaks or holds activities: some for good, or with `late` every one once, before or after its work."""

    def __init__(self, *fails: str, late: bool | None = None, holds: str | None = None) -> None:
        self.fails = fails
        self.late = late
        self.holds = holds
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.seen: list[str] = []

    def intercept_activity(self, following: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        hand = self

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
                info = activity.info()
                hand.seen.append(info.activity_type)
                if info.activity_type == hand.holds:
                    hand.reached.set()
                    await hand.go_on.wait()
                if info.activity_type in hand.fails:
                    await super().execute_activity(input)  # what it did before it broke is to be taken back as well
                    raise ApplicationError("broken for good", type="ValidationError", non_retryable=True)
                breaks = hand.late is not None and info.attempt == 1
                if breaks and not hand.late:
                    raise ApplicationError("broken once", next_retry_delay=timedelta(milliseconds=10))
                answer = await super().execute_activity(input)
                if breaks:
                    raise ApplicationError("the answer was lost", next_retry_delay=timedelta(milliseconds=10))
                return answer

        return Inbound(following)


@dataclass
class Estate:
    """A database, and a task queue on which tenants are made in it."""

    client: Client
    address: str
    database: str
    task_queue: str
    handles: list[Handle] = field(default_factory=list)

    @asynccontextmanager
    async def worker(self, hand: Hand | None = None, **settings: Any) -> AsyncIterator[Hand]:
        hand = hand or Hand()
        async with AsyncExitStack() as stack:
            database = Database(self.database)
            await database.connect()
            stack.push_async_callback(database.close)
            temporal = Temporal({"target_host": self.address}, ("default",))
            stack.push_async_callback(temporal.close)
            bus = await stack.enter_async_context(Bus("memory://"))
            house = House(temporal, database, bus, Settings(**settings))
            worker = Worker(
                self.client,
                task_queue=self.task_queue,
                workflows=[each.workflow for each in WORKFLOWS],
                activities=await house_activities_of(stack, WORKFLOWS, house),
                interceptors=[hand],
                max_cached_workflows=0,  # every task replays
            )
            await stack.enter_async_context(worker)
            yield hand

    async def start(self, workflow_id: str | None = None, **changes: Any) -> Handle:
        handle: Handle = await self.client.start_workflow(
            "TenantProvisioningWorkflow",
            {**ACME, **changes},
            id=workflow_id or f"tenant-{uuid.uuid4().hex[:10]}",
            task_queue=self.task_queue,
            execution_timeout=DEADLINE,
            memo={"createdBy": "ops@tideline.example"},
        )
        self.handles.append(handle)
        return handle

    async def sql(self, query: str, *values: Any) -> Any:
        """Runs it; the first value that it gives."""
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All that provisioning writes."""
        connection = await asyncpg.connect(self.database)
        try:
            return {each: [dict(row) for row in await connection.fetch(f"select * from {each}")] for each in TABLES}
        finally:
            await connection.close()

    async def everything(self) -> str:
        """Every row of every table, as Postgres writes it."""
        connection = await asyncpg.connect(self.database)
        try:
            tables = await connection.fetch("select tablename as name from pg_tables where schemaname = 'public'")
            rows = [await connection.fetch(f'select t::text as row from "{each["name"]}" t') for each in tables]
        finally:
            await connection.close()
        return "\n".join(row["row"] for found in rows for row in found)

    async def is_empty(self) -> bool:
        return not any((await self.rows()).values())


async def state(handle: Handle) -> Any:
    return await handle.query("state")


async def until_state(handle: Handle, holds: Callable[[Any], bool]) -> Any:
    async def asked() -> Any:
        return await state(handle)

    return await eventually(asked, holds, within=20)


async def summaries(handle: Handle, beginning: str) -> list[str]:
    """Of the activities that were scheduled, in that order."""
    found = []
    async for event in handle.fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            (text,) = await handle._client.data_converter.decode([event.user_metadata.summary], [str])
            if text.startswith(beginning):
                found.append(text.removeprefix(beginning).strip())
    return found
