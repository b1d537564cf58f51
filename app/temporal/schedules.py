"""What we ask Temporal about schedules. Every function raises as `Temporal.call` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import ScheduleOverlapPolicy
from temporalio.api.workflowservice.v1 import (
    CountSchedulesRequest,
    CountSchedulesResponse,
    DescribeScheduleRequest,
    DescribeScheduleResponse,
    ListSchedulesRequest,
    ListSchedulesResponse,
)

from app.cluster import (
    OverlapPolicy,
    Schedule,
    ScheduleAction,
    ScheduleCounts,
    ScheduleDetail,
    SchedulePolicies,
    ScheduleRun,
)
from app.errors import BadUserInput, NotFound
from app.model import ExecutionRef
from app.protos import payloads_of, retry_policy_of, seconds_of, text_of, time_of
from app.temporal.connection import NotSupported, Temporal
from app.temporal.pages import needs
from app.temporal.payloads import slots_of
from app.temporal.rows import attributes_of, fields_of, named, status_of
from app.temporal.specs import spec_of

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Memo, Payload, SearchAttributes
    from temporalio.api.schedule.v1 import ScheduleActionResult, ScheduleInfo, ScheduleListInfo
    from temporalio.api.schedule.v1 import SchedulePolicies as PoliciesProto
    from temporalio.api.schedule.v1 import ScheduleSpec as SpecProto
    from temporalio.api.workflow.v1 import NewWorkflowExecutionInfo

_SINCE = "1.17"


async def list_schedules(
    temporal: Temporal, namespace: str, query: str, page_size: int, token: bytes = b""
) -> tuple[Sequence[Schedule], bytes]:
    """One page in the order of visibility, and the token of the next (empty at the end).

    BadUserInput where `query`, in the language of Temporal's visibility, is none.
    """
    request = ListSchedulesRequest(namespace=namespace, query=query, maximum_page_size=page_size, next_page_token=token)
    try:
        response: ListSchedulesResponse = await temporal.call("list_schedules", request)
    except NotSupported as error:
        raise needs(error, "Schedules", _SINCE) from error
    except BadUserInput as error:
        raise BadUserInput(error.message, path=("query",)) from error
    await temporal.payloads.reveal(namespace, [slot for each in response.schedules for slot in slots_of(each.memo)])
    found = [
        _row(
            temporal, namespace, each.schedule_id, each.info.spec, each.info.workflow_type.name, each.info,
            each.info.paused, each.info.notes, each.memo, each.search_attributes,
        )
        for each in response.schedules
    ]  # fmt: skip
    return found, response.next_page_token


async def count_schedules(temporal: Temporal, namespace: str, query: str) -> int:
    """How many a query finds. NotSupported by servers before 1.31."""
    request = CountSchedulesRequest(namespace=namespace, query=query)
    response: CountSchedulesResponse = await temporal.call("count_schedules", request)
    return response.count


async def describe_schedule(temporal: Temporal, namespace: str, schedule_id: str) -> ScheduleDetail:
    """Everything of one schedule; NotFound where there is none."""
    if not schedule_id:
        # Servers take the empty id for a request that names nothing.
        raise NotFound("There is no schedule ''.", path=("scheduleId",))
    request = DescribeScheduleRequest(namespace=namespace, schedule_id=schedule_id)
    try:
        response: DescribeScheduleResponse = await temporal.call("describe_schedule", request)
    except NotSupported as error:
        raise needs(error, "Schedules", _SINCE) from error
    except NotFound as error:
        raise NotFound(f"There is no schedule {schedule_id!r}.", path=("scheduleId",)) from error
    await temporal.payloads.reveal(namespace, list(_shown_of(response)))
    start, state, info = response.schedule.action.start_workflow, response.schedule.state, response.info
    return ScheduleDetail(
        schedule=_row(
            temporal, namespace, schedule_id, response.schedule.spec, start.workflow_type.name, info,
            state.paused, state.notes, response.memo, response.search_attributes,
        ),
        action=_action(namespace, start),
        policies=_policies(response.schedule.policies),
        counts=ScheduleCounts(
            started=info.action_count,
            missed_catch_up_window=info.missed_catchup_window,
            overlap_skipped=info.overlap_skipped,
            buffer_dropped=info.buffer_dropped,
            buffered=info.buffer_size,
        ),
        remaining_starts=state.remaining_actions if state.limited_actions else None,
        running=tuple(ExecutionRef(namespace, each.workflow_id, each.run_id) for each in info.running_workflows),
        create_time=time_of(info.create_time),
        update_time=time_of(info.update_time),
    )  # fmt: skip


def _shown_of(response: DescribeScheduleResponse) -> Iterator[Payload]:
    """The payloads that are read at once; the input stays as it is."""
    start = response.schedule.action.start_workflow
    for message in (response.memo, start.memo, start.user_metadata):
        yield from slots_of(message)


def _row(
    temporal: Temporal,
    namespace: str,
    schedule_id: str,
    spec: SpecProto,
    workflow_type: str,
    info: ScheduleListInfo | ScheduleInfo,
    paused: bool,
    notes: str,
    memo_proto: Memo,
    attributes_proto: SearchAttributes,
) -> Schedule:
    memo, attributes = fields_of(memo_proto.fields), attributes_of(attributes_proto)
    tenant = named(attributes, memo, "TenantId", "tenant")
    environment = named(attributes, memo, "EnvironmentId", "environment")
    return Schedule(
        namespace=namespace,
        schedule_id=schedule_id,
        spec=spec_of(spec),
        workflow_type=workflow_type,
        paused=paused,
        notes=notes or None,
        tenant=tenant,
        environment=environment or (temporal.tenancy.environment if tenant else None),
        recent_runs=_runs(namespace, info.recent_actions),
        next_times=tuple(time for each in info.future_action_times if (time := time_of(each)) is not None),
        memo=memo,
        search_attributes=attributes,
    )


def _runs(namespace: str, actions: Iterable[ScheduleActionResult]) -> tuple[ScheduleRun, ...]:
    return tuple(
        ScheduleRun(
            ref=ExecutionRef(namespace, each.start_workflow_result.workflow_id, each.start_workflow_result.run_id),
            schedule_time=time_of(each.schedule_time),
            actual_time=time_of(each.actual_time),
            status=status_of(each.start_workflow_status) if each.start_workflow_status else None,
        )
        for each in actions
    )


def _action(namespace: str, proto: NewWorkflowExecutionInfo) -> ScheduleAction:
    return ScheduleAction(
        namespace=namespace,
        workflow_type=proto.workflow_type.name,
        workflow_id=proto.workflow_id,
        task_queue=proto.task_queue.name,
        input=payloads_of(proto.input),
        memo=fields_of(proto.memo.fields),
        search_attributes=attributes_of(proto.search_attributes),
        summary=text_of(proto.user_metadata.summary),
        details=text_of(proto.user_metadata.details),
        execution_timeout=seconds_of(proto.workflow_execution_timeout),
        run_timeout=seconds_of(proto.workflow_run_timeout),
        task_timeout=seconds_of(proto.workflow_task_timeout),
        retry_policy=retry_policy_of(proto.retry_policy) if proto.HasField("retry_policy") else None,
    )


def _policies(proto: PoliciesProto) -> SchedulePolicies:
    return SchedulePolicies(
        overlap=_overlap(proto.overlap_policy),
        catch_up_window=seconds_of(proto.catchup_window) or 0.0,
        pause_on_failure=proto.pause_on_failure,
        keep_original_workflow_id=proto.keep_original_workflow_id,
    )


def _overlap(number: ScheduleOverlapPolicy.ValueType) -> OverlapPolicy:
    """SKIP is what the server does where nothing is said."""
    try:
        return OverlapPolicy(ScheduleOverlapPolicy.Name(number).removeprefix("SCHEDULE_OVERLAP_POLICY_"))
    except ValueError:
        return OverlapPolicy.SKIP
