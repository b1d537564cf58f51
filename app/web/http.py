"""GraphQL over HTTP: one operation in, one JSON object out, or a stream where the client accepts one.

Statuses follow the draft "GraphQL over HTTP". What is wrong with the HTTP request itself (media type, size,
JSON, types of the parameters) is 4xx for everybody. What is wrong with the GraphQL request (syntax,
validation) is 400 as `application/graphql-response+json` and 200 as `application/json`, the older convention,
which is also the answer to clients that do not say. Too much of what is right is 429 for everybody, with the time to
wait. Errors of execution are 200: `data` is there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import log
from app.api.engine import Answer, Operation
from app.errors import TidelineError
from app.gateway import Caller
from app.settings import Settings
from app.web import failure, page
from app.web.failure import HttpError
from app.web.multipart import MultipartMixed
from app.web.parts import Parts
from app.web.request import (
    DOCUMENT_IDS,
    EVENT_STREAM,
    HTML,
    MULTIPART,
    PLAIN_JSON,
    RESPONSE_JSON,
    best_type,
    headers_of,
    is_json,
    operation_from_json,
    operation_from_parameters,
)
from app.web.sending import ClientGoneError
from app.web.session import stream_pass
from app.web.sse import ServerSentEvents
from app.web.streaming import END, GONE, Framing, StreamResponse, ender

_ALLOWED = {"Allow": "GET, POST"}
_OPERATES = frozenset({"query", "extensions", *DOCUMENT_IDS})
"""Parameters of which one says that a GET is for an operation, and not for the page."""
_FRAMINGS: Mapping[str, Framing] = {EVENT_STREAM: ServerSentEvents(), MULTIPART: MultipartMixed()}
_OFFERS = (RESPONSE_JSON, PLAIN_JSON, *_FRAMINGS)


class GraphQLOverHttp:
    """The ASGI application of `/graphql` for HTTP."""

    def __init__(self, parts: Parts, settings: Settings, heartbeat: float, max_streams: int) -> None:
        """`heartbeat` is the silence in seconds that a stream fills; `max_streams` may be open at once."""
        self._parts = parts
        self._max_body = settings.max_body
        self._body_timeout = settings.body_timeout
        self._graphiql = settings.graphiql
        self._heartbeat = heartbeat
        self._max_streams = max_streams
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except HttpError as error:
            response = error.response
        except TidelineError as error:
            response = failure.of_error(error)
        if response is None:
            return  # nobody is there
        is_stream = isinstance(response, StreamResponse)
        self._streams += is_stream
        try:
            await response(scope, receive, send)
        finally:
            self._streams -= is_stream

    async def _respond(self, request: Request) -> Response | StreamResponse | None:
        headers = headers_of(request.scope)
        accept = headers.get("accept")
        is_get = request.method == "GET"
        asks_nothing = is_get and _OPERATES.isdisjoint(request.query_params)
        if asks_nothing and self._graphiql and best_type(accept, (HTML, *_OFFERS)) == HTML:
            return page.response()
        operation = await self._operation(request, headers)
        media = best_type(accept, _OFFERS)
        if media is None:
            raise HttpError(406, f"None of the types in Accept is served here, only {', '.join(_OFFERS)}.")
        caller = await self._caller(request, headers, opens_stream=is_get and media == EVENT_STREAM)
        if framing := _FRAMINGS.get(media):
            if self._streams >= self._max_streams:
                busy = f"This process already has {self._streams} streams. Try again later."
                raise HttpError(503, busy, {"Retry-After": "5"})
            resumed = replace(operation, resume=headers.get("last-event-id") or None)
            answers = self._parts.engine.stream(resumed, caller, read_only=is_get)
            hold = partial(self._parts.gatekeeper.leases.hold, caller.identity)
            return StreamResponse(framing, answers, self._heartbeat, hold)
        request.scope[END] = self._parts.leave
        try:
            # The one way to end this from outside is to let this deadline pass.
            async with asyncio.timeout(None) as life:
                request.scope[GONE] = ender(life)
                answer = await self._parts.engine.execute(operation, caller, read_only=is_get)
        except TimeoutError:
            return None
        finally:
            request.scope.pop(GONE, None)
        return _response(answer, media, is_get=is_get)

    async def _operation(self, request: Request, headers: Mapping[str, str]) -> Operation:
        if request.method == "GET":
            return operation_from_parameters(request.query_params)
        if request.method != "POST":
            raise HttpError(405, f"{request.method} is not served here: use POST, or GET for queries.", _ALLOWED)
        content_type = headers.get("content-type")
        if not is_json(content_type):
            readable = {"Accept": f"{PLAIN_JSON}; charset=utf-8"}
            raise HttpError(
                415, f"The body must be {PLAIN_JSON} in UTF-8, not {content_type or 'of no type'}.", readable
            )
        try:
            async with asyncio.timeout(self._body_timeout):
                return operation_from_json(await self._body(request, headers))
        except TimeoutError:
            late = f"The body did not come within {self._body_timeout:g} s (TIDELINE_BODY_TIMEOUT)."
            raise HttpError(408, late, {"Connection": "close"}) from None

    async def _body(self, request: Request, headers: Mapping[str, str]) -> bytes:
        too_large = f"The body is larger than {self._max_body} bytes (TIDELINE_MAX_BODY)."
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_body:
            raise HttpError(413, too_large)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body:
                    raise HttpError(413, too_large)
        except ClientDisconnect:
            raise ClientGoneError from None
        return bytes(body)

    async def _caller(self, request: Request, headers: Mapping[str, str], *, opens_stream: bool) -> Caller:
        """A browser's EventSource cannot send a header: a stream that it opens may come with a ticket or a cookie."""
        gatekeeper, authorization = self._parts.gatekeeper, headers.get("authorization")
        pass_ = stream_pass(request, gatekeeper) if opens_stream and authorization is None else None
        if pass_ is not None:
            identity = await gatekeeper.admit(pass_, headers)
        else:
            identity = await gatekeeper.identify(authorization, headers)
        return Caller(identity, log.request_id.get() or "", request.client.host if request.client else None)


def _response(answer: Answer, media: str, *, is_get: bool) -> Response:
    headers = {"Content-Type": f"{media}; charset=utf-8", "Cache-Control": "no-store", "Vary": "Accept"}
    status = 200
    if answer.errors is not None:
        if is_get and answer.kind == "mutation":
            status, headers["Allow"] = 405, "POST"
        elif answer.retry_after is not None:
            status, headers["Retry-After"] = 429, str(math.ceil(answer.retry_after))
        elif media == RESPONSE_JSON:
            status = 400
    return Response(answer.body, status, headers)
