"""The connection to Temporal that every command makes of its settings."""

from __future__ import annotations

from app.settings import Settings, temporal_connection
from app.temporal.connection import Temporal, Tenancy
from app.temporal.payloads import configured


def temporal_of(settings: Settings) -> Temporal:
    """Raises ConfigurationError for what cannot be read; connects to nothing yet."""
    return Temporal(
        temporal_connection(),
        settings.namespaces,
        timeout=settings.temporal_timeout,
        tenancy=Tenancy(settings.default_tenant, settings.default_environment),
        payloads=configured(settings),
        reread=temporal_connection,
    )
