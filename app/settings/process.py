"""What every process may be told."""
# ruff: noqa: RUF009 - `setting` makes a dataclass field, which is what the rule asks for

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from starlette.datastructures import Secret

from app.settings.casts import amounts, boolean, names, networks, not_negative, one_of, port, positive
from app.settings.reading import read, setting


@dataclass(frozen=True)
class Settings:
    """Every setting that is not Temporal's own. Spans are in seconds, sizes in bytes."""

    database_url: Secret | None = setting(
        "DATABASE_URL", None, Secret, "PostgreSQL 15 or newer, as postgresql://user:password@host:5432/name"
    )
    migration_url: Secret | None = setting(
        "TIDELINE_MIGRATION_URL",
        None,
        Secret,
        "the same database by a role that owns it, for `migrate` alone; else DATABASE_URL",
    )
    database_pool: int = setting("TIDELINE_DATABASE_POOL", 10, positive(int), "connections to Postgres a process")
    bus_url: Secret | None = setting(
        "TIDELINE_BUS_URL",
        None,
        Secret,
        "hints between processes: redis://..., memory:// for a single process; else the database",
    )
    host: str = setting("HOST", "127.0.0.1", str, "address to listen on")
    port: int = setting("PORT", 8000, port, "port to listen on; 0 takes a free one")
    workers: int = setting("WEB_CONCURRENCY", 1, positive(int), "gateway processes that share the port")
    namespaces: tuple[str, ...] = setting(
        "TIDELINE_NAMESPACES",
        (),
        names,
        "namespaces to serve, by commas; else TEMPORAL_NAMESPACE",
    )
    default_tenant: str = setting(
        "TIDELINE_DEFAULT_TENANT",
        "default",
        str,
        "tenant of runs whose search attributes and memo name none; - for nobody's, which only a platform sees",
    )
    workflow_ids: str = setting(
        "TIDELINE_WORKFLOW_IDS",
        "",
        one_of("shared", "tenant"),
        "tenant: each tenant and environment has workflow ids of its own, which Temporal knows with both before them;"
        " shared: all use the namespace's. Else tenant where callers must say who they are",
    )
    default_environment: str = setting(
        "TIDELINE_DEFAULT_ENVIRONMENT", "default", str, "environment of runs that name none"
    )
    log_format: str = setting("TIDELINE_LOG_FORMAT", "json", one_of("json", "console"), "json or console")
    log_level: str = setting(
        "TIDELINE_LOG_LEVEL",
        "info",
        one_of("debug", "info", "warning", "error"),
        "least severity: debug, info, warning or error",
    )
    request_timeout: float = setting(
        "TIDELINE_REQUEST_TIMEOUT", 30.0, positive(float), "deadline of one query or mutation"
    )
    temporal_timeout: float = setting(
        "TIDELINE_TEMPORAL_TIMEOUT", 5.0, positive(float), "deadline of one call to Temporal"
    )
    max_body: int = setting("TIDELINE_MAX_BODY", 1_048_576, positive(int), "largest request body")
    shutdown_grace: float = setting(
        "TIDELINE_SHUTDOWN_GRACE", 8.0, positive(float), "time that open requests get to end at a shutdown"
    )
    allowed_origins: tuple[str, ...] = setting(
        "TIDELINE_ALLOWED_ORIGINS", (), names, "web origins that may call from a browser, by commas"
    )
    body_timeout: float = setting(
        "TIDELINE_BODY_TIMEOUT", 10.0, positive(float), "time that a client has to send a request's head or body"
    )
    limits: tuple[tuple[str, int], ...] = setting(
        "TIDELINE_LIMITS",
        (),
        amounts,
        "how much an operation and an identity may ask for, by commas, such as depth=12,cost=2000; see the README",
    )
    documents: tuple[str, ...] = setting(
        "TIDELINE_DOCUMENTS",
        (),
        names,
        "files or folders with trusted documents, by commas: then only those are served, by their ids",
    )
    introspection: bool = setting("TIDELINE_INTROSPECTION", True, boolean, "answer queries about the schema itself")
    graphiql: bool = setting("TIDELINE_GRAPHIQL", True, boolean, "serve GraphiQL to browsers")
    suggestions: bool = setting(
        "TIDELINE_SUGGESTIONS", False, boolean, "say in errors which name was probably meant; `dev` does"
    )
    max_subscriptions: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS", 50_000, positive(int), "subscriptions at once in a gateway process"
    )
    max_subscriptions_per_identity: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS_PER_IDENTITY",
        1000,
        positive(int),
        "of them, those of one identity; while the gateway is open nobody has one",
    )
    max_subscriptions_per_connection: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS_PER_CONNECTION",
        100,
        positive(int),
        "operations at once over one WebSocket",
    )
    fallback_interval: float = setting(
        "TIDELINE_FALLBACK_INTERVAL",
        2.0,
        positive(float),
        "how often live lists look for changes that no hint told of",
    )
    queues: tuple[str, ...] = setting(
        "TIDELINE_QUEUES",
        (),
        names,
        "task queues that the worker polls, by commas, each with its limits as in price-sync:activities=20:rate=5; *"
        " stands for all others. Limits are activities and workflows at once, rate and queue_rate in activities a"
        " second of this worker and of all, pollers, and cached runs. Else the whole catalog",
    )
    worker_metrics: str = setting(
        "TIDELINE_WORKER_METRICS",
        "",
        str,
        "address at which the worker answers Prometheus with the metrics of its SDK, such as 127.0.0.1:9464",
    )
    deployment: str = setting("TIDELINE_DEPLOYMENT", "tideline", str, "name of the worker deployment")
    build_id: str = setting("TIDELINE_BUILD_ID", "", str, "id of this build of the worker, such as a commit")
    versioning: str = setting(
        "TIDELINE_VERSIONING",
        "off",
        one_of("off", "auto-upgrade", "pinned"),
        "whether Temporal gives tasks only to the current build of the deployment, and what becomes of runs that an"
        " earlier one began: auto-upgrade moves them, pinned leaves them; off: any worker takes any task",
    )
    connections: Secret | None = setting(
        "TIDELINE_CONNECTIONS",
        None,
        Secret,
        "systems that workflows reach by name, by commas: name=postgresql://..., name=https://...",
    )
    outbound_networks: tuple[IPv4Network | IPv6Network, ...] = setting(
        "TIDELINE_OUTBOUND_NETWORKS",
        (),
        networks,
        "private networks that URLs in inputs of workflows may lead into, by commas, as in 10.1.0.0/16; else none",
    )
    codec_endpoint: str = setting(
        "TIDELINE_CODEC_ENDPOINT",
        "",
        str,
        "URL of the codec server that decodes payloads, without /decode; {namespace} stands for the namespace. What"
        " workflows publish (memos, summaries, progress, phases) and what failures say is then kept decoded in the"
        " index",
    )
    codec_authorization: Secret | None = setting(
        "TIDELINE_CODEC_AUTHORIZATION", None, Secret, "Authorization header for the codec server, such as Bearer ..."
    )
    archive_retention_days: float | None = setting(
        "TIDELINE_ARCHIVE_RETENTION_DAYS",
        None,
        positive(float),
        "days that closed runs are kept in the index and the archive, where their tenant has no days of its own;"
        " else for ever",
    )
    idempotency_days: float = setting(
        "TIDELINE_IDEMPOTENCY_DAYS",
        7.0,
        positive(float),
        "days that idempotency keys are kept, and in any case as long as the run that they started is open",
    )
    alerts: Path | None = setting(
        "TIDELINE_ALERTS", None, Path, "TOML file with the rules of alerts, one [[rule]] table each; read by `index`"
    )
    accept_namespaces: tuple[str, ...] = setting(
        "TIDELINE_ACCEPT_NAMESPACES",
        (),
        names,
        "ids of Temporal namespaces that the index may go over to when Temporal was made anew, by commas; or any",
    )
    workflows: Path | None = setting(
        "TIDELINE_WORKFLOWS", None, Path, "YAML file with the workflow types of other languages; read by `serve`"
    )
    auth: str = setting(
        "TIDELINE_AUTH",
        "",
        one_of("required", "open"),
        "required: nobody comes in without a token; open: everybody who reaches the address may do everything. Else"
        " required where tokens are configured, and without them `serve` does not start",
    )
    jwks_url: Secret | None = setting(
        "TIDELINE_JWKS_URL", None, Secret, "URL of the keys (JWKS) that the issuer of JSON Web Tokens signs with"
    )
    jwt_secret: Secret | None = setting(
        "TIDELINE_JWT_SECRET", None, Secret, "secret of 32 bytes or more that HS256 tokens are signed with"
    )
    jwt_issuer: str = setting("TIDELINE_JWT_ISSUER", "", str, "issuer (iss) that tokens must name")
    jwt_audience: tuple[str, ...] = setting(
        "TIDELINE_JWT_AUDIENCE", (), names, "audiences (aud), by commas, of which tokens must name one"
    )
    jwt_leeway: float = setting(
        "TIDELINE_JWT_LEEWAY", 10.0, not_negative, "seconds that the issuer's clock and ours may differ"
    )
    jwt_subject: str = setting("TIDELINE_JWT_SUBJECT_CLAIM", "sub", str, "claim that says who; a.b is b within a")
    jwt_tenant: str = setting("TIDELINE_JWT_TENANT_CLAIM", "tenant", str, "claim that says which tenant")
    jwt_environment: str = setting(
        "TIDELINE_JWT_ENVIRONMENT_CLAIM", "environment", str, "claim that says which environment; without it, all"
    )
    jwt_roles: str = setting(
        "TIDELINE_JWT_ROLES_CLAIM", "roles", str, "claim with the roles: viewer, operator, starter, admin, platform"
    )
    jwt_role_names: tuple[str, ...] = setting(
        "TIDELINE_JWT_ROLE_NAMES", (), names, "other names of roles, by commas: sync-team=operator, ..."
    )
    token_secret: Secret | None = setting(
        "TIDELINE_TOKEN_SECRET",
        None,
        Secret,
        "secret of 32 bytes or more that watch tokens are signed with; else one is made and kept in the database",
    )
    watch_token_max: float = setting(
        "TIDELINE_WATCH_TOKEN_MAX", 86_400.0, positive(float), "longest life of a watch token"
    )
    policy: Path | None = setting(
        "TIDELINE_POLICY",
        None,
        Path,
        "TOML file that narrows roles, one [[rule]] table each; read again when it changes",
    )
    compiled: bool = setting(
        "TIDELINE_COMPILED",
        True,
        boolean,
        "complete plain values by code made once for each document; false takes every field the ordinary way",
    )
    demo: bool = setting("TIDELINE_DEMO", False, boolean, "fill the connection named demo with sample data")

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, then apply `overrides` (field name to value, None meaning "not given").

        Raises ConfigurationError with the variable's name and the value that cannot be read; a secret's value
        is never shown.
        """
        return read(cls, overrides, environ)
