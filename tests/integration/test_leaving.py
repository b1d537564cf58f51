"""A client that leaves takes its query along, down to the statement in Postgres; a mutation is brought to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest
from websockets.asyncio.client import connect

from app.web.messages import SUBPROTOCOL
from tests.conftest import TemporalServer, create_database, database_url
from tests.integration.serving import Served, serving
from tests.waiting import eventually

QUERY = "{ workflows(first: 5) { nodes { workflowId } } }"
WAITING = """
    select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and application_name = 'tideline gateway'
"""


@pytest.fixture(scope="module")
async def database(postgres_server: str, template_database: str) -> str:
    return database_url(postgres_server, await create_database(postgres_server, template_database))


@pytest.fixture(scope="module")
async def served(database: str, temporal: TemporalServer) -> AsyncIterator[Served]:
    async with serving(database, temporal.address) as running:
        yield running


@asynccontextmanager
async def locked(database: str, table: str) -> AsyncIterator[Any]:
    """Whoever wants the table waits; gives a connection to look on, which a transaction would show old things."""
    holder: Any = await asyncpg.connect(database)
    looker: Any = await asyncpg.connect(database)
    try:
        async with holder.transaction():
            await holder.execute(f"lock table {table} in access exclusive mode")
            yield looker
    finally:
        await holder.close()
        await looker.close()


async def until_waiting(looker: Any, count: int) -> None:
    async def waiting() -> int:
        found: int = await looker.fetchval(WAITING)
        return found

    await eventually(waiting, lambda found: found == count)


async def sent(served: Served, query: str) -> asyncio.StreamWriter:
    """A request that is under way."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = orjson.dumps({"query": query})
    head = f"POST /graphql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


async def test_a_query_over_http_ends_with_its_client(served: Served, database: str) -> None:
    async with locked(database, "executions") as looker:
        writers = [await sent(served, QUERY) for _ in range(3)]
        await until_waiting(looker, 3)
        for writer in writers[:2]:
            writer.transport.abort()
        await until_waiting(looker, 1)
        writers[2].close()
        await until_waiting(looker, 0)
    assert (await served.ask(QUERY)).json() == {"data": {"workflows": {"nodes": []}}}, "no connection is lost by it"


async def test_a_query_over_a_socket_ends_when_it_is_completed_or_the_socket_closes(
    served: Served, database: str
) -> None:
    async with locked(database, "executions") as looker:
        async with connect(served.url.replace("http", "ws"), subprotocols=[SUBPROTOCOL]) as socket:  # type: ignore[list-item]
            await socket.send('{"type":"connection_init"}')
            for id_ in ("1", "2"):
                message = {"type": "subscribe", "id": id_, "payload": {"query": QUERY}}
                await socket.send(orjson.dumps(message).decode())
            await until_waiting(looker, 2)
            await socket.send('{"type":"complete","id":"1"}')
            await until_waiting(looker, 1)
        await until_waiting(looker, 0)


async def test_a_mutation_is_brought_to_its_end(served: Served, database: str, temporal: TemporalServer) -> None:
    start = (
        'mutation { startWorkflow(input: {workflowType: "Left", taskQueue: "nobody", workflowId: "left-alone"})'
        " { created } }"
    )
    async with locked(database, "audit") as looker:
        writer = await sent(served, start)
        await until_waiting(looker, 1)
        writer.transport.abort()
        # The connection's end is seen before what it is told next.
        assert (await served.ask("{ __typename }")).status_code == 200
        await until_waiting(looker, 1)

    async def outcome() -> Any:
        asked = await served.ask('{ audit(filter: {workflowId: "left-alone"}) { nodes { outcome } } }')
        return [each["outcome"] for each in asked.json()["data"]["audit"]["nodes"]]

    await eventually(outcome, lambda found: found == ["OK"])
    described = await temporal.client.get_workflow_handle("left-alone").describe()
    assert described.run_id
    await temporal.client.get_workflow_handle("left-alone").terminate()
