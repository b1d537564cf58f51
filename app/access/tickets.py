"""Tickets of event streams: they may stand in a URL, since each opens one stream, once, within half a minute."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from app.access.identity import Identity
from app.access.sealed import claims_of, identity_of, until
from app.errors import Unauthenticated

PREFIX = "tdl_ticket_"
SECONDS = 30.0

Put = Callable[[bytes, Mapping[str, Any], datetime], Awaitable[None]]
Take = Callable[[bytes], Awaitable[Mapping[str, Any] | None]]


class Tickets:
    """`put` keeps what a ticket stands for until then; `take` gives it to the first who asks, and to nobody else."""

    def __init__(self, put: Put, take: Take) -> None:
        self._put = put
        self._take = take

    async def issue(self, identity: Identity) -> tuple[str, datetime]:
        ticket, end = PREFIX + secrets.token_urlsafe(32), until(SECONDS, identity)
        await self._put(_digest(ticket), claims_of(identity), end)
        return ticket, end

    async def redeem(self, ticket: str) -> Identity:
        said = await self._take(_digest(ticket))
        if said is None:
            raise Unauthenticated("The ticket is used, or too old, or none of ours. Ask for another.")
        return identity_of(said)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
