"""PURE. What is wrong with what billing is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from app.workflows.sync.checks import Problem, address, connection, identifier, tenancy

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_IDENTIFIERS = ("subscription_id", "customer_id", "plan_id", "invoice_id")


def problems(request: Any) -> Iterator[Problem]:
    """Of any input of billing: each field that it has is checked."""
    yield from tenancy(request, *(each for each in _IDENTIFIERS if hasattr(request, each)))
    yield from connection(("books", "connection"), request.books.connection)
    if not _SCHEMA.fullmatch(request.books.schema):
        yield ("books", "schema"), "books.schema must be the name of a schema, of a-z, 0-9 and _."
    for name in ("payments", "notify"):
        if endpoint := getattr(request, name, None):
            yield from address(name, endpoint.url, endpoint.connection)
    for name in ("as_of", "start", "end", "at"):
        time = getattr(request, name, None)
        if time is not None and time.tzinfo is None:
            yield (name,), f"{name} must be a time with its offset."
    yield from _numbers(request)
    yield from _terms(request)


def _numbers(request: Any) -> Iterator[Problem]:
    if not 0 <= getattr(request, "due_days", 0) <= 365:
        yield ("due_days",), f"due_days must be 0 to 365; it is {request.due_days}."
    if not 1 <= getattr(request, "concurrency", 1) <= 100:
        yield ("concurrency",), f"concurrency must be 1 to 100; it is {request.concurrency}."


def _terms(request: Any) -> Iterator[Problem]:
    if not _CURRENCY.fullmatch(getattr(request, "currency", "EUR")):
        yield (
            ("currency",),
            f"currency must be three capital letters, as ISO 4217 has them; it is {request.currency!r}.",
        )
    if getattr(request, "interval", "month") not in {"month", "year"}:
        yield ("interval",), f"interval must be month or year; it is {request.interval!r}."
    if customer := getattr(request, "customer", None):
        yield from identifier(("customer", "customer_id"), customer.customer_id)
        yield from identifier(("customer", "name"), customer.name)
        if not _EMAIL.fullmatch(customer.email):
            yield ("customer", "email"), f"customer.email must be an address of mail; it is {customer.email!r}."
