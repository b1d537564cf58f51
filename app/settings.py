"""The only reader of the environment: read once, cast here, and from then on a fact.

Each setting names its environment variable, its default and what it means; the command line offers the same
settings as options, so that `tideline COMMAND --help` is the configuration reference. An option wins over its
variable. The connection to Temporal follows Temporal's own environment configuration
(`temporalio.envconfig`), so that what works for the `temporal` command line works here.
"""
# ruff: noqa: RUF009 - `setting` makes a dataclass field, which is what the rule asks for

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.datastructures import Secret

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig

T = TypeVar("T")
Number = TypeVar("Number", int, float)


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("expected true or false")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _one_of(*choices: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return cast


def _number(text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"expected a {'whole ' if kind is int else ''}number") from None


def _positive(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    def cast(text: str) -> Number:
        value = _number(text, kind)
        if not value > 0:
            raise ValueError("expected a number above 0")
        return value

    return cast


def _tenant(text: str) -> str:
    return "" if text == "-" else text


def _not_negative(text: str) -> float:
    value = _number(text, float)
    if not value >= 0:
        raise ValueError("expected a number from 0")
    return value


def _port(text: str) -> int:
    value = _number(text, int)
    if not 0 <= value <= 65535:
        raise ValueError("expected a number from 0 to 65535")
    return value


def setting(env: str, default: Any, cast: Callable[[str], Any], meaning: str) -> Any:
    """A field of `Settings` with what the command line needs to offer it."""
    return field(default=default, metadata={"env": env, "cast": cast, "help": meaning})


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
    database_pool: int = setting("TIDELINE_DATABASE_POOL", 10, _positive(int), "connections to Postgres a process")
    bus_url: Secret | None = setting(
        "TIDELINE_BUS_URL",
        None,
        Secret,
        "hints between processes: redis://..., memory:// for a single process; else the database",
    )
    host: str = setting("HOST", "127.0.0.1", str, "address to listen on")
    port: int = setting("PORT", 8000, _port, "port to listen on; 0 takes a free one")
    workers: int = setting("WEB_CONCURRENCY", 1, _positive(int), "gateway processes that share the port")
    namespaces: tuple[str, ...] = setting(
        "TIDELINE_NAMESPACES",
        (),
        _names,
        "namespaces to serve, by commas; else TEMPORAL_NAMESPACE",
    )
    default_tenant: str = setting(
        "TIDELINE_DEFAULT_TENANT",
        "default",
        _tenant,
        "tenant of runs whose search attributes and memo name none; - for nobody's, which only a platform sees",
    )
    workflow_ids: str = setting(
        "TIDELINE_WORKFLOW_IDS",
        "",
        _one_of("shared", "tenant"),
        "tenant: each tenant and environment has workflow ids of its own, which Temporal knows with both before them;"
        " shared: all use the namespace's. Else tenant where callers must say who they are",
    )
    default_environment: str = setting(
        "TIDELINE_DEFAULT_ENVIRONMENT", "default", str, "environment of runs that name none"
    )
    log_format: str = setting("TIDELINE_LOG_FORMAT", "json", _one_of("json", "console"), "json or console")
    log_level: str = setting(
        "TIDELINE_LOG_LEVEL",
        "info",
        _one_of("debug", "info", "warning", "error"),
        "least severity: debug, info, warning or error",
    )
    request_timeout: float = setting(
        "TIDELINE_REQUEST_TIMEOUT", 30.0, _positive(float), "deadline of one query or mutation"
    )
    temporal_timeout: float = setting(
        "TIDELINE_TEMPORAL_TIMEOUT", 5.0, _positive(float), "deadline of one call to Temporal"
    )
    max_body: int = setting("TIDELINE_MAX_BODY", 1_048_576, _positive(int), "largest request body")
    shutdown_grace: float = setting(
        "TIDELINE_SHUTDOWN_GRACE", 8.0, _positive(float), "time that open requests get to end at a shutdown"
    )
    allowed_origins: tuple[str, ...] = setting(
        "TIDELINE_ALLOWED_ORIGINS", (), _names, "web origins that may call from a browser, by commas"
    )
    max_subscriptions: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS", 50_000, _positive(int), "subscriptions at once in a gateway process"
    )
    max_subscriptions_per_identity: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS_PER_IDENTITY",
        1000,
        _positive(int),
        "of them, those of one identity; while the gateway is open nobody has one",
    )
    max_subscriptions_per_connection: int = setting(
        "TIDELINE_MAX_SUBSCRIPTIONS_PER_CONNECTION",
        100,
        _positive(int),
        "operations at once over one WebSocket",
    )
    fallback_interval: float = setting(
        "TIDELINE_FALLBACK_INTERVAL",
        2.0,
        _positive(float),
        "how often live lists look for changes that no hint told of",
    )
    task_queues: tuple[str, ...] = setting(
        "TIDELINE_TASK_QUEUES",
        (),
        _names,
        "task queues that the worker polls, by commas; else the catalog's",
    )
    connections: Secret | None = setting(
        "TIDELINE_CONNECTIONS",
        None,
        Secret,
        "systems that workflows reach by name, by commas: name=postgresql://..., name=https://...",
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
        _positive(float),
        "days that closed runs are kept in the index and the archive, where their tenant has no days of its own;"
        " else for ever",
    )
    idempotency_days: float = setting(
        "TIDELINE_IDEMPOTENCY_DAYS",
        7.0,
        _positive(float),
        "days that idempotency keys are kept, and in any case as long as the run that they started is open",
    )
    alerts: Path | None = setting(
        "TIDELINE_ALERTS", None, Path, "TOML file with the rules of alerts, one [[rule]] table each; read by `index`"
    )
    accept_namespaces: tuple[str, ...] = setting(
        "TIDELINE_ACCEPT_NAMESPACES",
        (),
        _names,
        "ids of Temporal namespaces that the index may go over to when Temporal was made anew, by commas; or any",
    )
    workflows: Path | None = setting(
        "TIDELINE_WORKFLOWS", None, Path, "YAML file with the workflow types of other languages; read by `serve`"
    )
    auth: str = setting(
        "TIDELINE_AUTH",
        "",
        _one_of("required", "open"),
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
        "TIDELINE_JWT_AUDIENCE", (), _names, "audiences (aud), by commas, of which tokens must name one"
    )
    jwt_leeway: float = setting(
        "TIDELINE_JWT_LEEWAY", 10.0, _not_negative, "seconds that the issuer's clock and ours may differ"
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
        "TIDELINE_JWT_ROLE_NAMES", (), _names, "other names of roles, by commas: sync-team=operator, ..."
    )
    token_secret: Secret | None = setting(
        "TIDELINE_TOKEN_SECRET",
        None,
        Secret,
        "secret of 32 bytes or more that watch tokens are signed with; else one is made and kept in the database",
    )
    watch_token_max: float = setting(
        "TIDELINE_WATCH_TOKEN_MAX", 86_400.0, _positive(float), "longest life of a watch token"
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
        _boolean,
        "complete plain values by code made once for each document; false takes every field the ordinary way",
    )
    demo: bool = setting("TIDELINE_DEMO", False, _boolean, "fill the connection named demo with sample data")

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, then apply `overrides` (field name to value, None meaning "not given").

        Raises ConfigurationError with the variable's name and the value that cannot be read; a secret's value
        is never shown.
        """
        return _read(cls, overrides, environ)


def _read(cls: type[T], overrides: Mapping[str, Any] | None, environ: Mapping[str, str] | None) -> T:
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for each in fields(cls):  # type: ignore[arg-type]
        given = (overrides or {}).get(each.name)
        if given is not None:
            values[each.name] = given
        elif text := environ.get(each.metadata["env"], ""):
            values[each.name] = cast_setting(each, text)
    return cls(**values)


def is_secret(each: Field[Any]) -> bool:
    return each.metadata["cast"] is Secret


def cast_setting(each: Field[Any], text: str) -> Any:
    """The value of a setting from its text."""
    try:
        return each.metadata["cast"](text)
    except ValueError as error:
        shown = "its value" if is_secret(each) else repr(text)
        raise ConfigurationError(f"{each.metadata['env']} cannot be {shown}: {error}.") from None


def temporal_connection(environ: Mapping[str, str] | None = None) -> ClientConnectConfig:
    """Address, namespace, key and TLS for Temporal, from TEMPORAL_* and Temporal's configuration file."""
    from temporalio.envconfig import ClientConfig  # noqa: PLC0415 - a tenth of a second that few commands need

    try:
        return ClientConfig.load_client_connect_config(override_env_vars=None if environ is None else dict(environ))
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"Temporal's configuration cannot be read: {error}. Check TEMPORAL_* and TEMPORAL_CONFIG_FILE."
        ) from None


@dataclass(frozen=True)
class DevSettings:
    """What `tideline dev` alone asks for."""

    temporal_port: int = setting(
        "TIDELINE_TEMPORAL_PORT", 7233, _port, "port of the embedded Temporal; 0 takes a free one"
    )
    temporal_ui_port: int = setting(
        "TIDELINE_TEMPORAL_UI_PORT", 8233, _port, "port of Temporal's Web UI; 0 takes a free one"
    )
    data_dir: Path = setting("TIDELINE_DATA_DIR", Path(".tideline"), Path, "folder of the embedded servers")
    worker: bool = setting("TIDELINE_WORKER", True, _boolean, "run a worker with the catalog")

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> DevSettings:
        """As `Settings.load`."""
        return _read(cls, overrides, environ)


def environment_of_child(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for a process that it starts."""
    return {**os.environ, **changes}
