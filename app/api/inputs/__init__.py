"""What clients send, one noun a file."""

from app.api.inputs.acts import StartWorkflowInput, WorkflowRef
from app.api.inputs.filters import IdFilter, WorkflowFilter
from app.api.inputs.orders import WorkflowOrder
from app.api.inputs.spans import DurationRange, TimeRange

__all__ = [
    "DurationRange",
    "IdFilter",
    "StartWorkflowInput",
    "TimeRange",
    "WorkflowFilter",
    "WorkflowOrder",
    "WorkflowRef",
]
