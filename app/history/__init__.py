"""What a run's history says: events in, `model.Projection` out. Pure: no clock, no input, no output."""

from app.history.events import event_attributes, event_type_name
from app.history.lanes import assign_lanes
from app.history.lines import human_line
from app.history.naming import FromEvents, FromProjection, Names, referred_by
from app.history.pending import with_pending
from app.history.projector import Projector, project

__all__ = [
    "FromEvents",
    "FromProjection",
    "Names",
    "Projector",
    "assign_lanes",
    "event_attributes",
    "event_type_name",
    "human_line",
    "project",
    "referred_by",
    "with_pending",
]
