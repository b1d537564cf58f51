"""PURE. What is wrong with an input, before anything is done about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from app.workflows.test_cycle.model import LanguageModel, TestCycleInput
from app.workflows.test_cycle.phases import PHASES, TestCyclePhase

Problem = tuple[tuple[str | int, ...], str]
"""The path of the wrong field, and a sentence that says what it must be."""

_CONNECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_MOST_REPORTS = 50
_LONGEST_ID = 200
_GREATEST_ID = 2**31 - 1


def problems(request: TestCycleInput) -> list[Problem]:
    """Every wrong field with its path; empty when the request can be carried out."""
    return [
        *_identifiers(request),
        *_reports(request),
        *_phases(request),
        *_language_model(request),
        *_mail(request),
        *_bounds(request),
    ]


def _identifiers(request: TestCycleInput) -> Iterator[Problem]:
    for name in ("tenant_id", "environment_id"):
        value = getattr(request, name)
        if not value.strip() or len(value) > _LONGEST_ID or not value.isprintable():
            yield (name,), f"{name} must be 1 to {_LONGEST_ID} printable characters."
    if not 0 < request.cycle_id <= _GREATEST_ID:
        yield ("cycle_id",), f"cycle_id must be a number from 1; it is {request.cycle_id}."
    if not _CONNECTION.fullmatch(request.connection):
        yield ("connection",), _not_a_connection("connection")
    if not _SCHEMA.fullmatch(request.schema_name):
        yield ("schema_name",), f"schema_name must be of a-z, 0-9 and _; it is {request.schema_name!r}."


def _reports(request: TestCycleInput) -> Iterator[Problem]:
    if not 1 <= len(request.report_ids) <= _MOST_REPORTS:
        yield ("report_ids",), f"report_ids must name 1 to {_MOST_REPORTS} reports, not {len(request.report_ids)}."
    for place, report_id in enumerate(request.report_ids):
        if not 0 < report_id <= _GREATEST_ID:
            yield ("report_ids", place), f"A report's id is a number from 1; it is {report_id}."
    for report_id, times in Counter(request.report_ids).items():
        if times > 1:
            yield ("report_ids",), f"Report {report_id} is named {times} times."


def _phases(request: TestCycleInput) -> Iterator[Problem]:
    if len(set(request.skip_phases)) == len(PHASES):
        yield ("skip_phases",), "Every phase is skipped: nothing is left to do."
    if request.language_model is None and TestCyclePhase.PLANNING not in request.skip_phases:
        yield ("language_model",), "Planning needs a language_model. Name one, or skip the phase planning."
    named = Counter(each.phase for each in request.compensations)
    for phase, times in named.items():
        if times > 1:
            yield ("compensations",), f"Phase {phase} has {times} compensations. Give it one."


def _language_model(request: TestCycleInput) -> Iterator[Problem]:
    model = request.language_model
    if model is None:
        return
    if not _CONNECTION.fullmatch(model.connection):
        yield ("language_model", "connection"), _not_a_connection("language_model.connection")
    if not model.model.strip():
        yield ("language_model", "model"), "language_model.model must be a name that the endpoint knows."
    yield from _budget(model)


def _budget(model: LanguageModel) -> Iterator[Problem]:
    if not 1 <= model.timeout_seconds <= 600:
        yield (
            ("language_model", "timeout_seconds"),
            f"language_model.timeout_seconds must be 1 to 600; it is {model.timeout_seconds:g}.",
        )
    if not 1 <= model.max_answer_tokens <= 100_000:
        yield (
            ("language_model", "max_answer_tokens"),
            f"language_model.max_answer_tokens must be 1 to 100000; it is {model.max_answer_tokens}.",
        )
    if not 1 <= model.token_budget <= 10_000_000:
        yield (
            ("language_model", "token_budget"),
            f"language_model.token_budget must be 1 to 10000000; it is {model.token_budget}.",
        )


def _mail(request: TestCycleInput) -> Iterator[Problem]:
    if request.mail is None:
        return
    if not _CONNECTION.fullmatch(request.mail.connection):
        yield ("mail", "connection"), _not_a_connection("mail.connection")
    if not _ADDRESS.fullmatch(request.mail.sender):
        yield ("mail", "sender"), f"mail.sender must be a mail address; it is {request.mail.sender!r}."


def _bounds(request: TestCycleInput) -> Iterator[Problem]:
    if not 0.001 <= request.approval_hours <= 24 * 366:
        yield ("approval_hours",), f"approval_hours must be 0.001 to 8784; it is {request.approval_hours:g}."
    if not 1 <= request.lowest_risk <= 5:
        yield ("lowest_risk",), f"lowest_risk must be 1 to 5; it is {request.lowest_risk}."
    if not 1 <= request.sample_size <= 10_000:
        yield ("sample_size",), f"sample_size must be 1 to 10000; it is {request.sample_size}."


def _not_a_connection(where: str) -> str:
    return f"{where} must be the name of a connection of the worker, of a-z, 0-9, - and _."
