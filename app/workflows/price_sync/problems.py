"""PURE. What is wrong with a request, before anything is done about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.workflows.price_sync.model import PriceDestination, PriceSource, PriceSyncInput

Problem = tuple[tuple[str | int, ...], str]
"""The path of the wrong field, and a sentence that says what it must be."""

_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
_CONNECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LONGEST_ID = 200


def problems(request: PriceSyncInput) -> list[Problem]:
    """Every wrong field with its path; empty when the request can be carried out."""
    return [
        *_identifiers(request),
        *_source(request.source),
        *_destination(request.destination),
        *_pace(request),
    ]


def _identifiers(request: PriceSyncInput) -> Iterator[Problem]:
    for name in ("plan_id", "tenant_id", "environment_id"):
        value = getattr(request, name)
        if not value.strip():
            yield (name,), f"{name} must not be empty."
        elif len(value) > _LONGEST_ID or not value.isprintable():
            yield (name,), f"{name} must be at most {_LONGEST_ID} printable characters."


def _source(source: PriceSource) -> Iterator[Problem]:
    if source.kind == "http":
        yield from _address("source", source)
    else:
        yield from _connection("source", source.connection)
        yield from _table("source", "table", source.table)


def _destination(destination: PriceDestination) -> Iterator[Problem]:
    if destination.kind == "http":
        yield from _address("destination", destination)
        return
    yield from _connection("destination", destination.connection)
    yield from _table("destination", "table", destination.table)
    yield from _table("destination", "subscriptions", destination.subscriptions)


def _address(end: str, system: PriceSource | PriceDestination) -> Iterator[Problem]:
    if system.connection is not None:
        yield from _connection(end, system.connection)
        if not (system.url or "").startswith("/") or (system.url or "").startswith("//"):
            yield (
                (end, "url"),
                f"{end}.url must be a path such as /v1/prices, since {end}.connection names the host.",
            )
        return
    try:
        parts = urlsplit(system.url or "")
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield (end, "url"), f"{end}.url is no URL."
        return
    if not usable:
        yield (end, "url"), f"{end}.url must be an http or https URL when kind is http."
    elif "@" in parts.netloc:
        yield (
            (end, "url"),
            f"{end}.url must not carry credentials, which the history would keep: name a connection instead.",
        )


def _connection(end: str, name: str | None) -> Iterator[Problem]:
    if not _CONNECTION.fullmatch(name or ""):
        yield (
            (end, "connection"),
            f"{end}.connection must be the name of a connection of the worker, of a-z, 0-9, - and _.",
        )


def _table(end: str, field: str, name: str | None) -> Iterator[Problem]:
    if not _TABLE.fullmatch(name or ""):
        yield (
            (end, field),
            f"{end}.{field} must be schema.table, of a-z, 0-9 and _, when kind is postgres; it is {name!r}.",
        )


def _pace(request: PriceSyncInput) -> Iterator[Problem]:
    if not 1 <= request.page_size <= 1000:
        yield ("page_size",), f"page_size must be 1 to 1000; it is {request.page_size}."
    if request.rate_limit is not None and not 0.1 <= request.rate_limit <= 100_000:
        yield (
            ("rate_limit",),
            f"rate_limit must be 0.1 to 100000 prices a second; it is {request.rate_limit}.",
        )
