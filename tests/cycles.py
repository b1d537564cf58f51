"""What tests of the test cycle share: its bank, a language model and a mail server on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from app.history import project
from app.model import ExecutionRef
from app.workflows.outbound import Connections
from app.workflows.test_cycle import demo, model
from app.workflows.test_cycle import workflow as cycle
from app.workflows.test_cycle.activities import activities
from app.workflows.test_cycle.phases import PHASES
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from tests.waiting import eventually

SKIPS_PLANNING = model.TestCycleInput(
    cycle_id=123, report_ids=(1, 2, 3), connection="demo", skip_phases=(Phase.PLANNING,), approvals=()
)
MODEL = model.LanguageModel(connection="llm", model="planner-1", timeout_seconds=5)
MAIL = model.Mail(connection="mail", sender="cycles@bank.example")
WHOLE = replace(SKIPS_PLANNING, skip_phases=(), language_model=MODEL, mail=MAIL)
ALL_PHASES = tuple(Phase(each) for each in PHASES)

FILLED = ("samples", "owners", "requests", "results", "observations", "final_reports")

Handle = WorkflowHandle[Any, Any]
Answer = Callable[[dict[str, Any]], Awaitable[Response | None]]


@dataclass
class ModelServer:
    """Speaks OpenAI's chat completions; drafts a rule for the last column that it is shown."""

    url: str = ""
    answer: Answer | None = None
    """May answer in the model's place."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    tokens: int = 150
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        if self.answer and (answer := await self.answer(body)):
            return answer
        column = body["messages"][-1]["content"].split("\n")[-1].split(" ")[0]
        return self.says({"attributes": [drafted(column)]})

    def says(self, content: Any, finish_reason: str = "stop", **message: Any) -> Response:
        text = content if isinstance(content, str) else json.dumps(content)
        return JSONResponse(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": finish_reason,
                        "message": {"role": "assistant", "content": text, **message},
                    }
                ],
                "usage": {"prompt_tokens": 100, "completion_tokens": self.tokens - 100, "total_tokens": self.tokens},
            }
        )


def drafted(column: str, **changes: Any) -> dict[str, Any]:
    """An attribute as the model writes it."""
    return {
        "name": column,
        "kind": "required",
        "minimum": None,
        "maximum": None,
        "values": None,
        "risk": 3,
        "rationale": "It says nothing without.",
        **changes,
    }


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    found = ModelServer()
    routes = [Route("/v1/chat/completions", found.complete, methods=["POST"])]
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.url = f"http://sk-test@127.0.0.1:{listening.getsockname()[1]}/v1"
        task = asyncio.create_task(running.serve(sockets=[listening]))
        yield found
        found.closing.set()
        running.should_exit = True
        await task


@dataclass
class MailServer:
    """Speaks as much SMTP as a client needs to hand in a letter."""

    url: str = ""
    refusals: list[str] = field(default_factory=list)
    """What it answers to the next recipients, such as `451 later`."""
    letters: list[str] = field(default_factory=list)
    tried: int = 0

    @property
    def recipients(self) -> list[str]:
        return sorted(
            line.removeprefix("To: ") for each in self.letters for line in each.split("\r\n") if line.startswith("To: ")
        )

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        await say("220 ready")
        try:
            while line := (await reader.readline()).decode():
                match line[:4].upper().strip():
                    case "RCPT":
                        self.tried += 1
                        await say(self.refusals.pop(0) if self.refusals else "250 fine")
                    case "DATA":
                        await say("354 go on")
                        letter = await reader.readuntil(b"\r\n.\r\n")
                        self.letters.append(letter.decode())
                        await say("250 taken")
                    case "QUIT":
                        await say("221 bye")
                        break
                    case _:
                        await say("250 fine")
        finally:
            writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    found = MailServer()
    server = await asyncio.start_server(found.talk, "127.0.0.1", 0)
    found.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found


@dataclass
class Room:
    """A running worker with its bank, and what the tests ask of a cycle."""

    client: Client
    task_queue: str
    database: str
    llm: ModelServer
    mail: MailServer

    async def start(self, request: Any, **options: Any) -> Handle:
        handle: Handle = await self.client.start_workflow(
            cycle.TestCycleWorkflow.run, request, id=f"cycle-{uuid.uuid4()}", task_queue=self.task_queue, **options
        )
        return handle

    async def result(self, request: model.TestCycleInput) -> model.TestCycleResult:
        async with asyncio.timeout(40):
            result: model.TestCycleResult = await (await self.start(request)).result()
        return result

    async def sql(self, query: str, *values: Any) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def filled(self) -> set[str]:
        """The tables in which a phase has left something of its own."""
        tables = {"attributes": "made_by <> 'demo'", **dict.fromkeys(FILLED, "true")}
        return {
            name
            for name, mine in tables.items()
            if await self.sql(f"select exists (select from test_cycle.{name} where {mine})")
        }

    @property
    def connections(self) -> dict[str, str]:
        return {"demo": self.database, "llm": self.llm.url, "mail": self.mail.url}

    def worker(self, **options: Any) -> Worker:
        return Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=[cycle.TestCycleWorkflow],
            activities=activities(Connections(self.connections)),
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
            **options,
        )


@asynccontextmanager
async def furnished(client: Client, task_queue: str, database: str) -> AsyncIterator[Room]:
    """Without a worker."""
    await demo.seed(database)
    async with model_server() as llm, mail_server() as mail:
        yield Room(client, task_queue, database, llm, mail)


async def state(handle: Handle) -> model.TestCycleState:
    found: model.TestCycleState = await handle.query(cycle.TestCycleWorkflow.state)
    return found


async def waiting(handle: Handle, step: str) -> None:
    """Return when a step waits for a decision."""

    async def steps() -> list[str]:
        return (await state(handle)).waiting

    await eventually(steps, lambda found: step in found, within=30)


async def failure(handle: Handle) -> ApplicationError:
    """What the run failed with."""
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(40):
            await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def compensations(handle: Handle) -> list[str]:
    """The names of what a run compensated, in the order of their schedule."""
    ref = ExecutionRef("default", handle.id, "run")
    found = project(ref, [event async for event in handle.fetch_history_events()])
    return [each.name for each in found.compensations]


def approve(step: str) -> model.Approval:
    return model.Approval(step, "maria")


def reject(step: str, reason: str) -> model.Rejection:
    return model.Rejection(step, "maria", reason)
