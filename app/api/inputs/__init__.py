"""What clients send, one noun a file."""

from app.api.inputs.acts import WorkflowRef
from app.api.inputs.filters import IdFilter, WorkflowFilter
from app.api.inputs.orders import WorkflowOrder
from app.api.inputs.spans import DurationRange, TimeRange
from app.api.inputs.starts import SignalWithStartWorkflowInput, StartWorkflowInput, UpdateWithStartWorkflowInput

__all__ = [
    "DurationRange",
    "IdFilter",
    "SignalWithStartWorkflowInput",
    "StartWorkflowInput",
    "TimeRange",
    "UpdateWithStartWorkflowInput",
    "WorkflowFilter",
    "WorkflowOrder",
    "WorkflowRef",
]
