"""How far a run is, and why it is not moving. Pure: the clock comes in as `now`."""

from app.progress.blockers import blockers
from app.progress.sources import activity_progress, progress, progress_at

__all__ = ["activity_progress", "blockers", "progress", "progress_at"]
