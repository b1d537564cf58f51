"""A price list over HTTP on a real socket, and what tests ask of a price synchronisation."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import WorkflowHandle

from app.workflows.price_sync.model import PriceDestination, PriceSource, PriceSyncInput
from tests.waiting import eventually

POSTGRES = PriceSource(kind="postgres", connection="demo", table="demo.plan_prices")
LINE_ITEMS = PriceDestination(
    kind="postgres", connection="demo", table="demo.subscription_prices", subscriptions="demo.subscriptions"
)
PRO = PriceSyncInput(
    plan_id="plan-pro",
    tenant_id="default",
    environment_id="default",
    source=POSTGRES,
    destination=LINE_ITEMS,
)
# 20 meters in 6 markets are 120 prices; 30 subscriptions in one market each get 20 of them.
PRICES, ITEMS = 120, 600

LOOPBACK = (ip_network("127.0.0.0/8"),)
"""For workers whose inputs name servers of a test."""

Answer = Callable[[dict[str, str]], Awaitable[Response | None]]


@dataclass
class PriceServer:
    """A price list and a destination over HTTP, on a real socket."""

    url: str = ""
    count: int = 60
    answer: Answer | None = None
    """May answer in the price list's place."""
    asked: list[dict[str, str]] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """For answers that are held back."""

    async def prices(self, request: Request) -> Response:
        asked = dict(request.query_params) | {"authorization": request.headers.get("authorization", "")}
        self.asked.append(asked)
        if self.answer and (answer := await self.answer(asked)):
            return answer
        first = int(asked.get("cursor", "0"))
        last = min(first + int(asked["limit"]), self.count)
        return JSONResponse(
            {
                "items": [price(number, asked["plan_id"]) for number in range(first, last)],
                "next_cursor": str(last) if last < self.count else None,
                "total": self.count,
            }
        )

    async def items(self, request: Request) -> Response:
        body = await request.json()
        self.posted.append(body)
        return JSONResponse({"created": len(body["items"]), "updated": 0, "unchanged": 0})

    def hold(self, cursor: int) -> asyncio.Event:
        """Never answer the first request at the cursor; the event is set when it comes."""
        reached = asyncio.Event()

        async def answer(asked: dict[str, str]) -> Response | None:
            if asked.get("cursor") != str(cursor) or reached.is_set():
                return None
            reached.set()
            await self.closing.wait()
            return Response(status_code=503)

        self.answer = answer
        return reached

    @property
    def pages(self) -> list[int]:
        """Where the pages began that were asked for; the count asks for a single item."""
        return [int(each.get("cursor", "0")) for each in self.asked if each["limit"] != "1"]


def price(number: int, plan_id: str) -> dict[str, Any]:
    return {
        "price_id": f"price-{number:03}",
        "plan_id": plan_id,
        "amount": 100 + number,
        "currency": "EUR",
        "interval": "month",
        "updated_at": "2026-02-03T04:05:06Z",
    }


@asynccontextmanager
async def price_server() -> AsyncIterator[PriceServer]:
    prices = PriceServer()
    routes = [Route("/prices", prices.prices), Route("/items", prices.items, methods=["POST"])]
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        prices.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(running.serve(sockets=[listening]))
        yield prices
        prices.closing.set()
        running.should_exit = True
        await task


def from_http(server: PriceServer, **changes: Any) -> PriceSyncInput:
    wanted: dict[str, Any] = {"source": PriceSource(kind="http", url=f"{server.url}/prices"), "page_size": 10}
    return replace(PRO, **wanted | changes)


async def published(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    return dict(await (await handle.describe()).memo())


async def events(handle: WorkflowHandle[Any, Any]) -> list[Any]:
    return [event async for event in handle.fetch_history_events()]


async def heartbeat(handle: WorkflowHandle[Any, Any], completed: int) -> dict[str, Any]:
    """Wait until Temporal has heard of so many prices; what it has heard."""

    async def heard() -> dict[str, Any]:
        description = await handle.describe()
        for pending in description.raw_description.pending_activities:
            for detail in await description.data_converter.decode(pending.heartbeat_details.payloads):
                return dict(detail)
        return {"completed": 0}

    return await eventually(heard, lambda beat: beat["completed"] >= completed, within=30)
