"""A filter in SQL: conditions on `executions`, and the arguments that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.model import ExecutionRef, Json
from app.store.listing.filter import Filter, JsonValue, Match

NEVER = "false"
_BETWEEN_WORDS = re.compile(r"[\x00-\x20\s!-/:-@\[-`{-~]+")
_NUMBER = re.compile(r"\s*[+-]?\d+")
_LONGEST_WORD = 64
"""As `search_words` in the database cuts them."""
_FEWEST_LETTERS = 3
"""As `trigrams` in the database takes them."""


class Conditions:
    """Conditions joined by `and`, and the arguments that they name."""

    def __init__(self, arguments: list[Any] | None = None) -> None:
        self.arguments: list[Any] = [] if arguments is None else arguments
        self._conditions: list[str] = []

    def add(self, template: str, *values: Any) -> None:
        """A condition with one `{}` for each value."""
        # Postgres has no text with U+0000, so that none of its own can match.
        if any(isinstance(value, str) and "\0" in value for value in values):
            self._conditions.append(NEVER)
            return
        self._conditions.append(template.format(*(self.name(value) for value in values)))

    def name(self, value: Any) -> str:
        """The parameter that stands for this value from now on."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def any_of(self, column: str, values: Sequence[str]) -> None:
        # Equality, unlike `any`, lets an index on (column, start_time) give the order too.
        if len(values) == 1:
            self.add(f"{column} = {{}}", values[0])
        elif values:
            self.add(f"{column} = any({{}})", [value for value in values if "\0" not in value])

    def within(self) -> Conditions:
        """Conditions of a part, which shares the arguments."""
        return Conditions(self.arguments)

    @property
    def all(self) -> str:
        """Always something, so that it can stand in parentheses."""
        return " and ".join(self._conditions) or "true"

    @property
    def where(self) -> str:
        return f"where {self.all}" if self._conditions else ""


_COMPARED = (
    ("tenant", "tenant = {}"),
    ("environment", "environment = {}"),
    ("workflow_id", "workflow_id = {}"),
    ("workflow_id_prefix", "workflow_id ^@ {}"),
    ("run_id", "run_id = {}"),
    ("first_run_id", "first_run_id = {}"),
    ("started_after", "start_time >= {}"),
    ("started_before", "start_time < {}"),
    ("executed_after", "execution_time >= {}"),
    ("executed_before", "execution_time < {}"),
    ("closed_after", "close_time >= {}"),
    ("closed_before", "close_time < {}"),
    ("failure_type", "failure_type = {}"),
    ("failure_message_contains", "strpos(lower(failure_message), lower({})) > 0"),
)
_LISTED = (
    ("namespaces", "namespace"),
    ("workflow_types", "workflow_type"),
    ("statuses", "status"),
    ("task_queues", "task_queue"),
    ("created_by", "created_by"),
)
# Open alerts are few: the list of them is cheap, and a semi-join against it too.
_ALERTED = (
    "(namespace, workflow_id, run_id) in"
    " (select namespace, workflow_id, run_id from alerts where resolved_at is null and run_id is not null)"
)
_SWITCHED = (
    ("alerted", _ALERTED, f"not ({_ALERTED})"),
    ("is_root", "parent_workflow_id is null", "parent_workflow_id is not null"),
    (
        "failed",
        "(failure_type is not null or failure_message is not null)",
        "failure_type is null and failure_message is null",
    ),
)


def conditions_of(filter_: Filter, conditions: Conditions | None = None) -> Conditions:
    conditions = conditions or Conditions()
    for name, template in _COMPARED:
        if (value := getattr(filter_, name)) is not None:
            conditions.add(template, value)
    for name, column in _LISTED:
        conditions.any_of(column, getattr(filter_, name))
    for name, yes, no in _SWITCHED:
        if (wanted := getattr(filter_, name)) is not None:
            conditions.add(yes if wanted else no)
    _relatives(conditions, filter_)
    _durations(conditions, filter_)
    if filter_.metadata:
        conditions.add("metadata @> {}", filter_.metadata)
    for value in filter_.values:
        _json(conditions, value)
    if filter_.words is not None:
        _words(conditions, filter_.words)
    if filter_.workflow_id_contains is not None:
        _part_of_id(conditions, filter_.workflow_id_contains)
    _combined(conditions, filter_)
    return conditions


def _relatives(conditions: Conditions, filter_: Filter) -> None:
    if filter_.parent is not None:
        conditions.add("(namespace, parent_workflow_id, parent_run_id) = ({}, {}, {})", *_parts(filter_.parent))
    if (root := filter_.root) is not None:
        conditions.add("namespace = {}", root.namespace)
        conditions.add(
            "((root_workflow_id, root_run_id) = ({}, {}) or (workflow_id, run_id) = ({}, {}))",
            *_parts(root)[1:],
            *_parts(root)[1:],
        )


def _parts(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


def _durations(conditions: Conditions, filter_: Filter) -> None:
    # An open run is compared by its start, so that an index can find both kinds.
    if filter_.longer_than is not None:
        conditions.add(
            "(duration >= {} or close_time is null and start_time <= now() - make_interval(secs => {}))",
            filter_.longer_than,
            filter_.longer_than,
        )
    if filter_.shorter_than is not None:
        conditions.add(
            "(duration <= {} or close_time is null and start_time >= now() - make_interval(secs => {}))",
            filter_.shorter_than,
            filter_.shorter_than,
        )


def _json(conditions: Conditions, wanted: JsonValue) -> None:
    column, path = wanted.column.value, list(wanted.path)
    if any("\0" in step for step in path):
        conditions.add("true" if wanted.match is Match.ABSENT else NEVER)
        return
    match wanted.match:
        case Match.EXISTS:
            conditions.add(_exists(conditions, column, path))
        case Match.ABSENT:
            conditions.add(f"({_exists(conditions, column, path)}) is not true")
        case Match.EQUALS:
            # The first finds it by the index, the second holds it to the whole value.
            value = _nested(path, wanted.value)
            conditions.add(f"{column} @> {{}}", value)
            conditions.add(f"{column} #> {{}}::text[] = {{}}::jsonb #> {{}}::text[]", path, value, path)
        case Match.CONTAINS:
            conditions.add(
                f"({column} @> {{}} or {column} @> {{}})",
                _nested(path, wanted.value),
                _nested(path, [wanted.value]),
            )


def _exists(conditions: Conditions, column: str, path: Sequence[str]) -> str:
    there = conditions.within()
    there.add(f"{column} #> {{}}::text[] is not null", list(path))
    for place in range(1, len(path)):
        # Such a step would lead into a list as well.
        if _NUMBER.fullmatch(path[place]):
            there.add(f"jsonb_typeof({column} #> {{}}::text[]) = 'object'", list(path[:place]))
    return there.all


def _nested(path: Sequence[str], value: Json) -> Json:
    for step in reversed(path):
        value = {step: value}
    return value


def _words(conditions: Conditions, text: str) -> None:
    words = [word for word in _BETWEEN_WORDS.split(text) if word]
    if words:
        conditions.add("words @@ lower({})::tsquery", " & ".join(f"'{word[:_LONGEST_WORD]}':*" for word in words))


def _part_of_id(conditions: Conditions, text: str) -> None:
    conditions.add("strpos(workflow_id, {}) > 0", text)
    if len(text) >= _FEWEST_LETTERS:
        # Finds it by the index, which knows of three letters in a row.
        conditions.add("trigrams(workflow_id) @> trigrams({})", text)


def _combined(conditions: Conditions, filter_: Filter) -> None:
    for each in filter_.every:
        conditions.add(_part(conditions, each))
    for each in filter_.none:
        # What is unknown of a run, such as its close time, does not hold for it.
        conditions.add(f"({_part(conditions, each)}) is not true")
    if filter_.any is not None:
        conditions.add(f"({' or '.join(_part(conditions, each) for each in filter_.any) or NEVER})")


def _part(conditions: Conditions, filter_: Filter) -> str:
    return f"({conditions_of(filter_, conditions.within()).all})"
