"""What we ask Temporal to do with schedules. Every function raises as `Temporal.call` does, and Refusal where the
caller can mend it; a repeated request id is one act."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from datetime import datetime

import orjson
from temporalio.api.schedule.v1 import (
    BackfillRequest,
    Schedule,
    SchedulePatch,
    TriggerImmediatelyRequest,
)
from temporalio.api.workflowservice.v1 import (
    CreateScheduleRequest,
    DeleteScheduleRequest,
    DescribeScheduleRequest,
    DescribeScheduleResponse,
    PatchScheduleRequest,
    UpdateScheduleRequest,
)

from app.cluster.schedule import OverlapPolicy
from app.cluster.schedule_change import ScheduleChange
from app.errors import Conflict, NotFound, Refusal
from app.temporal.actions import payload
from app.temporal.connection import TENANT_ATTRIBUTES, Temporal
from app.temporal.schedule_parts import overlap_number, replace_fields, write

ATTEMPTS = 8
_PAUSE = 0.05
_MARK = "tideline-change"
"""A header of the runs that a schedule starts: the last change of the schedule that came through a gateway."""
_NAMESPACE = uuid.UUID("6c9a5d0e-3f1b-4c57-9a55-1d5b52a4cf36")


async def create(
    temporal: Temporal,
    namespace: str,
    schedule_id: str,
    change: ScheduleChange,
    *,
    trigger: bool,
    identity: str,
    request_id: str,
) -> None:
    """Refusal ALREADY_EXISTS where the id is in use."""
    schedule = Schedule()
    write(schedule, change, ())
    request = CreateScheduleRequest(
        namespace=namespace,
        schedule_id=schedule_id,
        schedule=schedule,
        initial_patch=SchedulePatch(trigger_immediately=TriggerImmediatelyRequest()) if trigger else None,
        identity=identity,
        request_id=request_id,
    )
    replace_fields(request.memo.fields, change.memo or {}, ())
    replace_fields(request.search_attributes.indexed_fields, change.search_attributes or {}, ())
    try:
        await temporal.call("create_schedule", request)
    except Conflict as error:
        raise Refusal(
            "ALREADY_EXISTS",
            f"Schedule id {schedule_id!r} is in use. Choose another id, or update the schedule that has it.",
            path=("scheduleId",),
        ) from error


async def update(
    temporal: Temporal,
    namespace: str,
    schedule_id: str,
    change: ScheduleChange,
    kept_memo: Collection[str],
    *,
    identity: str,
    request_id: str,
) -> None:
    """Read, change and write, again as long as somebody else has written in between; Conflict after some attempts.
    What is given of memos and search attributes replaces all but the keys that are kept and those of the tenant.

    A server drops a write that comes too late without saying so. Every write therefore carries a mark, which tells
    whether it is the one that stands.
    """
    for _ in range(ATTEMPTS):
        found = await _described(temporal, namespace, schedule_id)
        if _mark_of(found) == request_id:
            return
        request = _changed(found, change, kept_memo)
        request.namespace, request.schedule_id, request.identity = namespace, schedule_id, identity
        request.conflict_token = found.conflict_token
        request.request_id = str(uuid.uuid5(_NAMESPACE, f"{request_id} {found.conflict_token.hex()}"))
        request.schedule.action.start_workflow.header.fields[_MARK].CopyFrom(payload(request_id))
        try:
            await temporal.call("update_schedule", request)
        except NotFound as error:
            raise unknown(schedule_id) from error
        except Conflict as error:
            _refuse_memo(error, request)
            continue
        if await _stands(temporal, namespace, schedule_id, found.conflict_token, request_id):
            return
    raise Conflict(f"Schedule {schedule_id!r} is being changed by others all the time. Send the update again.")


def _changed(
    found: DescribeScheduleResponse, change: ScheduleChange, kept_memo: Collection[str]
) -> UpdateScheduleRequest:
    request = UpdateScheduleRequest(schedule=found.schedule)
    write(request.schedule, change, kept_memo)
    if change.memo is not None:
        request.memo.CopyFrom(found.memo)
        replace_fields(request.memo.fields, change.memo, kept_memo)
    if change.search_attributes is not None:
        request.search_attributes.CopyFrom(found.search_attributes)
        replace_fields(request.search_attributes.indexed_fields, change.search_attributes, TENANT_ATTRIBUTES)
    return request


async def _stands(temporal: Temporal, namespace: str, schedule_id: str, token: bytes, request_id: str) -> bool:
    """Whether our write is the one that followed the state of this token; the server takes writes one by one."""
    clock = asyncio.get_running_loop()
    until = clock.time() + temporal.timeout
    while clock.time() < until:
        found = await _described(temporal, namespace, schedule_id)
        if found.conflict_token != token or _mark_of(found) == request_id:
            return _mark_of(found) == request_id
        await asyncio.sleep(_PAUSE)
    return False


def _mark_of(found: DescribeScheduleResponse) -> str | None:
    fields = found.schedule.action.start_workflow.header.fields
    mark = orjson.loads(fields[_MARK].data) if _MARK in fields else None
    return mark if isinstance(mark, str) else None


def _refuse_memo(error: Conflict, request: UpdateScheduleRequest) -> None:
    if request.HasField("memo") and "memo" in error.message.lower():
        message = (
            "This Temporal server cannot change the memo of a schedule. Leave memo out, or create the schedule anew."
        )
        raise Refusal("NOT_SUPPORTED", message, path=("memo",)) from error


async def pause(
    temporal: Temporal, namespace: str, schedule_id: str, notes: str, *, identity: str, request_id: str
) -> None:
    await _patch(temporal, namespace, schedule_id, SchedulePatch(pause=notes), identity, request_id)


async def unpause(
    temporal: Temporal, namespace: str, schedule_id: str, notes: str, *, identity: str, request_id: str
) -> None:
    await _patch(temporal, namespace, schedule_id, SchedulePatch(unpause=notes), identity, request_id)


async def trigger(
    temporal: Temporal,
    namespace: str,
    schedule_id: str,
    overlap: OverlapPolicy | None,
    *,
    identity: str,
    request_id: str,
) -> None:
    """Start a run now, whatever the schedule says."""
    patch = SchedulePatch(trigger_immediately=TriggerImmediatelyRequest(overlap_policy=overlap_number(overlap)))
    await _patch(temporal, namespace, schedule_id, patch, identity, request_id)


async def backfill(
    temporal: Temporal,
    namespace: str,
    schedule_id: str,
    start: datetime,
    end: datetime,
    overlap: OverlapPolicy | None,
    *,
    identity: str,
    request_id: str,
) -> None:
    """Start the runs that would have been due from `start` to `end`, both within."""
    wanted = BackfillRequest(overlap_policy=overlap_number(overlap))
    wanted.start_time.FromDatetime(start)
    wanted.end_time.FromDatetime(end)
    await _patch(temporal, namespace, schedule_id, SchedulePatch(backfill_request=[wanted]), identity, request_id)


async def delete(temporal: Temporal, namespace: str, schedule_id: str, *, identity: str) -> None:
    request = DeleteScheduleRequest(namespace=namespace, schedule_id=schedule_id, identity=identity)
    try:
        await temporal.call("delete_schedule", request)
    except NotFound as error:
        raise unknown(schedule_id) from error


async def _patch(
    temporal: Temporal, namespace: str, schedule_id: str, patch: SchedulePatch, identity: str, request_id: str
) -> None:
    request = PatchScheduleRequest(
        namespace=namespace, schedule_id=schedule_id, patch=patch, identity=identity, request_id=request_id
    )
    try:
        await temporal.call("patch_schedule", request)
    except NotFound as error:
        raise unknown(schedule_id) from error


async def _described(temporal: Temporal, namespace: str, schedule_id: str) -> DescribeScheduleResponse:
    request = DescribeScheduleRequest(namespace=namespace, schedule_id=schedule_id)
    try:
        response: DescribeScheduleResponse = await temporal.call("describe_schedule", request)
    except NotFound as error:
        raise unknown(schedule_id) from error
    return response


def unknown(schedule_id: str) -> Refusal:
    """Also for what belongs to somebody else, in the same words."""
    return Refusal("NOT_FOUND", f"There is no schedule {schedule_id!r}.", path=("scheduleId",))
