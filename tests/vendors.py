"""Vendors' APIs on a real socket: what the connectors of QuickBooks, HubSpot, Nomod and Moyasar speak to, and a list of
records in three ways of paging."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Callable[[Request], Awaitable[Response | None]]


@dataclass
class Vendors:
    url: str = ""
    answer: Answer | None = None
    """May answer in the place of any vendor."""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and what it was authorized by."""
    records: list[dict[str, Any]] = field(default_factory=list)
    """What the lists of records hold."""
    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """What each vendor holds: kind -> key -> object."""
    keys: list[str] = field(default_factory=list)
    """The idempotency keys of what was posted."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def held(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.objects.setdefault(kind, {})

    def hold(self, times: int, path: str) -> asyncio.Event:
        """Answer so many calls of a path, and never the next one; the event is set when it comes."""
        reached, left, before = asyncio.Event(), [times], self.answer

        async def answer(request: Request) -> Response | None:
            if before and (other := await before(request)):
                return other
            if path not in request.url.path or reached.is_set():
                return None
            left[0] -= 1
            if left[0] >= 0:
                return None
            reached.set()
            await self.closing.wait()
            return Response(status_code=503)

        self.answer = answer
        return reached

    async def handle(self, request: Request) -> Response:
        said = request.headers.get("authorization") or request.headers.get("x-api-key", "")
        self.calls.append((request.method, request.url.path, said))
        if self.answer and (answer := await self.answer(request)):
            return answer
        for pattern, handler in _ROUTES:
            if found := re.fullmatch(pattern, f"{request.method} {request.url.path}"):
                return await handler(self, request, *found.groups())
        return Response(status_code=404)


async def _items(vendors: Vendors, request: Request) -> Response:
    query = request.query_params["query"]
    sku = re.fullmatch(r"select \* from Item where Sku = '(.*)'", query)
    assert sku, query
    found = vendors.held("items").get(sku[1])
    return JSONResponse({"QueryResponse": {"Item": [found]} if found else {}})


async def _item(vendors: Vendors, request: Request) -> Response:
    body, held = await request.json(), vendors.held("items")
    known = held.get(body["Sku"])
    if known and (body.get("Id"), body.get("SyncToken")) != (known["Id"], known["SyncToken"]):
        return JSONResponse({"Fault": "stale or duplicate"}, 400)
    version = str(int(known["SyncToken"]) + 1) if known else "0"
    held[body["Sku"]] = {**(known or {"Id": str(len(held) + 1)}), **body, "SyncToken": version}
    return JSONResponse({"Item": held[body["Sku"]]})


async def _hubspot(vendors: Vendors, request: Request, kind: str) -> Response:
    held, results = vendors.held(kind), []
    inputs = (await request.json())["inputs"]
    if len(inputs) > 100 or any("forbidden" in str(each["properties"]) for each in inputs):
        return JSONResponse({"status": "error", "message": "Property values were not valid"}, 400)
    for each in inputs:
        new = each["id"] not in held
        held[each["id"]] = {**held.get(each["id"], {}), **each["properties"]}
        results.append({"id": str(len(held)), "new": new, "properties": held[each["id"]]})
    return JSONResponse({"status": "COMPLETE", "results": results})


async def _nomod_list(vendors: Vendors, request: Request, kind: str) -> Response:
    key = request.query_params.get("invoice_number") or request.query_params.get("search")
    found = [each for name, each in vendors.held(f"nomod {kind}").items() if name == key]
    return JSONResponse({"count": len(found), "next": None, "results": found})


async def _nomod_post(vendors: Vendors, request: Request, kind: str) -> Response:
    body, held = await request.json(), vendors.held(f"nomod {kind}")
    key = body["invoice_number"] if kind == "invoices" else body["email"]
    assert key not in held, f"{key} is there already"
    total = str(sum(float(each["amount"]) * each["quantity"] for each in body.get("items", [])))
    held[key] = {**body, "id": f"{kind}-{len(held) + 1}", "amount": total, "status": "unpaid"}
    return JSONResponse(held[key], 201)


async def _moyasar_list(vendors: Vendors, request: Request) -> Response:
    key = request.query_params["metadata[invoice_id]"]
    found = [each for each in vendors.held("moyasar").values() if each["metadata"]["invoice_id"] == key]
    return JSONResponse({"invoices": found, "meta": {"current_page": 1, "next_page": None}})


async def _moyasar_post(vendors: Vendors, request: Request) -> Response:
    held = vendors.held("moyasar")
    made = {**await request.json(), "id": f"m-{len(held) + 1}", "status": "initiated"}
    held[made["id"]] = made
    return JSONResponse(made, 201)


async def _moyasar_cancel(vendors: Vendors, _: Request, key: str) -> Response:
    vendors.held("moyasar")[key]["status"] = "canceled"
    return JSONResponse(vendors.held("moyasar")[key])


async def _by_cursor(vendors: Vendors, request: Request) -> Response:
    asked = request.query_params
    first, limit = int(asked.get("cursor", "0")), int(asked["limit"])
    last = first + limit
    following = str(last) if last < len(vendors.records) else None
    return JSONResponse({"items": vendors.records[first:last], "next_cursor": following, "total": len(vendors.records)})


async def _by_page(vendors: Vendors, request: Request) -> Response:
    size, page = int(request.query_params["page_size"]), int(request.query_params["page"])
    return JSONResponse({"results": vendors.records[(page - 1) * size : page * size]})


async def _by_link(vendors: Vendors, request: Request) -> Response:
    asked = request.query_params
    first, limit = int(asked.get("after", "0")), int(asked["limit"])
    last = first + limit
    more = (
        {"link": f'<{request.url.path}?limit={limit}&after={last}>; rel="next"'} if last < len(vendors.records) else {}
    )
    return JSONResponse(vendors.records[first:last], headers=more)


async def _take(vendors: Vendors, request: Request) -> Response:
    """A generic endpoint: it knows what it has by the idempotency key."""
    body, key = await request.json(), request.headers["idempotency-key"]
    vendors.keys.append(key)
    if body.get("amount") == 402:
        return Response(status_code=402)
    if "forbidden" in str(body):
        return Response(status_code=422)
    known = key in vendors.held("taken")
    vendors.held("taken")[key] = body
    return JSONResponse({"reference": f"pay-{key[:8]}"}, 208 if known else 201)


async def _file(vendors: Vendors, _: Request, name: str) -> Response:
    return Response(vendors.held("files")[name]["content"])


_ROUTES: tuple[tuple[str, Callable[..., Awaitable[Response]]], ...] = (
    (r"GET /v3/company/1/query", _items),
    (r"POST /v3/company/1/item", _item),
    (r"POST /crm/v3/objects/(\w+)/batch/upsert", _hubspot),
    (r"GET /nomod/v1/(\w+)", _nomod_list),
    (r"POST /nomod/v1/(\w+)", _nomod_post),
    (r"GET /moyasar/v1/invoices", _moyasar_list),
    (r"POST /moyasar/v1/invoices", _moyasar_post),
    (r"PUT /moyasar/v1/invoices/(.+)/cancel", _moyasar_cancel),
    (r"GET /cursor(?:/.*)?", _by_cursor),
    (r"GET /page", _by_page),
    (r"GET /link", _by_link),
    (r"GET /files/(.+)", _file),
    (r"POST /take(?:/.*)?", _take),
)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@asynccontextmanager
async def vendors_server() -> AsyncIterator[Vendors]:
    vendors = Vendors()
    routes = [Route("/{path:path}", vendors.handle, methods=["GET", "POST", "PUT"])]
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        vendors.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(running.serve(sockets=[listening]))
        yield vendors
        vendors.closing.set()
        running.should_exit = True
        await task


def connections(vendors: Vendors, database: str, folder: str, queries: str) -> dict[str, str]:
    """What a worker needs for the whole catalog."""
    host = vendors.url.removeprefix("http://")
    return {
        "demo": database,
        "quickbooks": f"http://bearer:qb-token@{host}/v3/company/1",
        "hubspot": f"http://bearer:hs-token@{host}",
        "nomod": f"http://x-api-key:nomod-key@{host}/nomod",
        "moyasar": f"http://sk_test:@{host}/moyasar",
        "lists": f"http://{host}",
        "files": f"file://{folder}",
        "queries": f"file://{queries}",
    }
