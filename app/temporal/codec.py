"""A remote codec server, in the protocol that Temporal's own tools speak."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from app.errors import ConfigurationError, TidelineError
from app.log import logger
from app.model import Payload

log = logger(__name__)

DEADLINE_SECONDS = 5.0
_AT_ONCE = 8
_MOST_PAYLOADS, _MOST_BYTES = 200, 2_000_000
"""What one request may hold; a larger payload goes by itself."""
_REST_SECONDS = 2.0
"""How long a codec server that did not answer is left alone, so that not everybody waits for its deadline."""


class Undecodable(TidelineError):
    """The codec server refuses these payloads."""

    code = "UNDECODABLE"


class CodecUnavailable(TidelineError):
    """The codec server does not answer."""

    code = "CODEC_UNAVAILABLE"


class RemoteCodec:
    """Decodes by `POST {endpoint}/decode`. `{namespace}` in the endpoint stands for the namespace.

    Raises ConfigurationError for an endpoint that is no HTTP URL.
    """

    def __init__(self, endpoint: str, authorization: str | None = None, *, deadline: float = DEADLINE_SECONDS) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ConfigurationError(
                f"TIDELINE_CODEC_ENDPOINT cannot be {endpoint!r}: write the URL of a codec server, such as"
                " https://codec.example.com, without /decode."
            )
        self.host = parts.netloc.rpartition("@")[2]
        self._endpoint = endpoint.rstrip("/")
        self._deadline = deadline
        self._headers = {"content-type": "application/json"}
        if authorization:
            self._headers["authorization"] = authorization
        self._client: httpx.AsyncClient | None = None
        self._requests = asyncio.Semaphore(_AT_ONCE)
        self._rests_until = 0.0

    async def decode(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload | TidelineError]:
        """Each payload decoded, in order, or why it could not be: Undecodable or CodecUnavailable."""
        batches = await asyncio.gather(*(self._decode(namespace, each) for each in _batches(payloads)))
        return [each for batch in batches for each in batch]

    async def _decode(self, namespace: str, payloads: Sequence[Payload]) -> Sequence[Payload | TidelineError]:
        try:
            return await self._ask(namespace, payloads)
        except CodecUnavailable as error:
            return [error] * len(payloads)
        except Undecodable as error:
            if len(payloads) == 1:
                return [error]
        # One that cannot be decoded spoils its batch: halves find it.
        half = len(payloads) // 2
        first = await self._decode(namespace, payloads[:half])
        return [*first, *await self._decode(namespace, payloads[half:])]

    async def _ask(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload]:
        if time.monotonic() < self._rests_until:
            raise self._away("did not answer a moment ago")
        body = orjson.dumps({"payloads": [_written(each) for each in payloads]})
        try:
            async with self._requests, asyncio.timeout(self._deadline):
                response = await self._http().post(
                    f"{self._endpoint.replace('{namespace}', quote(namespace, safe=''))}/decode",
                    content=body,
                    headers={**self._headers, "x-namespace": namespace},
                )
        except TimeoutError:
            self._rest()
            raise self._away(f"did not answer in {self._deadline:g} s") from None
        except httpx.HTTPError as error:
            self._rest()
            raise self._away("cannot be reached") from error
        return self._read(response, len(payloads))

    def _read(self, response: httpx.Response, count: int) -> list[Payload]:
        if response.status_code in {401, 403}:
            raise self._away(f"refuses this gateway (HTTP {response.status_code}): check TIDELINE_CODEC_AUTHORIZATION")
        if response.status_code in {404, 405, 429, 502, 503, 504}:
            raise self._away(f"answered HTTP {response.status_code}")
        if response.status_code != 200:
            raise Undecodable(f"The codec server at {self.host} cannot decode it (HTTP {response.status_code}).")
        try:
            decoded = [_read(each) for each in orjson.loads(response.content)["payloads"]]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, binascii.Error):
            raise self._away("answered something that is no list of payloads") from None
        if len(decoded) != count:
            raise Undecodable(f"The codec server at {self.host} made {len(decoded)} payloads of {count}.")
        return decoded

    def _away(self, what: str) -> CodecUnavailable:
        return CodecUnavailable(f"The codec server at {self.host} {what}.")

    def _rest(self) -> None:
        log.warning("codec server does not answer", host=self.host)
        self._rests_until = time.monotonic() + _REST_SECONDS

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._deadline)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _batches(payloads: Sequence[Payload]) -> list[Sequence[Payload]]:
    batches: list[list[Payload]] = []
    size = 0
    for each in payloads:
        if not batches or len(batches[-1]) >= _MOST_PAYLOADS or size + len(each.data) > _MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(each)
        size += len(each.data)
    return list(batches)


def _written(payload: Payload) -> dict[str, Any]:
    metadata = {name: base64.b64encode(value).decode("ascii") for name, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode("ascii")}


def _read(written: dict[str, Any]) -> Payload:
    """`data` may be left out where it is empty."""
    metadata = {name: base64.b64decode(value) for name, value in (written.get("metadata") or {}).items()}
    return Payload(metadata, base64.b64decode(written.get("data") or ""))
