"""Liveness, readiness and metrics, for orchestrators and scrapers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app import metrics
from app.gateway.health import Health
from app.model import Json


async def live(_: Request) -> Response:
    """200 as long as the process answers at all."""
    return _json(200, {"status": "live"})


def ready(health: Health) -> Callable[[Request], Awaitable[Response]]:
    """200 when every part can work, else 503, with what each check found."""

    async def respond(_: Request) -> Response:
        found = await health.report()
        is_ready = all(finding.ok for finding in found.values())
        body = {
            "status": "ready" if is_ready else "not ready",
            "checks": {
                name: {"ok": finding.ok, "reason": finding.reason, **finding.detail} for name, finding in found.items()
            },
        }
        return _json(200 if is_ready else 503, body)

    return respond


async def exposition(_: Request) -> Response:
    """Every metric of this process."""
    return Response(metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"})


def _json(status: int, body: Json) -> Response:
    return Response(orjson.dumps(body), status, {"Content-Type": "application/json", "Cache-Control": "no-store"})
