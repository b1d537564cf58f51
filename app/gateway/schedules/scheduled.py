"""PURE. The workflow that a schedule starts: what is wrong with it, and what the registry adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from app.cluster import AttributeType, Schedule, ScheduleAction
from app.cluster.schedule_change import ActionChange, ScheduleChange
from app.errors import BadUserInput, Refusal
from app.gateway.names import MAX_NAME, wrong_name
from app.gateway.schedules.timetable import invalid, wrong_bounds, wrong_policies, wrong_spec, wrong_state
from app.gateway.starting.wanted import RESERVED_MEMO, StartWanted, tenant_of, wrong, wrong_attributes
from app.model import Json
from app.registry import WorkflowDefinition

MAX_SCHEDULE_ID = MAX_NAME - len("temporal-sys-scheduler:")
"""Bytes: a schedule is a workflow of the server, whose id begins with this."""
MAX_RUNS_ID = MAX_NAME - len("-2026-11-01T00:00:00Z")
"""Bytes: the ids of a schedule's runs end with the time they were due."""
_START_FIELDS = frozenset(each.name for each in fields(StartWanted))
AttributeTypes = Mapping[str, AttributeType]
"""The search attributes that the namespace has."""


def wrong_creation(
    schedule_id: str, change: ScheduleChange, definition: WorkflowDefinition | None, known: AttributeTypes, part: str
) -> Iterator[Refusal]:
    """Everything that is wrong with a new schedule. `part` stands before its id, and before those of its runs."""
    yield from wrong_schedule_id(schedule_id, part)
    yield from _wrong(change, known)
    yield from wrong_bounds(change.spec.get("start_time"), change.spec.get("end_time"), ("spec", "endTime"))
    yield from wrong_runs_id(change.action, part)
    yield from _wrong_start(change.action, definition)
    yield from _wrong_input(change.action, definition)


def wrong_update(
    schedule: Schedule,
    change: ScheduleChange,
    definition: WorkflowDefinition | None,
    action: ActionChange,
    known: AttributeTypes,
    part: str,
) -> Iterator[Refusal]:
    """Everything that is wrong with a change; `action` is the whole of what is started after it."""
    yield from _wrong(change, known)
    bounds = {"start_time": schedule.spec.start_time, "end_time": schedule.spec.end_time} | change.spec
    at_fault = "endTime" if "end_time" in change.spec else "startTime"
    yield from wrong_bounds(bounds["start_time"], bounds["end_time"], ("spec", at_fault))
    if change.action:
        yield from wrong_runs_id(change.action, part)
        yield from _wrong_start(action, definition)
    if change.action.keys() & {"workflow_type", "input"}:
        yield from _wrong_input(action, definition)
        yield from _wrong_owner(schedule, definition, action.get("input", ()))


def wrong_schedule_id(schedule_id: str, part: str) -> Iterator[Refusal]:
    if refusal := wrong_name(schedule_id, "scheduleId", most=MAX_SCHEDULE_ID - len(part.encode())):
        yield refusal


def wrong_runs_id(change: ActionChange, part: str) -> Iterator[Refusal]:
    workflow_id, most = change.get("workflow_id"), MAX_RUNS_ID - len(part.encode())
    if workflow_id is not None and (refusal := wrong_name(workflow_id, "action", "workflowId", most=most)):
        yield refusal


def _wrong(change: ScheduleChange, known: AttributeTypes) -> Iterator[Refusal]:
    yield from wrong_spec(change.spec)
    yield from wrong_policies(change.policies)
    yield from wrong_state(change.state)
    for key in RESERVED_MEMO:
        if key in (change.memo or {}):
            yield invalid(f"memo.{key} is written by Tideline itself. Choose another key.", "memo", key)
    yield from wrong_attributes(change.search_attributes or {}, known)
    yield from map(_of_action, wrong_attributes(change.action.get("search_attributes", {}), known))


def _wrong_start(action: ActionChange, definition: WorkflowDefinition | None) -> Iterator[Refusal]:
    """As a start is checked."""
    if definition is not None and definition.for_platform:
        yield invalid(
            f"Runs of {definition.name} are made one by one: they cannot be scheduled.", "action", "workflowType"
        )
    given: dict[str, Any] = {name: value for name, value in action.items() if name in _START_FIELDS}
    # The ids of its runs are made of the schedule's own, and have another bound.
    wanted = StartWanted(**{"workflow_type": "", **given, "workflow_id": "scheduled"})
    yield from map(_of_action, wrong(wanted, definition))


def _of_action(refusal: Refusal) -> Refusal:
    return Refusal(refusal.reason, refusal.message, path=("action", *refusal.path))


def _wrong_input(action: ActionChange, definition: WorkflowDefinition | None) -> Iterator[Refusal]:
    for problem in definition.problems(action.get("input", ())) if definition else ():
        yield invalid(problem.message, "action", "input", *problem.path)


def _wrong_owner(schedule: Schedule, definition: WorkflowDefinition | None, args: Sequence[Json]) -> Iterator[Refusal]:
    """A schedule stays with its tenant, whatever its workflow's input is changed to."""
    named = tenant_of(definition, args)
    names = (definition.tenant_field, definition.environment_field) if definition else (None, None)
    for value, own, field in zip(named, (schedule.tenant, schedule.environment), names, strict=True):
        if value is not None and own is not None and value != own:
            yield invalid(
                f"{field} is {value!r}, but the schedule belongs to {own!r}.", "action", "input", 0, field or ""
            )


def after(known: ScheduleAction, change: ActionChange, args: Sequence[Json]) -> ActionChange:
    """What is started after a change, as far as it is checked."""
    return {
        "workflow_type": known.workflow_type,
        "workflow_id": known.workflow_id,
        "task_queue": known.task_queue,
        "input": args,
        **change,
    }


def completed(
    change: ActionChange, definition: WorkflowDefinition | None, workflow_id: str | None = None
) -> ActionChange:
    """The change with what the registry says where its caller does not. `workflow_id` is what a new schedule's runs
    are called after; None for a schedule that has its name."""
    whole = change.copy()
    if definition is not None and not change.get("task_queue") and {"workflow_type", "task_queue"} & change.keys():
        whole["task_queue"] = definition.task_queue
    if workflow_id is not None:
        whole["workflow_id"] = change.get("workflow_id") or workflow_id
        if definition is not None:
            whole["memo"] = {**definition.memo, **change.get("memo", {})}
            whole["execution_timeout"] = change.get("execution_timeout") or definition.execution_timeout
            whole["run_timeout"] = change.get("run_timeout") or definition.run_timeout
            whole["task_timeout"] = change.get("task_timeout") or definition.task_timeout
            whole["retry_policy"] = change.get("retry_policy") or definition.retry_policy
    elif "workflow_id" in whole and not whole["workflow_id"]:
        del whole["workflow_id"]
    return whole


def located(error: BadUserInput, change: ScheduleChange) -> Refusal:
    """The server's refusal at the field that it speaks of, as far as its words tell."""
    _, is_spec, said = error.message.partition("Invalid schedule spec: ")
    cron = change.spec.get("cron", ())
    if not is_spec:
        return invalid(error.message)
    if not cron:
        return invalid(f"spec: {said}", "spec")
    return invalid(f"spec.cron: {said}", "spec", "cron", *([0] if len(cron) == 1 else []))
