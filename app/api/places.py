"""Cursors and connections over lists that Temporal gives in pages."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.described import Described
from app.cursors import seal, unseal
from app.model import ExecutionRef
from app.temporal.pages import Listed, Place

Row = TypeVar("Row")
Detail = TypeVar("Detail")


def kind_of(list_: str, *arguments: str | None) -> str:
    """Cursors belong to their list and its arguments: elsewhere they would point nowhere."""
    digest = hashlib.blake2b("\0".join(each or "" for each in arguments).encode(), digest_size=6)
    return f"{list_} {digest.hexdigest()}"


def kind_within(run: ExecutionRef, list_: str, *arguments: str | None) -> str:
    """The same for what a run holds: its cursors are of no other run."""
    return kind_of(list_, run.namespace, run.workflow_id, run.run_id, *arguments)


def window(kind: str, first: int | None, after: str | None) -> tuple[int, Place | None]:
    """How many, and behind which place. BadUserInput for an unusable argument."""
    place = unseal(kind, Place, after, argument="after") if after is not None else None
    return size(first, default=DEFAULT_LIST, most=MAX_LIST), place


def connection(
    kind: str,
    listed: Listed[Row],
    describe: Callable[[Row], Awaitable[Detail]],
    count: Callable[[], Awaitable[int]],
    *,
    behind: bool,
) -> ConnectionValue[Described[Row, Detail]]:
    """A page whose items can be described; `behind`: there is something before it."""
    return ConnectionValue(
        edges=tuple(EdgeValue(_described(row, describe), seal(kind, place)) for row, place in listed.items),
        has_next=listed.has_next,
        has_previous=behind,
        count=count,
    )


def _described(row: Row, describe: Callable[[Row], Awaitable[Detail]]) -> Described[Row, Detail]:
    return Described(row, lambda: describe(row))
