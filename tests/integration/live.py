"""Subscribers of a gateway without sockets, and a writer that they hear of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

import orjson

from app.access import Identity
from app.api.engine import Operation
from app.bus import Bus
from app.gateway import Caller
from app.indexer.writer import CHANGES
from app.model import Execution
from app.store import Database, Executions
from tests.integration.gateways import ANYBODY, Host

P = ParamSpec("P")
T = TypeVar("T")
LIST = """subscription ($filter: WorkflowFilter, $orderBy: [WorkflowOrder!], $first: Int, $maxRate: Float) {
  workflows(filter: $filter, orderBy: $orderBy, first: $first, maxRate: $maxRate) {
    cursor kind nodes { id workflowId status } entered { workflowId } changed { workflowId status } left } }"""
COUNTED = """subscription ($filter: WorkflowFilter, $first: Int) {
  workflows(filter: $filter, first: $first) { kind totalCount totalCountIsEstimate nodes { workflowId } } }"""
FEED = """subscription ($filter: WorkflowFilter, $after: Cursor) { workflowChanges(filter: $filter, after: $after) {
  cursor kind namespace workflowId runId execution { workflowId status tenant } gap { reason resumedAt } } }"""


@dataclass
class Ear:
    """What one subscriber hears, update by update."""

    heard: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    async def raw(self) -> Any:
        """The next whole answer; None at the end of the stream."""
        async with asyncio.timeout(15):
            return await self.heard.get()

    async def next(self) -> Any:
        """The next value of the root field."""
        answer = await self.raw()
        assert answer is not None, "the stream has ended"
        assert "errors" not in answer, answer
        [value] = answer["data"].values()
        return value

    async def shown(self) -> list[str]:
        """The workflow ids of the next update of a list."""
        return shown(await self.next())


def shown(update: Any) -> list[str]:
    return [each["workflowId"] for each in update["nodes"]]


def ids(nodes: Any) -> list[str]:
    return [each["workflowId"] for each in nodes]


@asynccontextmanager
async def listening(host: Host, query: str, /, identity: Identity = ANYBODY, **variables: Any) -> AsyncIterator[Ear]:
    ear = Ear()

    async def listen() -> None:
        async with aclosing(host.engine.stream(Operation(query, variables), Caller(identity, "request-1"))) as stream:
            async for answer in stream:
                ear.heard.put_nowait(orjson.loads(answer.body))
        ear.heard.put_nowait(None)

    task = asyncio.create_task(listen())
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass
class Writer:
    """Writes the index as the indexer does, and tells of it over a bus."""

    database: Database
    bus: Bus

    async def record(self, *rows: Execution) -> None:
        assert await Executions(self.database).record(rows)
        await self.tell()

    async def delete(self, row: Execution) -> None:
        assert await Executions(self.database).delete(row.ref)
        await self.tell()

    async def tell(self) -> None:
        await self.bus.publish(CHANGES, "")


def writer_of(host: Host) -> Writer:
    return Writer(host.database, host.bus)


class Counting(Generic[P, T]):
    """Counts the calls of what it stands before."""

    def __init__(self, work: Callable[P, Awaitable[T]]) -> None:
        self.calls = 0
        self._work = work

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        self.calls += 1
        return await self._work(*args, **kwargs)
