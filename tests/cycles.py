"""What tests of the test cycle share: its bank, a language model and a mail server on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.workflows.test_cycle import model
from app.workflows.test_cycle.phases import PHASES, TestCyclePhase as Phase

SKIPS_PLANNING = model.TestCycleInput(
    cycle_id=123, report_ids=(1, 2, 3), connection="demo", skip_phases=(Phase.PLANNING,), approvals=()
)
MODEL = model.LanguageModel(connection="llm", model="planner-1", timeout_seconds=5)
MAIL = model.Mail(connection="mail", sender="cycles@bank.example")
WHOLE = replace(SKIPS_PLANNING, skip_phases=(), language_model=MODEL, mail=MAIL)
ALL_PHASES = tuple(Phase(each) for each in PHASES)

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
