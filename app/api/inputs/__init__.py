"""What clients send, one noun a file."""

from app.api.inputs.acts import CancelWorkflowInput, SignalWorkflowInput, WorkflowRef
from app.api.inputs.filters import IdFilter, WorkflowFilter
from app.api.inputs.orders import WorkflowOrder
from app.api.inputs.spans import DurationRange, TimeRange
from app.api.inputs.starts import SignalWithStartWorkflowInput, StartWorkflowInput, UpdateWithStartWorkflowInput

__all__ = [
    "CancelWorkflowInput",
    "DurationRange",
    "IdFilter",
    "SignalWithStartWorkflowInput",
    "SignalWorkflowInput",
    "StartWorkflowInput",
    "TimeRange",
    "UpdateWithStartWorkflowInput",
    "WorkflowFilter",
    "WorkflowOrder",
    "WorkflowRef",
]
