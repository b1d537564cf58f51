"""The index and the archive in Postgres: the only speaker of SQL.

Temporal is the truth. The index holds one row a run and can be rebuilt from Temporal at any time; the archive
keeps the histories of closed runs when Temporal has forgotten them. Whoever writes a row writes its entry of
the change log in the same statement.
"""

from app.store.archive import Archive
from app.store.audit import Audit
from app.store.changes import Changes
from app.store.database import Database
from app.store.executions import Executions
from app.store.listing import Filter, Listing, Position
from app.store.watermarks import Watermarks

__all__ = [
    "Archive",
    "Audit",
    "Changes",
    "Database",
    "Executions",
    "Filter",
    "Listing",
    "Position",
    "Watermarks",
]
