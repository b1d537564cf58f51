"""What a history file tells: `temporal workflow show --output json`, read and drawn without any server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from google.protobuf.json_format import ParseError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from app.errors import ConfigurationError
from app.history import project
from app.model import (
    Activity,
    ExecutionRef,
    Failure,
    Json,
    Payload,
    Phase,
    Projection,
    TimelineItem,
    TimelineKind,
)
from app.protos import values_of


@dataclass(frozen=True)
class Inspection:
    """A history file's run. A file does not tell its namespace, and old ones neither the workflow id: those
    are empty."""

    ref: ExecutionRef
    projection: Projection


def read(path: Path) -> Inspection:
    """Raises ConfigurationError where there is no such file, or it holds no history."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The history file {path} cannot be read: {error.strerror}.") from None
    events = _events(path, content)
    first = events[0].workflow_execution_started_event_attributes
    ref = ExecutionRef("", first.workflow_id, first.original_execution_run_id)
    return Inspection(ref, project(ref, events))


def _events(path: Path, content: bytes) -> Sequence[HistoryEvent]:
    hint = "Export it with `temporal workflow show --output json`."
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"The history file {path} is not JSON: {error}. {hint}") from None
    if isinstance(parsed, list):
        parsed = {"events": parsed}
    if not isinstance(parsed, dict) or not parsed.get("events"):
        raise ConfigurationError(f"The history file {path} holds no events. {hint}")
    try:
        # Event types that are newer than this API version are read as "unspecified" and passed over.
        return WorkflowHistory.from_json("", parsed).events
    except (ParseError, ValueError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        message = f"The history file {path} holds no Temporal events ({reason}). {hint}"
        raise ConfigurationError(message) from None


def render_json(inspection: Inspection) -> str:
    """Run, activities, phases and timeline as JSON, payloads decoded, times in RFC 3339."""
    ref, run = inspection.ref, inspection.projection
    document = {
        "workflowId": ref.workflow_id,
        "runId": ref.run_id,
        "workflowType": run.workflow_type,
        "taskQueue": run.task_queue,
        "status": run.status,
        "startTime": run.start_time,
        "closeTime": run.close_time,
        "durationMs": _milliseconds(run.start_time, run.close_time or run.last_event_time),
        "previousRunId": run.previous_run_id,
        "nextRunId": run.next_run_id,
        "summary": run.summary,
        "input": values_of(run.input),
        "result": _single(run.result),
        "failure": _failure(run.failure),
        "memo": {name: _single((payload,)) for name, payload in run.memo.items()},
        "patches": run.patches,
        "historyLength": run.last_event_id,
        "activities": [_activity(each) for each in run.activities],
        "phases": [_phase(each) for each in run.phases],
        "compensations": [{"name": each.name, "status": each.status} for each in run.compensations],
        "timeline": [_item(each) for each in run.timeline],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _activity(activity: Activity) -> Json:
    return {
        "activityId": activity.activity_id,
        "activityType": activity.activity_type,
        "status": activity.status,
        "attempt": activity.attempt,
        "isLocal": activity.is_local,
        "summary": activity.summary,
        "scheduledTime": activity.scheduled_time,
        "startTime": activity.start_time,
        "closeTime": activity.close_time,
        "durationMs": _milliseconds(activity.start_time, activity.close_time),
        "input": values_of(activity.input),
        "result": _single(activity.result),
        "failure": _failure(activity.failure),
        "lastFailure": _failure(activity.last_failure),
    }


def _phase(phase: Phase) -> Json:
    return {
        "name": phase.name,
        "status": phase.status,
        "startTime": phase.start_time,
        "closeTime": phase.close_time,
        "parallelGroup": phase.parallel_group,
    }


def _item(item: TimelineItem) -> Json:
    return {
        "key": item.key,
        "kind": item.kind,
        "name": item.name,
        "status": item.status,
        "startTime": item.start_time,
        "endTime": item.end_time,
        "lane": item.lane,
        "eventIds": item.event_ids,
        "failure": _failure(item.failure),
        "detail": item.detail,
    }


def _failure(failure: Failure | None) -> Json:
    if failure is None:
        return None
    return {
        "message": failure.message,
        "kind": failure.kind,
        "type": failure.type,
        "timeoutType": failure.timeout_type,
        "details": values_of(failure.details),
        "cause": _failure(failure.cause),
    }


def _single(payloads: Sequence[Payload]) -> Json:
    """SDKs write one result; several are shown as a list."""
    values = values_of(payloads)
    return values[0] if len(values) == 1 else values or None


def _milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() * 1000 if start and end else None


def render_table(inspection: Inspection, width: int = 100) -> str:
    """Header, activities and a Gantt chart, no line wider than `width` characters (at least 60)."""
    width = max(width, 60)
    run = inspection.projection
    sections = [_header(inspection), _activity_table(run), _phase_table(run), _chart(run, width)]
    lines = (line for section in sections if section for line in (*section, ""))
    return "\n".join(_cut(line, width).rstrip() for line in lines)


def _header(inspection: Inspection) -> list[str]:
    ref, run = inspection.ref, inspection.projection
    duration = _span(run.start_time, run.close_time or run.last_event_time)
    lines = [f"{run.workflow_type}  {run.status}  {duration}  {run.last_event_id} events"]
    lines.append(f"id {ref.workflow_id or '?'}  run {ref.run_id or '?'}  queue {run.task_queue}")
    if run.summary:
        lines.append(f"summary: {run.summary}")
    if run.failure:
        lines.append(f"failure: {root_message(run.failure)}")
    if run.workflow_task_failure:
        lines.append(f"workflow task fails: {root_message(run.workflow_task_failure)}")
    return lines


def root_message(failure: Failure) -> str:
    """The innermost cause's message, on one line: what went wrong, without the wrapping."""
    while failure.cause is not None:
        failure = failure.cause
    return " ".join(failure.message.split())


def _activity_table(run: Projection) -> list[str]:
    rows = [("ACTIVITY", "STATUS", "ATTEMPT", "DURATION", "")]
    for each in run.activities:
        name = f"{each.activity_type} (local)" if each.is_local else each.activity_type
        failure = each.failure or each.last_failure
        note = root_message(failure) if failure else each.summary or ""
        rows.append((name, each.status, str(each.attempt), _span(each.scheduled_time, each.close_time), note))
    return _columns(rows) if len(rows) > 1 else []


def _phase_table(run: Projection) -> list[str]:
    rows = [("PHASE", "STATUS", "DURATION")]
    rows += [(each.name, each.status, _span(each.start_time, each.close_time)) for each in run.phases]
    return _columns(rows) if len(rows) > 1 else []


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    rows = [tuple(_cut(cell, 32) for cell in row[:-1]) + row[-1:] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)) for row in rows]


def _chart(run: Projection, width: int) -> list[str]:
    """One line per item, left out the workflow tasks; a bar is drawn to the eighth of a character."""
    items = [item for item in run.timeline if item.kind is not TimelineKind.WORKFLOW_TASK]
    if not items or run.start_time is None:
        return []
    start = min(run.start_time, items[0].start_time)
    end = max([run.last_event_time or start, *(item.end_time for item in items if item.end_time)])
    label = min(max(len(item.name) for item in items), width // 3)
    room = width - label - 26
    lines = [f"{'TIMELINE'.ljust(label)}  {''.ljust(room)}  {_span(start, end).rjust(9)}"]
    for item in items:
        bar = _draw(item.start_time - start, (item.end_time or end) - start, end - start, room)
        span = _span(item.start_time, item.end_time).rjust(9)
        lines.append(f"{_cut(item.name, label).ljust(label)}  {bar}  {span}  {item.status.value.lower()}")
    return lines


EIGHTHS = " ▏▎▍▌▋▊▉█"


def _draw(begin: timedelta, end: timedelta, whole: timedelta, room: int) -> str:
    """A bar from `begin` to `end` of `whole`, at least one mark wide."""
    scale = room * 8 / (whole / timedelta(microseconds=1) or 1)
    first = min(int(begin / timedelta(microseconds=1) * scale) // 8, room - 1)
    size = max(round(end / timedelta(microseconds=1) * scale) - first * 8, 1)
    full, rest = divmod(min(size, (room - first) * 8), 8)
    return f"{' ' * first}{'█' * full}{EIGHTHS[rest] if rest else ''}".ljust(room)


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "-" if start is None else "open"
    seconds = (end - start).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
