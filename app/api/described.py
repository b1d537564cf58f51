"""Things that a list shows in part, and Temporal's describe in whole: described once, when a field asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
Detail = TypeVar("Detail")


class Described(Generic[Row, Detail]):
    """What the list says, and behind `detail` the rest. Fields that it does not have are read from the row."""

    def __init__(self, row: Row, describe: Callable[[], Awaitable[Detail]]) -> None:
        self.row = row
        self._describe = describe
        self._asking: asyncio.Future[Detail] | None = None

    @classmethod
    def known(cls, row: Row, detail: Detail) -> Described[Row, Detail]:
        async def describe() -> Detail:
            return detail

        return cls(row, describe)

    async def detail(self) -> Detail:
        """The whole; every field of one operation that asks for it shares one question."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._describe())
        return await self._asking

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)
