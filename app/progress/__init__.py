"""How far a run is, and why it is not moving. Pure: the clock comes in as `now`."""

from app.progress.blockers import Queue, blockers, unserved
from app.progress.sources import OF_CLOSED, activity_progress, closed_progress, not_below, progress, progress_at

__all__ = [
    "OF_CLOSED",
    "Queue",
    "activity_progress",
    "blockers",
    "closed_progress",
    "not_below",
    "progress",
    "progress_at",
    "unserved",
]
