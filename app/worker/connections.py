"""The systems that workflows reach by name."""

from __future__ import annotations

from starlette.datastructures import Secret

from app.errors import ConfigurationError


def connections_of(text: Secret | None) -> dict[str, str]:
    """Connection name -> URL, from `name=url,name=url`. A comma in a URL is written %2C."""
    connections: dict[str, str] = {}
    for position, entry in enumerate(filter(None, map(str.strip, str(text or "").split(","))), 1):
        name, _, url = entry.partition("=")
        if not name or "://" in name or "://" not in url:
            raise ConfigurationError(
                f"TIDELINE_CONNECTIONS cannot be read: entry {position} must be name=url, as in demo=postgresql://..."
            )
        connections[name.strip()] = url.strip()
    return connections
