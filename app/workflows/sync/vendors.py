"""What the connectors of vendors share: records of a type, read strictly, and amounts as vendors write them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.sync.ends import Destination, Record, Remote
from app.workflows.sync.model import Outcome
from app.workflows.systems import HttpSystem, http_system

R = TypeVar("R")
Taken_contra = TypeVar("Taken_contra", contravariant=True)

# ISO 4217: what a major unit is made of, where it is not a hundred.
_DIGITS = dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3) | dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
)


def major(amount: int, currency: str) -> Decimal:
    """An amount of minor units in major ones, as in 12.50."""
    digits = _DIGITS.get(currency.upper(), 2)
    return Decimal(amount).scaleb(-digits)


class Connector(Protocol[Taken_contra]):
    """Takes one record over. `system` is the vendor's API below the URL of its connection."""

    async def upsert(self, system: HttpSystem, record: Taken_contra) -> Outcome:
        """Raises ApplicationError."""


class OneByOne(Remote, Generic[R]):
    """A vendor that takes one record at a time."""

    batch = 1

    def __init__(self, system: HttpSystem, connector: Connector[R], kind: type[R], key: str) -> None:
        self._system = system
        self._connector = connector
        self._reader = Reader(kind, key)
        self.key = self._reader.key

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        return [await self._connector.upsert(self._system, self._reader.read(each)) for each in records]


class Reader(Generic[R]):
    """Reads records as a type; what a record has beyond its fields is left alone."""

    def __init__(self, kind: type[R], key: str) -> None:
        self._adapter = TypeAdapter(kind)
        self._key = key

    def key(self, record: Record) -> str | None:
        value = record.get(self._key)
        return None if value is None else str(value)

    def read(self, record: Record) -> R:
        """Raises ValidationError with every wrong field."""
        try:
            return self._adapter.validate_python(record)
        except ValidationError as error:
            found = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Input ')}"
                for each in error.errors(include_url=False)[:5]
            )
            raise validation_error(f"The record does not fit: {found}.") from None


def opening(connector: Callable[[Any], Connector[R]], kind: type[R], key: str) -> Callable[[Any, Connections], Any]:
    """How a Kind opens a vendor that takes one record at a time."""

    @asynccontextmanager
    async def opened(request: Any, connections: Connections) -> AsyncIterator[Destination]:
        async with http_system(connections, "", request.connection) as system:
            yield OneByOne(system, connector(request), kind, key)

    return opened
