"""The log of the lists: which runs changed, in an order in which no reader can miss one.

Transactions commit in another order than they take numbers. A reader that went by number alone would pass
over an entry that commits late. So entries are ordered by transaction, then number, and read only up to the
oldest transaction that may still write: what lies before it is complete for ever. The price is that a long
transaction that writes, anywhere in the Postgres cluster, holds the log back until it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.model import AlertChangeKind, Change, ChangeCursor, ChangeKind
from app.store.database import Database, Row
from app.store.executions import ref_of

_AFTER = """
select changes.xid::text::bigint as xid, position, kind, namespace, workflow_id, run_id, tenant, environment, alert, at,
    changes.xid < pg_snapshot_xmin(pg_current_snapshot()) as is_settled
from changes
where (xid, position) > ($1::text::xid8, $2)
order by changes.xid, position
limit $3
"""

# A database that is restored elsewhere, or copied beside the first, has a log of its own from then on.
_NAME = """
select left(md5(system_identifier || ' ' || oid), 12) from pg_control_system(), pg_database
where datname = current_database()
"""

_CUT = """
with cut as (
    delete from changes where at < now() - $1::interval and xid < pg_snapshot_xmin(pg_current_snapshot())
    returning xid, position
), foreign_entries as (
    -- A dump restored into another cluster brings transactions that have not happened there yet.
    delete from changes where xid >= pg_snapshot_xmax(pg_current_snapshot())
), foreign_cut as (
    delete from changes_cut where xid >= pg_snapshot_xmax(pg_current_snapshot())
), newest as (
    select xid, position from cut order by xid desc, position desc limit 1
), kept as (
    insert into changes_cut as held (xid, position) select xid, position from newest
    on conflict (only_row) do update set xid = excluded.xid, position = excluded.position
    where (excluded.xid, excluded.position) > (held.xid, held.position)
)
select count(*) from cut
"""


@dataclass(frozen=True, slots=True)
class LogPage:
    """The next entries. `is_held` where more has been committed, which an older transaction that is still writing
    holds back: it can be read soon."""

    entries: tuple[Change, ...]
    is_held: bool = False


class Changes:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest_position(self) -> ChangeCursor:
        """A cursor behind everything that has certainly been committed before now: read the lists after
        taking it, then follow the log from it. It may bring entries that the lists already show, never skip
        one."""
        xid: int = await self._database.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return ChangeCursor(xid=xid, position=0)

    async def name(self) -> str:
        """What tells this database's log from every other."""
        name: str = await self._database.fetchval(_NAME)
        return name

    async def page(self, cursor: ChangeCursor, limit: int = 500) -> LogPage:
        """The next entries behind the cursor, at most `limit`, and whether others wait."""
        rows = await self._database.fetch(_AFTER, str(cursor.xid), cursor.position, limit)
        entries = tuple(_change_of(row) for row in rows if row["is_settled"])
        return LogPage(entries, is_held=len(entries) < len(rows))

    async def is_cut(self, cursor: ChangeCursor) -> bool:
        """Whether entries behind the cursor may no longer be in the log: they were cut, or the cursor is of
        another Postgres cluster, from which this database was copied."""
        cut: bool = await self._database.fetchval(
            "select exists (select from changes_cut where (xid, position) > ($1::text::xid8, $2))"
            " or $1::text::xid8 > pg_snapshot_xmax(pg_current_snapshot())",
            str(cursor.xid),
            cursor.position,
        )
        return cut

    async def cut(self, older_than: timedelta) -> int:
        """Drop old entries; returns how many."""
        count: int = await self._database.fetchval(_CUT, older_than)
        return count


def _change_of(row: Row) -> Change:
    return Change(
        position=row["position"],
        kind=ChangeKind(row["kind"]) if row["alert"] is None else AlertChangeKind(row["kind"]),
        ref=ref_of(row),
        time=row["at"],
        xid=row["xid"],
        tenant=row["tenant"],
        environment=row["environment"],
        alert=row["alert"],
    )
