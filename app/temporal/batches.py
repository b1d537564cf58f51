"""What we ask Temporal about batch jobs. Every function raises as `Temporal.call` does, and NotSupported with the
version that is needed."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.enums.v1 import BatchOperationState, BatchOperationType
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    DescribeBatchOperationResponse,
    ListBatchOperationsRequest,
    ListBatchOperationsResponse,
)

from app.cluster import Batch, BatchState
from app.errors import NotFound
from app.protos import time_of
from app.temporal.connection import NotSupported, Temporal
from app.temporal.pages import needs

_SINCE = "1.18"


async def list_batches(
    temporal: Temporal, namespace: str, page_size: int, token: bytes = b""
) -> tuple[Sequence[Batch], bytes]:
    """One page in the order of visibility, and the token of the next (empty at the end)."""
    request = ListBatchOperationsRequest(namespace=namespace, page_size=page_size, next_page_token=token)
    try:
        response: ListBatchOperationsResponse = await temporal.call("list_batch_operations", request)
    except NotSupported as error:
        raise needs(error, "Batch operations", _SINCE) from error
    found = [
        Batch(
            namespace=namespace,
            job_id=each.job_id,
            state=_state(each.state),
            operation=_operation(each.operation_type),
            start_time=time_of(each.start_time),
            close_time=time_of(each.close_time),
        )
        for each in response.operation_info
    ]
    return found, response.next_page_token


async def describe_batch(temporal: Temporal, namespace: str, job_id: str) -> Batch:
    """Everything of one job, with its counts; NotFound where there is none."""
    request = DescribeBatchOperationRequest(namespace=namespace, job_id=job_id)
    try:
        response: DescribeBatchOperationResponse = await temporal.call("describe_batch_operation", request)
    except NotSupported as error:
        raise needs(error, "Batch operations", _SINCE) from error
    except NotFound as error:
        raise NotFound(f"There is no batch operation {job_id!r}.", path=("jobId",)) from error
    return Batch(
        namespace=namespace,
        job_id=job_id,
        state=_state(response.state),
        operation=_operation(response.operation_type),
        start_time=time_of(response.start_time),
        close_time=time_of(response.close_time),
        identity=response.identity or None,
        reason=response.reason or None,
        query=response.query or None,
        total=response.total_operation_count,
        completed=response.complete_operation_count,
        failed=response.failure_operation_count,
    )


def _state(number: BatchOperationState.ValueType) -> BatchState:
    try:
        return BatchState(BatchOperationState.Name(number).removeprefix("BATCH_OPERATION_STATE_"))
    except ValueError:
        return BatchState.UNKNOWN


def _operation(number: BatchOperationType.ValueType) -> str:
    """Temporal's name; `UNKNOWN_n` for an operation that is newer than this API version."""
    try:
        return BatchOperationType.Name(number).removeprefix("BATCH_OPERATION_TYPE_")
    except ValueError:
        return f"UNKNOWN_{number}"
