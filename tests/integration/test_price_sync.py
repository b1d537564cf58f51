"""The price synchronisation against a real Temporal, a real Postgres and a real HTTP source."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from starlette.responses import Response
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.worker import Replayer, Worker

from app.workflows import demo
from app.workflows.outbound import Connections
from app.workflows.price_sync.activities import activities
from app.workflows.price_sync.model import PriceDestination, PriceSource, PriceSyncInput, PriceSyncResult
from app.workflows.price_sync.workflow import PHASES, PriceSyncWorkflow
from tests.conftest import TemporalServer
from tests.prices import (
    ITEMS,
    LOOPBACK,
    POSTGRES,
    PRICES,
    PRO,
    PriceServer,
    events,
    from_http,
    heartbeat,
    price_server,
    published,
)

HISTORIES = Path(__file__).parent.parent / "histories"
DEADLINE = timedelta(seconds=60)


@pytest.fixture
async def billing(empty_database: str) -> str:
    """The URL of a database with the demo's billing system."""
    await demo.seed(empty_database)
    return empty_database


@pytest.fixture
async def server() -> AsyncIterator[PriceServer]:
    async with price_server() as running:
        yield running


@dataclass
class Room:
    """A running worker, and what the tests ask of it."""

    client: Client
    task_queue: str
    database: str

    async def start(self, request: PriceSyncInput) -> WorkflowHandle[PriceSyncWorkflow, PriceSyncResult]:
        return await self.client.start_workflow(
            PriceSyncWorkflow.run,
            request,
            id=f"price-sync-{uuid.uuid4()}",
            task_queue=self.task_queue,
            execution_timeout=DEADLINE,
        )

    async def result(self, request: PriceSyncInput) -> PriceSyncResult:
        return await (await self.start(request)).result()

    async def failure(self, request: PriceSyncInput) -> ApplicationError:
        """What the run failed with, below what only says where."""
        with pytest.raises(WorkflowFailureError) as caught:
            await self.result(request)
        cause: BaseException | None = caught.value.cause
        if isinstance(cause, ActivityError):
            cause = cause.cause
        assert isinstance(cause, ApplicationError)
        return cause

    async def sql(self, query: str) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


@asynccontextmanager
async def hosted(client: Client, task_queue: str, connections: dict[str, str]) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[PriceSyncWorkflow],
        activities=activities(Connections(connections, LOOPBACK)),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
    ):
        yield


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, billing: str, server: PriceServer) -> AsyncIterator[Room]:
    secret = server.url.replace("http://", "http://reader:open%20sesame@")
    connections = {"demo": billing, "prices": secret, "nowhere": "postgresql://127.0.0.1:1/none"}
    async with hosted(temporal.client, task_queue, connections):
        yield Room(temporal.client, task_queue, billing)


async def test_creates_then_updates_then_finds_unchanged(room: Room) -> None:
    first = await room.result(PRO)
    assert replace(first, duration=0) == PriceSyncResult("plan-pro", PRICES, ITEMS, ITEMS, 0, 0, 0)
    assert 0 < first.duration < 60
    second = await room.result(replace(PRO, page_size=7))
    assert replace(second, duration=0) == PriceSyncResult("plan-pro", PRICES, ITEMS, 0, 0, ITEMS, 0)
    changed = await room.sql(
        """with raised as (update demo.plan_prices set amount = amount + 1
           where plan_id = 'plan-pro' and currency = 'EUR' and "interval" = 'month' returning 1)
           select count(*) from raised"""
    )
    third = await room.result(PRO)
    assert (changed, third.updated, third.unchanged, third.created) == (20, 20 * 5, ITEMS - 100, 0)
    apart = """select count(*) from demo.subscription_prices item join demo.plan_prices price
               using (tenant_id, environment_id, plan_id, price_id) where item.amount <> price.amount"""
    assert await room.sql(apart) == 0


async def test_leaves_other_plans_tenants_and_inactive_subscriptions_alone(room: Room, billing: str) -> None:
    await demo.seed(billing, tenant="other")
    await room.sql("update demo.subscriptions set status = 'paused' where subscription_id like '%-pro-001'")
    assert (await room.result(PRO)).total == ITEMS - 20
    others = "select count(*) from demo.subscription_prices where tenant_id <> 'default' or plan_id <> 'plan-pro'"
    assert await room.sql(others) == 0


async def test_publishes_phases_progress_and_details(room: Room) -> None:
    handle = await room.start(PRO)
    await handle.result()
    memo = await published(handle)
    assert memo["phase"] == {"name": "verify", "status": "completed"}
    assert memo["progress"] == {
        "step": "done",
        "percent": 100.0,
        "message": "120 of 120 prices, 600 line items created, 0 updated, 0 unchanged",
        "completed": PRICES,
        "total": PRICES,
    }
    converter = room.client.data_converter.payload_converter
    phases = []
    for event in await events(handle):
        upserted = event.workflow_properties_modified_event_attributes.upserted_memo.fields
        if "phase" in upserted:
            phases.append(converter.from_payload(upserted["phase"]))
    assert [(each["name"], each["status"]) for each in phases] == [
        (name, status) for name in PHASES for status in ("started", "completed")
    ]
    summaries = [
        converter.from_payload(event.user_metadata.summary)
        for event in await events(handle)
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert summaries == [
        "Count the prices of plan-pro",
        "Sync 120 prices of plan-pro",
        "Verify the line items of plan-pro",
    ]


async def test_reads_pages_over_http_and_authenticates_by_connection(room: Room, server: PriceServer) -> None:
    source = PriceSource(kind="http", connection="prices", url="/prices")
    result = await room.result(from_http(server, source=source))
    assert (result.prices, result.total, result.created) == (60, 60 * 5, 60 * 5)
    assert server.pages == [0, 10, 20, 30, 40, 50]
    assert {each["authorization"] for each in server.asked} == {"Basic cmVhZGVyOm9wZW4gc2VzYW1l"}
    assert {each["tenant_id"] for each in server.asked} == {"default"}


async def test_writes_to_an_http_destination(room: Room, server: PriceServer) -> None:
    destination = PriceDestination(kind="http", url=f"{server.url}/items")
    handle = await room.start(replace(PRO, destination=destination))
    result = await handle.result()
    assert (result.prices, result.created) == (PRICES, PRICES)
    assert [len(each["items"]) for each in server.posted] == [50, 50, 20]
    assert {each["plan_id"] for each in server.posted} == {"plan-pro"}
    assert (await published(handle))["phase"] == {"name": "verify", "status": "skipped"}


async def test_refuses_a_wrong_input_naming_each_field(room: Room) -> None:
    wrong = replace(PRO, plan_id=" ", page_size=0, source=replace(POSTGRES, table="x; drop table y"))
    failure = await room.failure(wrong)
    assert (failure.type, failure.non_retryable) == ("ValidationError", True)
    assert [each["path"] for each in failure.details[0]] == [["plan_id"], ["source", "table"], ["page_size"]]


async def test_an_input_of_the_wrong_shape_fails_the_run(room: Room) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await room.client.execute_workflow(
            "PriceSyncWorkflow",
            {"plan_id": 7},
            id=f"price-sync-{uuid.uuid4()}",
            task_queue=room.task_queue,
            execution_timeout=DEADLINE,
        )
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "TypeError"


@pytest.mark.parametrize(
    ("changes", "type_", "words"),
    [
        ({"plan_id": "plan-unknown"}, "NotFoundError", "no prices"),
        ({"source": replace(POSTGRES, connection="absent")}, "NotFoundError", "demo, nowhere, prices"),
        ({"source": replace(POSTGRES, table="demo.absent")}, "NotFoundError", "demo.absent"),
        ({"source": replace(POSTGRES, table="demo.subscriptions")}, "ValidationError", "price_id"),
        ({"source": replace(POSTGRES, connection="prices")}, "ValidationError", "no postgresql connection"),
    ],
)
async def test_what_no_retry_can_mend_fails_at_once(
    room: Room, changes: dict[str, Any], type_: str, words: str
) -> None:
    failure = await room.failure(replace(PRO, **changes))
    assert (failure.type, failure.non_retryable) == (type_, True)
    assert words in failure.message


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (401, "AuthenticationError"),
        (403, "AuthenticationError"),
        (404, "NotFoundError"),
        (422, "ValidationError"),
    ],
)
async def test_an_http_refusal_is_not_tried_again(room: Room, server: PriceServer, status: int, type_: str) -> None:
    async def answer(_: dict[str, str]) -> Response:
        return Response(status_code=status)

    server.answer = answer
    failure = await room.failure(from_http(server))
    assert (failure.type, failure.non_retryable, len(server.asked)) == (type_, True, 1)


async def test_a_later_attempt_goes_on_where_the_source_gave_up(room: Room, server: PriceServer) -> None:
    refusals = [Response(status_code=503, headers={"retry-after": "2"})]

    async def answer(asked: dict[str, str]) -> Response | None:
        return refusals.pop() if asked.get("cursor") == "20" and refusals else None

    server.answer = answer
    handle = await room.start(from_http(server))
    result = await handle.result()
    assert (result.prices, result.created, result.unchanged) == (60, 300, 0)
    assert server.pages == [0, 10, 20, 20, 30, 40, 50]
    started = [
        event.activity_task_started_event_attributes
        for event in await events(handle)
        if event.HasField("activity_task_started_event_attributes")
    ]
    retried = next(each for each in started if each.attempt == 2)
    assert retried.last_failure.application_failure_info.type == "UnavailableError"
    assert retried.last_failure.application_failure_info.next_retry_delay.ToTimedelta() == timedelta(seconds=2)


async def test_gives_up_after_three_attempts(room: Room, server: PriceServer) -> None:
    async def answer(_: dict[str, str]) -> Response:
        return Response(status_code=429, headers={"retry-after": "0"})

    server.answer = answer
    failure = await room.failure(from_http(server))
    assert (failure.type, failure.non_retryable, len(server.asked)) == ("UnavailableError", False, 3)


async def test_a_database_that_does_not_answer_is_tried_again(room: Room) -> None:
    failure = await room.failure(replace(PRO, source=replace(POSTGRES, connection="nowhere")))
    assert (failure.type, failure.non_retryable) == ("UnavailableError", False)
    assert "connection 'nowhere'" in failure.message


async def test_keeps_to_the_rate_and_tells_of_it(room: Room) -> None:
    starter = replace(PRO, plan_id="plan-starter", rate_limit=24)
    handle = await room.start(starter)
    beat = await heartbeat(handle, 1)
    assert (beat["step"], beat["total"], beat["percent"]) == ("sync", 36, round(beat["completed"] / 0.36, 1))
    assert beat["message"] == f"{beat['completed']} of 36 prices"
    result = await handle.result()
    # 36 prices at 24 a second, the last page without a pause: 24 of them take a second.
    assert result.duration >= 1.0


async def test_cancelled_it_ends_and_tells_what_was_done(room: Room) -> None:
    handle = await room.start(replace(PRO, rate_limit=5))
    await heartbeat(handle, 5)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(10):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    memo = await published(handle)
    assert memo["phase"] == {"name": "sync", "status": "failed"}
    held = await room.sql("select count(*) from demo.subscription_prices")
    progress = memo["progress"]
    assert 5 <= progress["completed"] < PRICES
    assert f"{held} line items created" in progress["message"]
    again = await room.result(PRO)
    assert (again.unchanged, again.created) == (held, ITEMS - held)


async def test_a_page_that_hangs_does_not_hold_up_a_cancellation(room: Room, server: PriceServer) -> None:
    reached = server.hold(20)
    handle = await room.start(from_http(server))
    await reached.wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        async with asyncio.timeout(10):
            await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert (await published(handle))["progress"]["completed"] == 20


async def test_a_rolled_back_page_is_not_counted(room: Room) -> None:
    """A page that the destination refuses leaves nothing behind."""
    await room.sql("alter table demo.subscription_prices add check (price_id not like '%meter-15%')")
    failure = await room.failure(replace(PRO, page_size=1000))
    assert failure.type == "ValidationError"
    assert await room.sql("select count(*) from demo.subscription_prices") == 0


async def test_verification_notices_what_was_deleted(room: Room) -> None:
    await room.sql(
        """create function demo.forget() returns trigger language plpgsql as
           'begin delete from demo.subscription_prices where price_id like ''%meter-01%''; return null; end';
           """
    )
    await room.sql(
        """create trigger forget after insert on demo.subscription_prices
           for each statement execute function demo.forget()"""
    )
    failure = await room.failure(PRO)
    assert failure.type == "VerificationError"


async def test_seeding_twice_at_once_is_seeding_once(empty_database: str) -> None:
    await asyncio.gather(*(demo.seed(empty_database) for _ in range(3)))
    connection = await asyncpg.connect(empty_database)
    try:
        assert await connection.fetchval("select count(*) from demo.plan_prices") == 6 * (6 + 20 + 40)
        assert await connection.fetchval("select count(*) from demo.subscriptions") == 40 + 30 + 8
        await connection.execute("update demo.plan_prices set amount = 1")
        await demo.seed(empty_database)
        assert await connection.fetchval("select max(amount) from demo.plan_prices") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["price_sync", "price_sync_cancelled", "price_sync_resumed"])
async def test_recorded_histories_replay(name: str) -> None:
    """Runs of yesterday go on with today's code. `temporal workflow show --output json` records one."""
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayed = await Replayer(workflows=[PriceSyncWorkflow]).replay_workflow(history)
    assert replayed.replay_failure is None
