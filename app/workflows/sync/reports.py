"""The error report of a synchronisation: one JSON object a line for each record that was refused."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from app.workflows.sync.model import RecordError


class Report(Protocol):
    async def resume(self, written: int) -> bool: ...
    async def add(self, error: RecordError, record: Any) -> None: ...
    async def settle(self) -> int: ...


class NoReport:
    async def resume(self, written: int) -> bool:
        return True

    async def add(self, error: RecordError, record: Any) -> None:
        return None

    async def settle(self) -> int:
        return 0


class FileReport:
    """Lines of `{"number", "key", "error", "record"}`, with the record as it was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def resume(self, written: int) -> bool:
        """Drop what was written behind the last place that was told of. False when less is there."""
        if self._file.seek(0, os.SEEK_END) < written:
            return False
        self._file.truncate(written)
        self._file.seek(written)
        return True

    async def add(self, error: RecordError, record: Any) -> None:
        line = {"number": error.number, "key": error.key, "error": error.message, "record": record}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")

    async def settle(self) -> int:
        await asyncio.to_thread(self._file.flush)
        return self._file.tell()


@asynccontextmanager
async def report_into(path: Path) -> AsyncIterator[FileReport]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
        yield FileReport(file)
