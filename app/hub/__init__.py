"""Following runs: one watch per run, one cursor per subscriber.

The log of a run is its Temporal history. A `Run` folds it; a `Watch` keeps a run folded while somebody looks, with
one long poll however many do; the streams are cursors over the log that the watch wakes. A watch holds only recent
events: a subscriber that is further behind reads the log itself.
"""

from app.hub.hub import Hub
from app.hub.streams import EventStep, ProgressStep, StateStep

__all__ = ["EventStep", "Hub", "ProgressStep", "StateStep"]
