"""The change log, read once nothing holds it back."""

from __future__ import annotations

from functools import partial

from app.model import Change, ChangeCursor
from app.store import Changes, Database
from tests.waiting import eventually

START = ChangeCursor(0, 0)


async def entries(db: Database, after: ChangeCursor = START, limit: int = 10_000) -> list[Change]:
    """What has been committed behind the cursor. Postgres' own upkeep, such as autovacuum, writes too, and holds the
    log back for a moment."""
    page = await eventually(partial(Changes(db).page, after, limit), lambda page: not page.is_held)
    return list(page.entries)
