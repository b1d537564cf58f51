"""Nodes that speak HTTP: calls of an API, and webhooks that are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from app.workflows.dag.configuration import ApiCall, Webhook
from app.workflows.dag.systems import answer, content, http_client, secret_of
from app.workflows.outbound import Connections

# Others may be secrets, such as cookies.
_TOLD_HEADERS = ("content-type", "etag", "last-modified", "link", "location", "x-request-id")


async def api_call(config: ApiCall, connections: Connections, key: str, timeout: float) -> dict[str, Any]:
    """`key` is the same for every attempt, so that the other side can tell a repetition."""
    headers = dict(config.headers)
    if config.method in {"POST", "PATCH"}:
        headers.setdefault("Idempotency-Key", key)
    body = {} if config.body is None else {"json": config.body}
    async with http_client(connections, config.connection, timeout) as client:
        response = await answer(
            client,
            _name(config.url, config.connection),
            config.method,
            config.url,
            params={name: _plain(value) for name, value in config.query.items()} or None,
            headers=headers,
            **body,
        )
    told = {name: response.headers[name] for name in _TOLD_HEADERS if name in response.headers}
    return {"status": response.status_code, "headers": told, "data": content(response)}


async def webhook(config: Webhook, inputs: Any, connections: Connections, key: str, timeout: float) -> dict[str, Any]:
    """Delivered when the other side answers 2xx; what it says is not kept."""
    payload = inputs if config.payload is None else config.payload
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    signed = signature_headers(secret_of(connections, config.sign_with), key, int(time.time()), body)
    async with http_client(connections, config.connection, timeout) as client:
        response = await answer(
            client,
            _name(config.url, config.connection),
            config.method,
            config.url,
            content=body,
            headers={**config.headers, "content-type": "application/json", **signed},
        )
    return {"delivered": True, "status": response.status_code, "webhook_id": key, "url": config.url}


def signature_headers(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """As Standard Webhooks has it; a secret that begins with whsec_ is base64 behind that."""
    if secret.startswith(b"whsec_"):
        secret = base64.b64decode(secret.removeprefix(b"whsec_"))
    signed = hmac.new(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _name(url: str, connection: str | None) -> str:
    path = url.partition("?")[0]  # a query may carry what is nobody else's business
    return path if connection is None else f"{path} of connection {connection!r}"


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)
