"""PURE. What is wrong with the fields that synchronisations share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from app.workflows.sync.model import RecordSource

Problem = tuple[tuple[str | int, ...], str]
"""The path of the wrong field, and a sentence that says what it must be."""

_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CONNECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LONGEST_ID = 200
_MOST_IDS = 1000


def sync_problems(request: Any) -> Iterator[Problem]:
    """Of a SyncInput."""
    yield from tenancy(request)
    yield from source_problems(request.source)
    yield from connection(("connection",), request.connection)
    yield from pace(request)
    if len(request.ids) > _MOST_IDS:
        yield ("ids",), f"ids must name at most {_MOST_IDS} records; it names {len(request.ids)}."


def tenancy(request: Any, *others: str) -> Iterator[Problem]:
    for name in ("tenant_id", "environment_id", *others):
        yield from identifier((name,), getattr(request, name))


def identifier(path: tuple[str, ...], value: str) -> Iterator[Problem]:
    name = ".".join(path)
    if not value.strip():
        yield path, f"{name} must not be empty."
    elif len(value) > _LONGEST_ID or not value.isprintable():
        yield path, f"{name} must be at most {_LONGEST_ID} printable characters."


def source_problems(source: RecordSource) -> Iterator[Problem]:
    if source.kind == "http":
        yield from address("source", source.url, source.connection)
        return
    yield from connection(("source", "connection"), source.connection)
    yield from table(("source", "table"), source.table)


def address(end: str, url: str | None, name: str | None) -> Iterator[Problem]:
    """A URL of its own, or a path below that of a connection."""
    if name is not None:
        yield from connection((end, "connection"), name)
        if not (url or "").startswith("/") or (url or "").startswith("//"):
            yield (
                (end, "url"),
                f"{end}.url must be a path such as /v1/records, since {end}.connection names the host.",
            )
        return
    try:
        parts = urlsplit(url or "")
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield (end, "url"), f"{end}.url is no URL."
        return
    if not usable:
        yield (end, "url"), f"{end}.url must be an http or https URL."
    elif "@" in parts.netloc:
        yield (
            (end, "url"),
            f"{end}.url must not carry credentials, which the history would keep: name a connection instead.",
        )


def connection(path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if not _CONNECTION.fullmatch(name or ""):
        yield path, f"{'.'.join(path)} must be the name of a connection of the worker, of a-z, 0-9, - and _."


def table(path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if not _TABLE.fullmatch(name or ""):
        yield path, f"{'.'.join(path)} must be schema.table, of a-z, 0-9 and _; it is {name!r}."


def columns(path: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if not _COLUMN.fullmatch(name):
            yield (*path, index), f"{'.'.join(path)} must be names of columns, of a-z, 0-9 and _; one is {name!r}."


def file_path(path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    """A path below the folder of a connection."""
    name = name or ""
    parts = PurePosixPath(name).parts
    if not parts or name != str(PurePosixPath(name)) or parts[0] == "/" or ".." in parts or not name.isprintable():
        yield path, f"{'.'.join(path)} must be a path below the connection's folder, without '..'; it is {name!r}."


def pace(request: Any) -> Iterator[Problem]:
    if not 1 <= request.page_size <= 1000:
        yield ("page_size",), f"page_size must be 1 to 1000; it is {request.page_size}."
    if request.rate_limit is not None and not 0.1 <= request.rate_limit <= 100_000:
        yield (
            ("rate_limit",),
            f"rate_limit must be 0.1 to 100000 a second; it is {request.rate_limit}.",
        )
    if not 0 <= request.max_errors <= 1_000_000:
        yield ("max_errors",), f"max_errors must be 0 to 1000000; it is {request.max_errors}."
