"""What clients send, one noun a file."""

from app.api.inputs.acts import CancelWorkflowInput, SignalWorkflowInput, StartWorkflowInput, WorkflowRef
from app.api.inputs.filters import IdFilter, TimeRange, WorkflowFilter

__all__ = [
    "CancelWorkflowInput",
    "IdFilter",
    "SignalWorkflowInput",
    "StartWorkflowInput",
    "TimeRange",
    "WorkflowFilter",
    "WorkflowRef",
]
