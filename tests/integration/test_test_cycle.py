"""The test cycle against a real Temporal, a real Postgres, a language model and a mail server on real sockets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from app.workflows.test_cycle import demo, model
from app.workflows.test_cycle import workflow as cycle
from app.workflows.test_cycle.activities import activities
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from tests.conftest import TemporalServer
from tests.cycles import SKIPS_PLANNING, WHOLE, MailServer, ModelServer, mail_server, model_server


@dataclass
class Room:
    client: Client
    task_queue: str
    database: str
    model: ModelServer
    mail: MailServer

    async def start(self, request: Any) -> WorkflowHandle[Any, model.TestCycleResult]:
        return await self.client.start_workflow(
            cycle.TestCycleWorkflow.run, request, id=f"cycle-{uuid.uuid4()}", task_queue=self.task_queue
        )

    async def sql(self, query: str) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    await demo.seed(empty_database)
    async with model_server() as llm, mail_server() as mail:
        connections = {"demo": empty_database, "llm": llm.url, "mail": mail.url}
        async with Worker(
            temporal.client,
            task_queue=task_queue,
            workflows=[cycle.TestCycleWorkflow],
            activities=activities(connections),
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        ):
            yield Room(temporal.client, task_queue, empty_database, llm, mail)


async def test_whole(room: Room) -> None:
    async with asyncio.timeout(30):
        result = await (await room.start(WHOLE)).result()
    print(result, room.mail.recipients, room.model.keys, room.model.asked[0])
    result = await (await room.start(SKIPS_PLANNING)).result()
    print(result)
    assert 0
