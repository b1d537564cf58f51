"""Workflow queries: questions that a worker answers from a run's state."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from temporalio.api.common.v1 import Payload as PayloadProto
from temporalio.api.common.v1 import Payloads as PayloadsProto
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest, QueryWorkflowResponse

from app.errors import BadUserInput, Conflict, DeadlineExceeded, RateLimited, TidelineError
from app.model import ExecutionRef, Json
from app.protos import payloads_of
from app.temporal.connection import Temporal

METADATA = "__temporal_workflow_metadata"
STACK_TRACE = "__stack_trace"


class QueryFailed(TidelineError):
    """The workflow, or its worker, answered a query with a failure."""

    code = "QUERY_FAILED"


async def query(temporal: Temporal, ref: ExecutionRef, name: str, arguments: Sequence[Json] = ()) -> list[Json]:
    """What a worker answers, decoded: usually one value.

    Raises QueryFailed where it answers with a failure, as to a query that the workflow does not have;
    DeadlineExceeded where no worker answers in the time of a call; else as `Temporal.call` does.
    """
    request = QueryWorkflowRequest(
        namespace=ref.namespace,
        execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
        query=WorkflowQuery(query_type=name, query_args=PayloadsProto(payloads=[_payload(each) for each in arguments])),
    )
    try:
        response: QueryWorkflowResponse = await temporal.call("query_workflow", request, retry=False)
    except DeadlineExceeded as error:
        raise unanswered(temporal, ref) from error
    except RateLimited as error:
        raise RateLimited(
            f"Temporal takes no more queries of workflow {ref.workflow_id!r} while others wait for its worker."
            " Try again later."
        ) from error
    except (BadUserInput, Conflict) as error:
        raise QueryFailed(f"Query {name!r} of workflow {ref.workflow_id!r} failed: {error.message}") from error
    if response.HasField("query_rejected"):
        status = WorkflowExecutionStatus.Name(response.query_rejected.status)
        raise QueryFailed(f"Query {name!r} of workflow {ref.workflow_id!r} was rejected: its status is {status}.")
    return await temporal.payloads.values(ref.namespace, payloads_of(response.query_result))


async def metadata(temporal: Temporal, ref: ExecutionRef) -> WorkflowMetadata:
    """What the workflow declares and says of itself now; raises as `query` does."""
    answer = await query(temporal, ref, METADATA)
    try:
        return ParseDict(answer[0] if answer else {}, WorkflowMetadata(), ignore_unknown_fields=True)
    except ParseError as error:
        raise QueryFailed(f"The worker of {ref.workflow_id!r} described the workflow in a way unknown here.") from error


def unanswered(temporal: Temporal, ref: ExecutionRef) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"No worker answered a query of workflow {ref.workflow_id!r} within {temporal.timeout:g} s."
        " Check that one polls its task queue."
    )


def _payload(value: Json) -> PayloadProto:
    return PayloadProto(metadata={"encoding": b"json/plain"}, data=orjson.dumps(value))
