"""The activities of every synchronisation: count, and bring over page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.workflows.beating import beating, beats
from app.workflows.failures import unavailable_error
from app.workflows.outbound import Connections
from app.workflows.sync.ends import Destination, Record, Source, Wrong
from app.workflows.sync.model import Leg, Outcome, Position, RecordError
from app.workflows.sync.patience import patiently
from app.workflows.sync.reports import NoReport, Report
from app.workflows.sync.run import LEG_TIME

T = TypeVar("T")
Opening = Callable[[Any, Connections], AbstractAsyncContextManager[T]]


@asynccontextmanager
async def no_report(_: Any, __: Connections) -> AsyncIterator[Report]:
    yield NoReport()


@dataclass(frozen=True)
class Kind:
    """One kind of synchronisation: what its workflow calls it, and how its two ends are opened."""

    name: str
    input: type
    source: Opening[Source]
    destination: Opening[Destination]
    report: Opening[Report] = no_report


def activities_of(kind: Kind, connections: Connections) -> Sequence[Callable[..., Any]]:
    """What a worker registers for it."""

    async def count(request: Any) -> int | None:
        async with kind.source(request, connections) as source:
            return await patiently(source.count)

    async def sync(request: Any, begin: Position, expected: int | None) -> Leg:
        position = _last_position() or begin
        async with (
            kind.source(request, connections) as source,
            kind.destination(request, connections) as destination,
            kind.report(request, connections) as report,
        ):
            return await _Sync(request, expected, position, source, destination, report).leg()

    # The converter reads the types from the functions.
    count.__annotations__["request"] = sync.__annotations__["request"] = kind.input
    sync.__annotations__ |= {"begin": Position, "expected": int | None, "return": Leg}
    count.__annotations__["return"] = int | None
    return activity.defn(name=f"count_{kind.name}")(beats(count)), activity.defn(name=f"sync_{kind.name}")(sync)


class _Sync:
    """One attempt: its place, and how it tells of it."""

    def __init__(
        self,
        request: Any,
        expected: int | None,
        position: Position,
        source: Source,
        destination: Destination,
        report: Report,
    ) -> None:
        self._request = request
        self._expected = expected
        self._source = source
        self._destination = destination
        self._report = report
        self._refused: dict[int, tuple[RecordError, Any]] = {}
        self.position = position
        # A slow pace takes small steps, so that progress moves every second.
        rate = request.rate_limit
        self._limit = request.page_size if rate is None else min(request.page_size, max(1, int(rate)))

    async def leg(self) -> Leg:
        """Bring over what LEG_TIME allows. A page in hand when a worker dies is done again, and its records are then
        found unchanged."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LEG_TIME.total_seconds()
        try:
            async with beating(self._beat):
                await self._resume()
                while not self.position.finished:
                    await self._page()  # at least one, however short the time
                    if loop.time() >= until:
                        break
                if self.position.finished:
                    await self._destination.finish()
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details and details.worker_shutdown:
                # As a failure, since Temporal then hears the last heartbeat; a cancellation would drop it.
                raise unavailable_error("The worker left; another one goes on.") from None
            if details is None or not details.cancel_requested:
                raise
            return Leg(self.position, cancelled=True)
        return Leg(self.position)

    async def _resume(self) -> None:
        position, mark = self.position, self._source.mark
        if position.mark is not None and mark != position.mark:
            raise ApplicationError(
                "The source has changed since this began, so that its place in it means nothing: start it again.",
                type="ValidationError",
                non_retryable=True,
            )
        if not (await self._destination.resume(position.written) and await self._report.resume(position.report)):
            position = Position()
            await self._destination.resume(0)
            await self._report.resume(0)
        self.position = replace(position, mark=mark)

    async def _page(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        page = await patiently(lambda: self._source.page(self.position.cursor, self._limit))
        outcomes = await self._take(page.records)
        written, report = await self._destination.settle(), await self._report.settle()
        self.position = replace(self.position.after(outcomes, page.cursor), written=written, report=report)
        self._beat()
        if self.position.failed > self._request.max_errors:
            raise _too_many(self.position, self._request.max_errors)
        if self._request.rate_limit is not None and not self.position.finished:
            await asyncio.sleep(started + len(page.records) / self._request.rate_limit - loop.time())

    async def _take(self, records: Sequence[Record | Wrong]) -> list[Outcome | RecordError]:
        """What became of each, in their order."""
        outcomes: dict[int, Outcome | RecordError] = {}
        self._refused.clear()
        batch: list[tuple[int, Record]] = []
        for index, record in enumerate(records):
            if isinstance(record, Wrong):
                outcomes[index] = self._refuse(index, None, record.message, record.text)
            else:
                batch.append((index, record))
            if batch and (len(batch) == self._destination.batch or index == len(records) - 1):
                outcomes |= await self._batch(batch)
                batch = []
        if batch:
            outcomes |= await self._batch(batch)
        for index in sorted(self._refused):
            await self._report.add(*self._refused[index])
        return [outcomes[index] for index in range(len(records))]

    async def _batch(self, batch: Sequence[tuple[int, Record]]) -> dict[int, Outcome | RecordError]:
        """The batch, or when something is wrong with it, its halves, until what is wrong stands alone."""
        try:
            outcomes = await patiently(lambda: self._destination.upsert([record for _, record in batch]))
        except ApplicationError as error:
            if error.type != "ValidationError":
                raise
            if len(batch) == 1:
                ((index, record),) = batch
                return {index: self._refuse(index, self._destination.key(record), error.message, record)}
            middle = len(batch) // 2
            return await self._batch(batch[:middle]) | await self._batch(batch[middle:])
        return dict(zip((index for index, _ in batch), outcomes, strict=True))

    def _refuse(self, index: int, key: str | None, message: str, record: Any) -> RecordError:
        error = RecordError(self.position.records + index + 1, key, message[:500])
        self._refused[index] = error, record
        return error

    def _beat(self) -> None:
        done, expected = self.position.records, self._expected
        failed = f", {self.position.failed} failed" if self.position.failed else ""
        activity.heartbeat(
            {
                "percent": min(100.0, round(100.0 * done / expected, 1)) if expected else None,
                "step": "sync",
                "message": f"{done}{'' if expected is None else f' of {expected}'} records{failed}",
                "completed": done,
                "total": expected,
                "position": asdict(self.position),
            }
        )


def _last_position() -> Position | None:
    """Where the attempt before this one was last heard of."""
    for detail in activity.info().heartbeat_details:
        if isinstance(detail, dict) and isinstance(detail.get("position"), dict):
            return Position.of(detail["position"])
    return None


def _too_many(position: Position, allowed: int) -> ApplicationError:
    return ApplicationError(
        f"{position.failed} records were refused where max_errors allows {allowed}. The first: "
        f"{position.errors[0].message}",
        [asdict(each) for each in position.errors],
        type="TooManyErrorsError",
        non_retryable=True,
    )
