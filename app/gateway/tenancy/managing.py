"""Acts on tenants and their keys: what they are done to is in the database alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from app.access import ANYTHING, Action
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.model import Json

_LEASE = 15.0
"""Seconds within which a statement ends, and more."""


def managing(
    action: Action,
    mutation: str,
    input_: object,
    prepare: Callable[[str], Awaitable[Plan]],
    act: Callable[[Attempt], Awaitable[Done]],
    key: str | None,
    detail: Mapping[str, Json],
) -> Intent:
    """As the fields of Intent."""
    return Intent(
        action=action,
        mutation=mutation,
        input=input_,
        prepare=prepare,
        act=act,
        key=key,
        detail=detail,
        lease=_LEASE,
        target=ANYTHING,
    )
