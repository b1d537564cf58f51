"""Rows into a table, whose own types say what each column may hold."""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.workflows.sync.ends import Record, Remote
from app.workflows.sync.model import Outcome
from app.workflows.systems import PostgresSystem, quoted

# The columns of a record that are not given stay as they are, or get their defaults.
_UPSERT = """
with given as (
    select {columns} from jsonb_populate_recordset(null::{table}, $1)
), written as (
    insert into {table} as held ({columns}) select {columns} from given order by {key}
    on conflict ({key}) do {update}
    returning xmax = 0 as created, {key} -- an inserted row has no locker, an updated one has
)
select written.created from given left join written using ({key})
"""


class TableDestination(Remote):
    """Upserts by `tenant_id`, `environment_id` and the columns of the key, which must be the table's primary key or a
    unique index. Whatever a record says of the first two, they are the request's."""

    batch = 100

    def __init__(self, system: PostgresSystem, table: str, key: Sequence[str], tenant: str, environment: str) -> None:
        self._system = system
        self._table = quoted(table)
        self._columns = tuple(key)
        self._key = ("tenant_id", "environment_id", *key)
        self._tenant = {"tenant_id": tenant, "environment_id": environment}

    def key(self, record: Record) -> str | None:
        return "/".join(str(record.get(each)) for each in self._columns)

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for start, end in _runs_of_same_columns(records, self._columns):
            outcomes += await self._write([{**each, **self._tenant} for each in records[start:end]])
        return outcomes

    async def _write(self, records: Sequence[Record]) -> list[Outcome]:
        columns = list(records[0])
        rest = [each for each in columns if each not in self._key]
        held, new = (", ".join(f"{side}.{_name(each)}" for each in rest) for side in ("held", "excluded"))
        assigned = ", ".join(f"{_name(each)} = excluded.{_name(each)}" for each in rest)
        update = f"update set {assigned} where ({held}) is distinct from ({new})" if rest else "nothing"
        query = _UPSERT.format(
            table=self._table,
            columns=", ".join(map(_name, columns)),
            key=", ".join(map(_name, self._key)),
            update=update,
        )
        rows = await self._system.rows(query, json.dumps(records, default=str))
        named: dict[bool | None, Outcome] = {True: "created", False: "updated", None: "unchanged"}
        return [named[row["created"]] for row in rows]


def _runs_of_same_columns(records: Sequence[Record], key: Sequence[str]) -> list[tuple[int, int]]:
    """Spans of records that one statement can write: the same columns, and no key twice."""
    spans: list[tuple[int, int]] = []
    seen: set[tuple[str, ...]] = set()
    for index, record in enumerate(records):
        own = tuple(str(record.get(each)) for each in key)
        if spans and own not in seen and record.keys() == records[spans[-1][0]].keys():
            spans[-1] = spans[-1][0], index + 1
        else:
            spans.append((index, index + 1))
            seen = set()
        seen.add(own)
    return spans


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
