"""`tideline dev`: what is started, in which order, and what happens at a signal."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.dev import console, ports, postgres, temporal
from app.dev.child import Program
from app.dev.folder import Folder
from app.dev.python import python
from app.dev.tree import StartError, Tree
from app.errors import ConfigurationError
from app.settings import DevSettings, Settings, temporal_connection
from app.workflows import demo

SERVER_DEADLINE, MIGRATION_DEADLINE, READY_DEADLINE = 60.0, 300.0, 30.0
"""Seconds in which Postgres and Temporal must be ready, the migration done, and the gateway ready."""
PROBE_TIMEOUT = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_QUERIES = Path(demo.__file__).with_name("demo.toml")
CLIENT_GRACE = 4.0
"""Most seconds that open requests get at the end, so that everything has ended within ten."""


@dataclass(frozen=True)
class Plan:
    """What the settings ask for, with every port decided."""

    settings: Settings
    with_worker: bool
    folder: Folder
    port: int
    temporal_ports: tuple[int, int] | None
    """Of the embedded Temporal and its Web UI; None where there is a Temporal already."""
    temporal_address: str
    namespaces: tuple[str, ...]

    @property
    def auth(self) -> str:
        """Open, as long as nothing says otherwise."""
        settings = self.settings
        is_configured = settings.jwks_url is not None or settings.jwt_secret is not None
        return settings.auth or ("required" if is_configured else "open")

    @property
    def gateway(self) -> str:
        """Host and port as a browser on this machine takes them."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def run(settings: Settings, dev: DevSettings) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP, and return when every child has ended.

    Raises ConfigurationError or StartError when not everything could start; nothing is left running then.
    """
    _check_door(settings)
    folder = Folder.open(dev.data_dir)
    with folder.locked():
        folder.end_orphans()
        plan = _plan(settings, dev, folder)
        folder.rotate_logs()
        asyncio.run(_until_signal(plan))


def _check_door(settings: Settings) -> None:
    """Open for everybody is for this machine alone, unless that is what somebody says."""
    is_said = settings.auth or settings.jwks_url is not None or settings.jwt_secret is not None
    if not is_said and settings.host not in _LOOPBACK:
        raise ConfigurationError(
            f"HOST is {settings.host}, where others can reach it, and nothing says who may come in. Listen on"
            " 127.0.0.1, set TIDELINE_AUTH=open if everybody may, or configure tokens."
        )


def _plan(settings: Settings, dev: DevSettings, folder: Folder) -> Plan:
    connection = temporal_connection()
    address = connection.get("target_host")
    wishes = [ports.Wish(settings.host, settings.port, "--port")]
    if address is None:
        wishes.append(ports.Wish(temporal.HOST, dev.temporal_port, "--temporal-port"))
        wishes.append(ports.Wish(temporal.HOST, dev.temporal_ui_port, "--temporal-ui-port"))
    port, *embedded = ports.claim(wishes)
    return Plan(
        settings=settings,
        with_worker=dev.worker,
        folder=folder,
        port=port,
        temporal_ports=(embedded[0], embedded[1]) if embedded else None,
        temporal_address=address or f"{temporal.HOST}:{embedded[0]}",
        namespaces=settings.namespaces or (connection.get("namespace", "default"),),
    )


async def _until_signal(plan: Plan) -> None:
    tree, stop = Tree(plan.folder), asyncio.Event()

    def end(signum: signal.Signals) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            tree.kill()  # a second Ctrl-C: do not wait
        stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, end, signum)
    life, stopping = asyncio.create_task(_live(plan, tree)), asyncio.create_task(stop.wait())
    await asyncio.wait({life, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (life, stopping):
        task.cancel()
    await asyncio.wait({life, stopping})
    await tree.stop()
    if not stop.is_set():
        life.result()


async def _live(plan: Plan, tree: Tree) -> None:
    """Start everything, say so, and keep it running."""
    database_url = await _servers(plan, tree)
    environment = _environment(plan, database_url)
    await tree.complete(_ours("migrate", environment, "migrate"), MIGRATION_DEADLINE)
    listen = ("--host", plan.settings.host, "--port", str(plan.port))
    await tree.start(_ours("gateway", environment, "serve", *listen))
    await tree.start(_ours("indexer", environment, "index"))
    if plan.with_worker:
        await tree.start(_ours("worker", environment, "worker"))
    ready = _until_ready(plan.gateway)
    await tree.unless_one_dies(ready, READY_DEADLINE + PROBE_TIMEOUT, "the gateway")
    console.banner(_places(plan, database_url), f"http://{plan.gateway}/graphql")
    await tree.keep()


async def _servers(plan: Plan, tree: Tree) -> str:
    """Start the servers that are to be embedded, side by side, and return the URL of the database."""
    given = plan.settings.database_url
    database_url = None if given is None else str(given)
    if plan.temporal_ports is not None:
        await tree.start(temporal.program(plan.folder.temporal, *plan.temporal_ports, plan.namespaces))
    if database_url is None:
        folder = plan.folder.postgres
        child = await tree.start(postgres.program(folder))
        ready = postgres.url_when_ready(folder, child.pid)
        database_url = await tree.unless_one_dies(ready, SERVER_DEADLINE, "Postgres")
    if plan.temporal_ports is not None:
        answering = temporal.until_ready(plan.temporal_ports[1], plan.namespaces[0])
        await tree.unless_one_dies(answering, SERVER_DEADLINE, "Temporal")
    return database_url


def _environment(plan: Plan, database_url: str) -> dict[str, str]:
    """What the children of ours read. The demo goes into the embedded Postgres, never into somebody's own."""
    environment = {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": plan.temporal_address,
        "TIDELINE_LOG_FORMAT": "json",
        "TIDELINE_AUTH": plan.auth,
        "TIDELINE_SUGGESTIONS": "true",
        "TIDELINE_SHUTDOWN_GRACE": str(min(plan.settings.shutdown_grace, CLIENT_GRACE)),
    }
    if plan.settings.database_url is None and plan.settings.connections is None:
        files = plan.folder.path / "files"
        files.mkdir(exist_ok=True)
        connections = f"demo={database_url},files={files.resolve().as_uri()},queries={_QUERIES.as_uri()}"
        environment |= {"TIDELINE_CONNECTIONS": connections, "TIDELINE_DEMO": "true"}
    return environment


def _ours(name: str, environment: dict[str, str], *arguments: str) -> Program:
    argv = python("app", *arguments)
    return Program(name=name, argv=argv, mark="app", is_ours=True, environment=environment)


async def _until_ready(gateway: str) -> None:
    """Return when the gateway says that it can do its work. Raises StartError with its last answer."""
    until, answer = asyncio.get_running_loop().time() + READY_DEADLINE, "no answer"
    async with httpx.AsyncClient(trust_env=False, timeout=PROBE_TIMEOUT) as client:
        while asyncio.get_running_loop().time() < until:
            try:
                response = await client.get(f"http://{gateway}/health/ready")
            except httpx.TransportError as error:
                answer = str(error)
            else:
                if response.is_success:
                    return
                answer = response.text
            await asyncio.sleep(0.05)
    raise StartError(f"the gateway was not ready within {READY_DEADLINE:g} seconds; it said: {answer}")


def _places(plan: Plan, database_url: str) -> dict[str, str]:
    embedded = plan.settings.database_url is None
    places = {"GraphiQL": f"http://{plan.gateway}/graphql", "WebSocket": f"ws://{plan.gateway}/graphql"}
    if plan.temporal_ports is not None:
        places["Temporal UI"] = f"http://{temporal.HOST}:{plan.temporal_ports[1]}"
    return {
        **places,
        "Temporal": plan.temporal_address,
        "Postgres": database_url if embedded else "as DATABASE_URL says",
        "data": str(plan.folder.path),
        "logs": str(plan.folder.logs),
        "open to": f"everybody who reaches {plan.gateway}: there is no authentication"
        if plan.auth == "open"
        else "those who have a token",
    }
