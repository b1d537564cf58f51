"""GraphQL over WebSocket: the protocol graphql-transport-ws, and only that.

A connection is one task that listens, and one task per operation that pulls its answers and sends them. A
client that does not keep to the protocol is closed with the code the protocol gives and a reason; a GraphQL
request that is refused is an `error` for its id and leaves the connection alone. Liveness is the business
of the server's WebSocket pings, which every library answers by itself; the protocol's own `ping` is sent
besides, for clients that watch for silence, and need not be answered.

At a shutdown connections close with 1012 and without `complete`: subscriptions are not over, so clients
connect again and go on from their cursors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from app import log, metrics
from app.access import Identity, Lease
from app.access.leases import Expired
from app.api.engine import Operation
from app.errors import Forbidden, TidelineError, Unauthenticated
from app.gateway import Caller
from app.web import failure, messages
from app.web.delivery import Deliveries
from app.web.messages import Close, ClosedError, Complete, Init, Ping, Subscribe, Writer
from app.web.origin import may_connect
from app.web.parts import Parts
from app.web.sending import ClientGoneError

_NAMED_CODES = frozenset(range(1000, 1016)).union(Close)
_MESSAGES = metrics.MESSAGES.labels("websocket")
_logger = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process grants. Spans are in seconds."""

    connections: int = 20_000
    operations: int = 100
    """At once, per connection."""
    init_timeout: float = 10.0
    """Until `connection_init` has come and has been answered."""
    ping_interval: float = 15.0


class GraphQLOverWebSocket:
    """The ASGI application of `/graphql` for WebSockets."""

    def __init__(self, parts: Parts, allowed_origins: tuple[str, ...], limits: Limits) -> None:
        self._parts = parts
        self._allowed_origins = allowed_origins
        self._limits = limits
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open >= self._limits.connections:
            message = f"This process already has {self._open} connections. Try again later."
            busy = failure.response(503, message, "UNAVAILABLE", {"Retry-After": "5"})
            await receive()
            await busy(scope, receive, send)
            return
        self._open += 1
        metrics.WEBSOCKETS.inc()
        try:
            code = await self._serve(scope, receive, send)
            _logger.info("websocket closed", code=code)
            # Clients may close with any code up to 4999, and a series for each is what they should not get.
            metrics.WEBSOCKETS_CLOSED.labels(str(code) if code in _NAMED_CODES else "other").inc()
        finally:
            self._open -= 1
            metrics.WEBSOCKETS.dec()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Serve one connection; the code that it was closed with, by either side."""
        refusal = self._refusal(scope)
        await receive()  # websocket.connect
        accept: Message = {"type": "websocket.accept"}
        if messages.SUBPROTOCOL in scope["subprotocols"]:
            accept["subprotocol"] = messages.SUBPROTOCOL
        try:
            await send(accept)
            if refusal is None:
                refusal = await _Connection(self._parts, self._limits, scope, receive, send).run()
            if isinstance(refusal, ClosedError):
                await send({"type": "websocket.close", "code": refusal.code, "reason": refusal.reason})
                return refusal.code
            return refusal
        except ClientGoneError:
            return 1006

    def _refusal(self, scope: Scope) -> ClosedError | int | None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if not may_connect(origin, headers.get("host"), self._allowed_origins):
            reason = f"Pages of {origin} may not connect (TIDELINE_ALLOWED_ORIGINS)."
            return ClosedError(Close.FORBIDDEN, reason)
        if messages.SUBPROTOCOL not in scope["subprotocols"]:
            reason = f"Subprotocol not acceptable: offer {messages.SUBPROTOCOL}."
            return ClosedError(Close.SUBPROTOCOL_NOT_ACCEPTABLE, reason)
        return None


class _Connection:
    """One accepted connection."""

    def __init__(self, parts: Parts, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self._parts = parts
        self._limits = limits
        self._scope = scope
        self._receive = receive
        self._send = send
        self._caller: Caller | None = None
        self._lease: Lease | None = None
        self._cut: ClosedError | None = None
        self._said: dict[str, str] = {}
        self._served = 0
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pinger: asyncio.TimerHandle | None = None
        self._gone = False
        self._life = asyncio.timeout(limits.init_timeout)

    async def run(self) -> ClosedError | int:
        """Serve until the end: the code that the client closed with, or how we must close."""
        try:
            # First the deadline of the initialisation; later it is how other tasks end this one.
            async with self._life:
                return await self._listen()
        except ClosedError as closed:
            return closed
        except TimeoutError:
            if self._gone:
                return 1006
            if self._cut is not None:
                return self._cut
            return ClosedError(Close.INITIALISATION_TIMEOUT, "Connection initialisation timeout")
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        if self._lease is not None:
            self._lease.release()
        if self._pinger is not None:
            self._pinger.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> int:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                code: int = event.get("code") or 1005
                return code
            match messages.parse(event.get("text")):
                case Init(payload):
                    await self._initialise(payload)
                case Ping(payload):
                    is_refresh = payload is not None and "authorization" in payload
                    await self._text(await self._refresh(payload or {}) if is_refresh else messages.pong(payload))
                case Subscribe(id_, operation):
                    await self._subscribe(id_, operation)
                case Complete(id_):
                    if (task := self._operations.pop(id_, None)) is not None:
                        task.cancel()
                case _:
                    pass  # a pong: the client is there

    async def _text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _initialise(self, payload: messages.Payload) -> None:
        if self._caller is not None:
            raise ClosedError(Close.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
        self._caller = await self._identify(payload)
        self._lease = self._parts.gatekeeper.leases.hold(self._caller.identity, self._end)
        self._life.reschedule(None)
        await self._text(messages.ACK)
        self._schedule_ping()

    async def _identify(self, payload: messages.Payload) -> Caller:
        self._said = {name.lower(): value for name, value in payload.items() if isinstance(value, str)}
        authorization = self._said.pop("authorization", None) or Headers(scope=self._scope).get("authorization")
        try:
            identity = await self._identity(authorization)
        except (Forbidden, Unauthenticated) as error:
            raise ClosedError(Close.FORBIDDEN, error.message) from None
        except TidelineError as error:
            raise ClosedError(Close.TRY_AGAIN_LATER, error.message) from None
        except Exception:
            _logger.exception("connection could not be identified")
            raise ClosedError(Close.INTERNAL_ERROR, failure.UNEXPECTED) from None
        client = self._scope.get("client")
        return Caller(identity, log.request_id.get() or "", client[0] if client else None)

    async def _identity(self, authorization: str | None) -> Identity:
        # Browsers cannot set headers here, so the payload may say what headers do not.
        return await self._parts.gatekeeper.identify(authorization, {**self._said, **Headers(scope=self._scope)})

    async def _refresh(self, payload: messages.Payload) -> str:
        """Go on under another token; a token that is not good leaves the connection under the one before."""
        authorization = payload["authorization"]
        if self._caller is None or self._lease is None or not isinstance(authorization, str):
            return messages.refreshed("Send connection_init first, and the token as a text.")
        try:
            identity = await self._identity(authorization)
        except TidelineError as error:
            return messages.refreshed(error.message)
        try:
            self._lease.renew(identity)
        except Forbidden as error:
            raise ClosedError(Close.FORBIDDEN, error.message) from None
        self._caller = replace(self._caller, identity=identity)
        return messages.refreshed(None)

    def _end(self, why: TidelineError) -> None:
        """Who came with a token that has run out may come again, which clients take 4403 for; 4401 is for good."""
        code = Close.FORBIDDEN if isinstance(why, Expired | Forbidden) else Close.UNAUTHORIZED
        self._cut = ClosedError(code, why.message)
        self._life.reschedule(asyncio.get_running_loop().time())

    async def _subscribe(self, id_: str, operation: Operation) -> None:
        if self._caller is None:
            raise ClosedError(Close.UNAUTHORIZED, "Unauthorized: send connection_init and await connection_ack.")
        if id_ in self._operations:
            raise ClosedError(Close.SUBSCRIBER_EXISTS, f"Subscriber for {id_} already exists")
        if len(self._operations) >= self._limits.operations:
            message = (
                f"This connection already has {len(self._operations)} operations, as many as it may have"
                " (TIDELINE_MAX_SUBSCRIPTIONS_PER_CONNECTION). Complete one first."
            )
            await self._text(Writer.of(id_).error(failure.errors(message, "RATE_LIMITED")))
            return
        self._served += 1
        caller = Caller(self._caller.identity, f"{self._caller.request_id}.{self._served}", self._caller.address)
        self._operations[id_] = self._start(self._operate(id_, operation, caller))

    async def _operate(self, id_: str, operation: Operation, caller: Caller) -> None:
        log.request_id.set(caller.request_id)
        writer = Writer.of(id_)
        last = writer.complete
        delivered = Deliveries()
        try:
            async with aclosing(self._parts.engine.stream(operation, caller)) as answers:
                async for answer in answers:
                    if answer.errors is not None:
                        last = writer.error(answer.errors)
                        break
                    await self._text(writer.next(answer.body))
                    delivered(answer)
                    _MESSAGES.inc()
        except ClientGoneError:
            raise
        except Exception:
            _logger.exception("operation failed")
            last = writer.error(failure.errors(failure.UNEXPECTED, "INTERNAL"))
        finally:
            # Free before the client hears of the end, since it may use the id again at once.
            if self._operations.get(id_) is asyncio.current_task():
                del self._operations[id_]
        await self._text(last)

    def _schedule_ping(self) -> None:
        loop = asyncio.get_running_loop()
        self._pinger = loop.call_later(self._limits.ping_interval, lambda: self._start(self._ping()))

    async def _ping(self) -> None:
        await self._text(messages.PING)
        self._schedule_ping()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run it beside the others; if nobody is there to send to, the connection ends."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ClientGoneError:
            if not self._gone:
                self._gone = True
                self._life.reschedule(asyncio.get_running_loop().time())
