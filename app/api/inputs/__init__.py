"""What clients send, one noun a file."""

from app.api.inputs.acts import CancelWorkflowInput, SignalWorkflowInput, StartWorkflowInput, WorkflowRef
from app.api.inputs.filters import IdFilter, WorkflowFilter
from app.api.inputs.orders import WorkflowOrder
from app.api.inputs.spans import DurationRange, TimeRange

__all__ = [
    "CancelWorkflowInput",
    "DurationRange",
    "IdFilter",
    "SignalWorkflowInput",
    "StartWorkflowInput",
    "TimeRange",
    "WorkflowFilter",
    "WorkflowOrder",
    "WorkflowRef",
]
