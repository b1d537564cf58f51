"""What Tideline counts: every Prometheus metric, defined once, in one registry per process.

Names begin with `tideline_`, spans are in seconds, sizes in bytes. Labels take few values, never an id: a
process that has served a million runs exposes as many series as one that has served ten. With several gateway
processes on one port each scrape meets one of them; run one process per port where exact sums matter.
"""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

CONTENT_TYPE = CONTENT_TYPE_LATEST

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From 1 ms to 10 s."""


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"tideline_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"tideline_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str) -> Histogram:
    return Histogram(f"tideline_{name}", meaning, labels, registry=REGISTRY, buckets=LATENCY_BUCKETS)


# The rim.
HTTP_REQUESTS = _histogram(
    "http_request_seconds",
    "Time from request to the end of its response, streams excluded",
    "method",
    "path",
    "status",
)
WEBSOCKETS = _gauge("websocket_connections", "Open WebSocket connections")
WEBSOCKETS_CLOSED = _counter("websocket_closes", "WebSocket connections that ended, by close code", "code")
EVENT_STREAMS = _gauge("event_streams", "Open streams over HTTP", "transport")
MESSAGES = _counter("messages_delivered", "GraphQL results handed to sockets of streams", "transport")
SLOW_CLIENTS = _counter("slow_clients_dropped", "Connections cut because the client stopped reading", "transport")

# Acting.
OUTCOMES_LATE = _counter(
    "audit_outcomes_late", "Outcomes of mutations that the database did not take at once, and that are tried again"
)

# The engine.
OPERATIONS = _histogram(
    "graphql_operation_seconds",
    "Time of one query or mutation; for a subscription, until its first result",
    "kind",
    "outcome",
)
"""kind: query, mutation, subscription or unknown; outcome: ok, error (some field failed) or refused."""
REFUSED = _counter("graphql_refused", "Operations that were refused before they began, by the error's code", "code")
SHARED = _gauge("shared_executions", "Distinct subscriptions, each executed and encoded once for all that are on it")
SUBSCRIPTIONS = _gauge("subscriptions", "Active subscriptions by root field", "field")
DELIVERY_LAG = _histogram(
    "delivery_lag_seconds",
    "Time from an event in Temporal, or a change in the log of the lists, to its handing to a subscriber",
    "stream",
)
REPLAYS = _counter("replays", "Streams that began behind a cursor, and were given what had been missed", "stream")
GAPS = _counter("gaps", "Streams that could not go on behind their cursor, since its log is gone", "stream")
FALLBACK_DELIVERIES = _counter(
    "fallback_deliveries", "Entries of a log found without a hint; should be near zero", "stream"
)

# The bus.
BUS_CONNECTED = _gauge("bus_connected", "1 while hints travel between processes, else 0")
BUS_RECONNECTS = _counter("bus_reconnects", "Times that the bus had to be connected anew")
HINTS_PUBLISHED = _counter("bus_hints_published", "Hints sent to every process", "channel")
HINTS_LOST = _counter("bus_hints_lost", "Hints that could not be sent", "channel")
HINTS_RECEIVED = _counter("bus_hints_received", "Hints that arrived from any process", "channel")
HINTS_OVERFLOWED = _counter("bus_hints_overflowed", "Times that a slow listener's hints became one RESYNC", "channel")

# The indexer.
INDEXER_LEADER = _gauge("indexer_leader", "1 in the process that indexes, else 0")
INDEXER_LAG = _gauge(
    "indexer_lag_seconds", "Age of the newest state of Temporal that the index surely has", "namespace"
)
INDEXER_TICKS = _counter("indexer_ticks", "Rounds of the indexer", "namespace", "outcome")
VISIBILITY_REQUESTS = _counter("indexer_visibility_requests", "Pages of Temporal's visibility read", "namespace")
INDEXER_REFUSED = _gauge(
    "indexer_namespace_refused", "1 while Temporal has another namespace under the name than the index", "namespace"
)
INDEXED = _counter("indexer_rows_written", "Executions written to the index", "namespace")
ARCHIVED = _counter("indexer_archived", "Closed histories archived", "namespace", "outcome")
PRUNED = _counter("indexer_pruned", "Closed runs forgotten after their retention", "namespace")

# The hub.
WATCHES = _gauge("hub_watches", "Runs that this process follows")
SUBSCRIBERS = _gauge("hub_subscribers", "Cursors over those runs")
HISTORY_HOLES = _counter("history_holes", "Pages of histories in which Temporal left out events, and which were filled")
HISTORY_POLLS = _counter("hub_polls", "Long polls of histories", "outcome")
SLOWED_WATCHES = _gauge("hub_slowed_watches", "Watches that Temporal grants no long poll, and that share a slower one")
SLOWED_WATCHES_TOTAL = _counter("hub_slowdowns", "Times that a watch had to go over to the slower poll")
SLOWED_EVENTS = _counter("hub_slowed_events", "Events that came by the slower poll; should be near zero")

FEED_FOLLOWERS = _gauge("feed_followers", "Cursors over the change log, one a live list or change feed")
LIVE_LISTS = _gauge("live_lists", "Distinct lists that this process keeps up to date")

# Temporal.
TEMPORAL_CALLS = _histogram("temporal_call_seconds", "Time of one call to Temporal", "rpc", "outcome")


def render() -> bytes:
    """Every metric in Prometheus' text format, to be served as `CONTENT_TYPE`."""
    return generate_latest(REGISTRY)
