"""Files of CSV or JSON lines: read row by row from a place that is known to the byte, written so that they can be
gone on with."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import unquote, urlsplit

from app.workflows.failures import not_found_error, validation_error
from app.workflows.outbound import Connections
from app.workflows.sync.ends import Page, Record, Wrong
from app.workflows.sync.model import Outcome
from app.workflows.systems import url_of

Format = Literal["csv", "jsonl"]

_LONGEST_ROW = 1_000_000


def place(connections: Connections, connection: str, path: str) -> Path:
    """A path below the folder of a `file:` connection. Raises ApplicationError for one that leads out of it."""
    folder = Path(unquote(urlsplit(url_of(connections, connection, "file")).path)).resolve()
    found = (folder / path).resolve()
    if not found.is_relative_to(folder) or found == folder:
        raise validation_error(f"{path!r} leads out of the folder of connection {connection!r}.")
    return found


class FileSource:
    """Rows as text for CSV, whose first line names the columns, and as they are for JSON lines.

    A cursor is the byte at which the next row begins.
    """

    def __init__(self, path: Path, shape: Format, name: str) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
        except FileNotFoundError:
            raise not_found_error(f"{name} is not there.") from None
        except (IsADirectoryError, PermissionError) as error:
            raise validation_error(f"{name} cannot be read: {error.strerror}.") from None
        self._shape = shape
        self._name = name
        self._header: list[str] = []
        self._first = 0
        self.mark = self._digest()

    def close(self) -> None:
        self._file.close()

    async def count(self) -> int | None:
        return await asyncio.to_thread(self._count)

    async def page(self, cursor: str | None, limit: int) -> Page:
        return await asyncio.to_thread(self._page, cursor, limit)

    def _digest(self) -> str:
        """Of the beginning and the size: enough to notice that the file is another one."""
        self._file.seek(0)
        beginning = self._file.read(65536)
        return hashlib.sha256(beginning + str(os.fstat(self._file.fileno()).st_size).encode()).hexdigest()[:16]

    def _begin(self) -> None:
        """Read the header, and remember where the rows begin."""
        self._file.seek(0)
        if self._file.read(3) != b"\xef\xbb\xbf":  # a byte order mark is no part of the first column's name
            self._file.seek(0)
        if self._shape == "csv":
            header = next(self._rows(), None)
            if header is None or isinstance(header, Wrong) or not any(header):
                raise validation_error(f"{self._name} must begin with a line that names the columns.")
            if len(set(header)) < len(header):
                raise validation_error(f"{self._name} names a column twice in its first line.")
            self._header = header
        self._first = self._file.tell()

    def _count(self) -> int:
        self._begin()
        return sum(1 for _ in self._rows())

    def _page(self, cursor: str | None, limit: int) -> Page:
        if not self._first and not self._header:
            self._begin()
        self._file.seek(self._first if cursor is None else int(cursor))
        records: list[Record | Wrong] = []
        for row in self._rows():
            records.append(self._record(row))
            if len(records) == limit:
                return Page(records, str(self._file.tell()) if self._more() else None)
        return Page(records, None)

    def _more(self) -> bool:
        at = self._file.tell()
        more = next(self._rows(), None) is not None
        self._file.seek(at)
        return more

    def _rows(self) -> Iterator[Any]:
        """Rows that are not empty; the file stands behind each when it is given."""
        while True:
            try:
                row = self._csv_row() if self._shape == "csv" else self._line()
            except UnicodeDecodeError:
                row = Wrong("", "The row is not UTF-8.")
            if row is None:
                return
            if row:
                yield row

    def _csv_row(self) -> Any:
        """One row, of as many lines as its quotes take; None at the end."""
        lines: list[str] = []

        def fed() -> Iterator[str]:
            while (line := self._line()) is not None:
                lines.append(line)
                if sum(map(len, lines)) > _LONGEST_ROW:
                    raise csv.Error("it is longer than a million characters; is a quote left open?")
                yield line

        try:
            return next(csv.reader(fed(), strict=True), None)
        except csv.Error as error:
            return Wrong("".join(lines), f"The row cannot be read: {error}.")

    def _line(self) -> str | None:
        line = self._file.readline(_LONGEST_ROW)
        return line.decode().rstrip("\r\n") + ("\n" if self._shape == "csv" else "") if line else None

    def _record(self, row: Any) -> Record | Wrong:
        if isinstance(row, Wrong):
            return row
        if self._shape == "csv":
            if len(row) != len(self._header):
                return Wrong(
                    ",".join(row), f"The row has {len(row)} values where there are {len(self._header)} columns."
                )
            # An empty cell is no text of no length: nothing is said of the column.
            return {name: value if value != "" else None for name, value in zip(self._header, row, strict=True)}
        try:
            record = json.loads(row)
        except ValueError as error:
            return Wrong(row, f"The line is no JSON: {error}.")
        return record if isinstance(record, dict) else Wrong(row, "The line is no JSON object.")


class FileDestination:
    """A file that appears under its name when it is whole; until then it is beside it, with `.part` behind."""

    batch = 1000

    def __init__(self, path: Path, shape: Format) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._shape = shape
        self._header: list[str] | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644), "r+b")

    def close(self) -> None:
        self._file.close()

    def key(self, record: Record) -> str | None:
        return None

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        text = io.StringIO(newline="")
        if self._shape == "csv":
            rows = csv.writer(text, lineterminator="\n")
            if self._header is None:
                self._header = list(records[0])
                rows.writerow(self._header)
            rows.writerows([_cell(each) for each in record.values()] for record in records)
        else:
            text.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        await asyncio.to_thread(self._file.write, text.getvalue().encode())
        return ["created"] * len(records)

    async def resume(self, written: int) -> bool:
        if self._file.seek(0, os.SEEK_END) < written:
            return False
        self._file.truncate(written)
        self._file.seek(written)
        self._header = [] if written else None
        return True

    async def settle(self) -> int:
        await asyncio.to_thread(self._keep)
        return self._file.tell()

    async def finish(self) -> None:
        await asyncio.to_thread(self._keep)
        self._part.replace(self._path)

    def _keep(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def _cell(value: Any) -> str:
    """A value in CSV. What a spreadsheet would take for a formula is kept from being one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping | list | bool) else str(value)
