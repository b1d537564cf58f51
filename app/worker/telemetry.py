"""The SDK's own metrics for Prometheus: requests, polls, slots, latencies and failures of workflows and activities."""

from __future__ import annotations

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from app.errors import ConfigurationError


def runtime_of(address: str) -> Runtime | None:
    """A runtime that answers at `http://address/metrics`; None without an address.

    Raises ConfigurationError where nothing can listen there.
    """
    if not address:
        return None
    metrics = PrometheusConfig(bind_address=address, counters_total_suffix=True, durations_as_seconds=True)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics))
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"TIDELINE_WORKER_METRICS cannot be {address!r}: {error}. It is an address such as 127.0.0.1:9464, "
            "one for each worker of a machine."
        ) from None
