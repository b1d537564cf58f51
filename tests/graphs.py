"""A server for the nodes of graphs on a real socket, and what tests ask of a run."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from app.workflows.dag.activities import activities
from app.workflows.dag.model import DagEdge, DagInput, DagNode, DagResult, DagRetry, DagStatus
from app.workflows.dag.workflow import DagExecutionWorkflow, DagValidationWorkflow
from app.workflows.outbound import Connections
from tests.prices import LOOPBACK
from tests.waiting import eventually

DEADLINE = timedelta(seconds=90)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SOON = DagRetry(maximum_attempts=3, initial_interval_seconds=0.01, maximum_interval_seconds=0.01)
ONCE = DagRetry(maximum_attempts=1)


@dataclass
class NodeServer:
    """Answers what nodes ask for, and keeps what they said."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    hooks: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """What the language model says next."""
    model_headers: dict[str, str] = field(default_factory=dict)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody waits at /slow, which answers when `released` is."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def echo(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        body = await request.body()
        return JSONResponse(
            {
                "method": request.method,
                "query": dict(request.query_params),
                "headers": dict(request.headers),
                "body": json.loads(body) if body else None,
            }
        )

    async def items(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        return JSONResponse({"items": [{"id": 7, "price": 12.5}, {"id": 8, "price": 3}], "total": 2})

    async def status(self, request: Request) -> Response:
        """Fails with a status, for as many times as the path says; then answers."""
        self.asked[request.url.path] += 1
        if self.asked[request.url.path] > int(request.path_params.get("times", 1_000_000)):
            return JSONResponse({"asked": self.asked[request.url.path]})
        return Response(status_code=int(request.path_params["code"]), headers={"location": "/items"})

    async def slow(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        self.reached.set()
        await self.released.wait()
        return JSONResponse({"slow": True})

    async def large(self, _: Request) -> Response:
        return JSONResponse({"text": "x" * 200_000})

    async def hook(self, request: Request) -> Response:
        self.hooks.append((dict(request.headers), await request.body()))
        return Response(status_code=503 if len(self.hooks) < int(request.path_params.get("times", 1)) else 204)

    async def complete(self, request: Request) -> Response:
        self.prompts.append(await request.json())
        self.model_headers = dict(request.headers)
        text = self.answers.pop(0) if self.answers else "fine"
        usage = {"prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50}
        return JSONResponse({"choices": [{"message": {"content": text}}], "usage": usage})

    def routes(self) -> list[Route]:
        anything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return [
            Route("/echo", self.echo, methods=anything),
            Route("/items", self.items),
            Route("/status/{code:int}", self.status, methods=anything),
            Route("/status/{code:int}/{times:int}", self.status, methods=anything),
            Route("/slow", self.slow),
            Route("/large", self.large),
            Route("/hooks", self.hook, methods=["POST"]),
            Route("/hooks/{times:int}", self.hook, methods=["POST"]),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]


@asynccontextmanager
async def node_server() -> AsyncIterator[NodeServer]:
    nodes = NodeServer()
    config = uvicorn.Config(Starlette(routes=nodes.routes()), log_level="warning", lifespan="off")
    running = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nodes.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(running.serve(sockets=[listening]))
        try:
            yield nodes
        finally:
            nodes.released.set()
            running.should_exit = True
            await task


def connections(server: NodeServer, database: str) -> dict[str, str]:
    host = server.url.removeprefix("http://")
    return {
        "demo": database,
        "nowhere": "postgresql://127.0.0.1:1/none",
        "hooks": f"hmac://:{SECRET}@hooks",
        "crm": f"http://reader:open%20sesame@{host}",
        "keyed": f"http://bearer:a-key@{host}",
        "ai": f"http://bearer:ai-key@{host}/v1?model=tiny",
        "mute": f"http://{host}/v1",
    }


def node(name: str, kind: str, /, **data: Any) -> DagNode:
    policy = {key: data.pop(key) for key in ("on_failure", "timeout_seconds", "retry") if key in data}
    return DagNode(name, kind, data, **{"retry": SOON, **policy})


def graph(nodes: list[DagNode], *edges: str, **rest: Any) -> DagInput:
    """`a>b` leads from a to b, `a?true>b` where a came out true."""
    made = []
    for each in edges:
        left, _, target = each.partition(">")
        source, _, when = left.partition("?")
        made.append(DagEdge(source, target, when={"true": True, "false": False}.get(when)))
    return DagInput(tuple(nodes), tuple(made), **rest)


@asynccontextmanager
async def hosted(
    client: Client, task_queue: str, known: dict[str, str], private: bool = True, **options: Any
) -> AsyncIterator[Worker]:
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[DagExecutionWorkflow, DagValidationWorkflow],
        activities=activities(Connections(known, LOOPBACK if private else ())),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        **options,
    ) as worker:
        yield worker


@dataclass
class Room:
    """A running worker, and what the tests ask of it."""

    client: Client
    task_queue: str
    server: NodeServer
    database: str

    async def start(self, request: DagInput, **options: Any) -> WorkflowHandle[DagExecutionWorkflow, DagResult]:
        return await self.client.start_workflow(
            DagExecutionWorkflow.run,
            request,
            id=f"dag-{uuid.uuid4()}",
            task_queue=self.task_queue,
            execution_timeout=DEADLINE,
            **options,
        )

    async def result(self, request: DagInput) -> DagResult:
        return await (await self.start(request)).result()

    async def output(self, wanted: DagNode, **parameters: Any) -> Any:
        """What a graph of this one node answers."""
        return (await self.result(graph([wanted], parameters=parameters))).outputs[wanted.id]

    async def error(self, wanted: DagNode, **parameters: Any) -> dict[str, Any]:
        """What this one node fails with."""
        request = graph([wanted], parameters=parameters)
        return dict((await failure(await self.start(request))).details[0]["error"])


async def failure(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """What a run fails with."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def status(handle: WorkflowHandle[Any, Any]) -> DagStatus:
    return await handle.query(DagExecutionWorkflow.get_status)


async def until(handle: WorkflowHandle[Any, Any], **nodes: str) -> DagStatus:
    """The status, once each node has the one that is named."""

    async def ask() -> DagStatus:
        return await status(handle)

    def as_named(found: DagStatus) -> bool:
        return all(found.nodes[name] == wanted for name, wanted in nodes.items())

    return await eventually(ask, as_named, within=30)
