"""Which web pages may open a WebSocket: browsers do not ask first, as for fetch, so the server must look."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit


def may_connect(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a handshake with this `Origin` is welcome.

    Programs send none; a page of our own host is ours, whatever scheme a proxy made of it; any other must
    be among `allowed`, where `*` allows all.
    """
    if origin is None or "*" in allowed:
        return True
    wanted = origin.lower().rstrip("/")
    if any(wanted == each.lower().rstrip("/") for each in allowed):
        return True
    return bool(host) and urlsplit(wanted).netloc == (host or "").lower()
