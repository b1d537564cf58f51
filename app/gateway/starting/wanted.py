"""What a caller wants started, and what is wrong with it before Temporal hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.cluster import AttributeType
from app.errors import Refusal
from app.gateway.names import MAX_NAME, wrong_name
from app.model import Json
from app.model.options import IdConflictPolicy, IdReusePolicy, Priority, StartOptions
from app.registry import WorkflowDefinition
from app.temporal.connection import TENANT_ATTRIBUTES
from app.temporal.earlier import REQUEST_MEMO

MAX_SPAN = 3_155_760_000
"""A hundred years, in seconds."""
MAX_FAIRNESS_KEY = 64
RESERVED_MEMO = ("metadata", "createdBy", "tenant", "environment", REQUEST_MEMO)
"""Keys of the memo that Tideline writes itself."""
RESERVED_ATTRIBUTES = TENANT_ATTRIBUTES
_RESERVED_QUEUES = "/_sys/"
_MEANING = {
    AttributeType.TEXT: "a text",
    AttributeType.KEYWORD: "a text",
    AttributeType.BOOL: "true or false",
    AttributeType.INT: "a whole number of 64 bits",
    AttributeType.DOUBLE: "a number",
    AttributeType.KEYWORD_LIST: "a list of texts",
    AttributeType.DATETIME: "a time with its zone, as RFC 3339 writes it",
    AttributeType.UNKNOWN: "of another type",
}


@dataclass(frozen=True, slots=True)
class StartWanted(StartOptions):
    """What a caller wants started."""

    workflow_type: str
    workflow_id: str | None = None
    task_queue: str | None = None
    namespace: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    problems: tuple[Refusal, ...] = ()
    """What it was asked with and cannot be meant."""


def wrong(wanted: StartWanted, definition: WorkflowDefinition | None) -> list[Refusal]:
    """What is wrong with a start besides its input."""
    found = [*wanted.problems, *_names(wanted)]
    if wanted.workflow_type and definition is None and not wanted.task_queue:
        message = (
            f"Workflow type {wanted.workflow_type!r} is not registered here. Name one that is (see workflowTypes),"
            " or the taskQueue of the workers that know it."
        )
        found.append(_invalid(message, "taskQueue"))
    elif definition is not None and definition.is_ours:
        message = f"Workflow type {wanted.workflow_type!r} is started by Tideline itself, as a part of other mutations."
        found.append(Refusal("NOT_ALLOWED", message, path=("workflowType",)))
    found += [*_spans(wanted), *_policies(wanted), *_priorities(wanted.priority)]
    found += [
        _invalid(f"memo.{key} is written by Tideline itself. Choose another key.", "memo", key)
        for key in RESERVED_MEMO
        if key in wanted.memo
    ]
    return found


def _invalid(message: str, *path: str) -> Refusal:
    return Refusal("INVALID_INPUT", message, path=path)


def _names(wanted: StartWanted) -> Iterator[Refusal]:
    # An id that is made up is the type and a UUID.
    most = MAX_NAME - 40 if wanted.workflow_id is None else MAX_NAME
    found = [wrong_name(wanted.workflow_type, "workflowType", most=most)]
    if wanted.workflow_id is not None:
        found.append(wrong_name(wanted.workflow_id, "workflowId"))
    if wanted.task_queue:
        found.append(wrong_name(wanted.task_queue, "taskQueue"))
        if wanted.task_queue.startswith(_RESERVED_QUEUES):
            yield _invalid(f"taskQueue cannot begin with {_RESERVED_QUEUES}: Temporal keeps these names.", "taskQueue")
    yield from filter(None, found)


def _spans(wanted: StartWanted) -> Iterator[Refusal]:
    for name in ("execution_timeout", "run_timeout", "task_timeout", "start_delay"):
        span = getattr(wanted, name)
        if span is not None and not 0 < span <= MAX_SPAN:
            head, *tail = name.split("_")
            argument = head + "".join(map(str.title, tail)) + "Seconds"
            yield _invalid(f"{argument} must be above 0 and at most {MAX_SPAN}; it is {span:g}.", argument)


def _policies(wanted: StartWanted) -> Iterator[Refusal]:
    closing = wanted.id_conflict_policy is IdConflictPolicy.TERMINATE_EXISTING
    if closing and wanted.id_reuse_policy is IdReusePolicy.REJECT_DUPLICATE:
        message = "idConflictPolicy TERMINATE_EXISTING would close a run whose id REJECT_DUPLICATE then refuses."
        yield _invalid(message, "idConflictPolicy")
    policy = wanted.retry_policy
    if policy is None:
        return
    if not 0 < policy.initial_interval <= MAX_SPAN:
        yield _invalid("initialIntervalSeconds must be above 0.", "retryPolicy", "initialIntervalSeconds")
    if not policy.backoff_coefficient >= 1:
        yield _invalid("backoffCoefficient must be 1 or more.", "retryPolicy", "backoffCoefficient")
    if policy.maximum_interval is not None and not policy.initial_interval <= policy.maximum_interval <= MAX_SPAN:
        message = "maximumIntervalSeconds cannot be below initialIntervalSeconds."
        yield _invalid(message, "retryPolicy", "maximumIntervalSeconds")
    if policy.maximum_attempts is not None and policy.maximum_attempts < 1:
        message = "maximumAttempts must be 1 or more; leave it out for no bound."
        yield _invalid(message, "retryPolicy", "maximumAttempts")


def _priorities(priority: Priority | None) -> Iterator[Refusal]:
    if priority is None:
        return
    if priority.key is not None and not 1 <= priority.key <= 5:
        yield _invalid(f"priority.key is 1, most urgent, to 5; it is {priority.key}.", "priority", "key")
    if priority.fairness_key is not None and len(priority.fairness_key.encode()) > MAX_FAIRNESS_KEY:
        yield _invalid(f"fairnessKey has at most {MAX_FAIRNESS_KEY} bytes.", "priority", "fairnessKey")
    if priority.fairness_weight is not None and not 0.001 <= priority.fairness_weight <= 1000:
        yield _invalid("fairnessWeight is 0.001 to 1000.", "priority", "fairnessWeight")


def wrong_attributes(given: Mapping[str, Json], known: Mapping[str, AttributeType]) -> Iterator[Refusal]:
    """What is wrong with search attributes, where a namespace has those that are `known`."""
    for name, value in given.items():
        type_ = known.get(name)
        if name in RESERVED_ATTRIBUTES:
            yield _invalid(f"{name} is written by Tideline itself.", "searchAttributes", name)
        elif type_ is None:
            has = ", ".join(sorted(known.keys() - RESERVED_ATTRIBUTES)) or "none"
            message = f"The namespace has no custom search attribute {name!r}. It has: {has}."
            yield _invalid(message, "searchAttributes", name)
        elif not fits(value, type_):
            yield _invalid(f"{name} must be {_MEANING[type_]}.", "searchAttributes", name)


def fits(value: Json, type_: AttributeType) -> bool:
    """Whether a search attribute of this type can hold the value; null leaves it unset."""
    if value is None:
        return True
    match type_:
        case AttributeType.TEXT | AttributeType.KEYWORD:
            return isinstance(value, str)
        case AttributeType.BOOL:
            return isinstance(value, bool)
        case AttributeType.INT:
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case AttributeType.DOUBLE:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case AttributeType.KEYWORD_LIST:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case AttributeType.DATETIME:
            return isinstance(value, str) and _is_time(value)
    return True


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def tenant_of(definition: WorkflowDefinition | None, args: Sequence[Json]) -> tuple[str | None, str | None]:
    """The tenant and environment that the input itself names."""
    value = args[0] if args and isinstance(args[0], dict) else {}
    fields = (definition.tenant_field, definition.environment_field) if definition else (None, None)
    tenant, environment = (value.get(name) if name else None for name in fields)
    return tenant, environment
