"""The connection to Temporal, which is configured in Temporal's own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig


def temporal_connection(environ: Mapping[str, str] | None = None) -> ClientConnectConfig:
    """Address, namespace, key and TLS for Temporal, from TEMPORAL_* and Temporal's configuration file."""
    from temporalio.envconfig import ClientConfig  # noqa: PLC0415 - a tenth of a second that few commands need

    try:
        return ClientConfig.load_client_connect_config(override_env_vars=None if environ is None else dict(environ))
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"Temporal's configuration cannot be read: {error}. Check TEMPORAL_* and TEMPORAL_CONFIG_FILE."
        ) from None
