"""Calls to addresses that a caller gave: none may lead into a private network, wherever a name or redirect points.

A name is resolved once, every address that it has is judged, and the connection is made to one of those, so that a
second answer of the name changes nothing. Redirects make connections as well and are judged as these are.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import httpcore
import httpx
from temporalio.exceptions import ApplicationError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# Its last 32 bits are the address of IPv4 that a translator leads to.
_TRANSLATED = ip_network("64:ff9b::/96")


class Connections(dict[str, str]):
    """What activities may reach: connection name -> URL with its credentials, and the private networks that a URL
    from an input may lead into. Only the worker has it; a history has the names."""

    def __init__(self, urls: Mapping[str, str] | None = None, allowed: Sequence[Network] = ()) -> None:
        super().__init__(urls or {})
        self.allowed = tuple(allowed)


def guarded_client(allowed: Sequence[Network] = (), **options: Any) -> httpx.AsyncClient:
    """A client for URLs that a caller gave; `options` are httpx's own.

    Its calls raise ApplicationError, ValidationError and not to be tried again, for an address outside of the public
    internet and `allowed`. No proxy or netrc of the machine takes part; redirects are not followed unless asked for.
    """
    transport = httpx.AsyncHTTPTransport(verify=_authorities(), trust_env=False)
    # httpx does not hand on the one thing of httpcore that is needed here. Without it this fails, and lets nothing by.
    pool: Any = transport._pool
    pool._network_backend = _Guard(pool._network_backend, allowed)
    return httpx.AsyncClient(**{"timeout": _TIMEOUT} | options, transport=transport, trust_env=False)


def named_client(url: str, **options: Any) -> httpx.AsyncClient:
    """A client for a connection of the worker, which leads where its operator wants. What the URL says before the
    host is how the client makes itself known:

    - `user:password@`: by basic authentication
    - `bearer:TOKEN@`: by a bearer token; `bearer-file:%2Frun%2Ftoken@` reads it there, for those that are renewed
    - `x-api-key:SECRET@`, or another name that begins with `x-`: by a header of that name

    Raises ApplicationError where the token's file cannot be read.
    """
    address = httpx.URL(url)
    if (headers := _credentials(address)) is not None:
        address = address.copy_with(username="", password="")
    known: dict[str, Any] = {"timeout": _TIMEOUT, "verify": _authorities()}
    return httpx.AsyncClient(**known | options, base_url=address, headers=headers, trust_env=False)


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates count. Reading them anew for each client would hold up a busy worker."""
    return httpx.create_ssl_context(trust_env=False)


def _credentials(url: httpx.URL) -> dict[str, str] | None:
    """Headers that say who calls; None where basic authentication does, or nothing."""
    if url.username == "bearer":
        return {"Authorization": f"Bearer {url.password}"}
    if url.username == "bearer-file":
        try:
            return {"Authorization": f"Bearer {Path(url.password).read_text(encoding='utf-8').strip()}"}
        except OSError as error:
            raise ApplicationError(
                f"The token file of the connection to {url.host} cannot be read: {error.strerror}.",
                type="UnavailableError",
            ) from None
    return {url.username: url.password} if url.username.startswith("x-") else None


def refused(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether no call may go there."""
    if any(address in network for network in allowed):
        return False
    within = _inner(address)
    if within is not None:
        return refused(within, allowed)
    return not address.is_global or address.is_multicast or address.is_reserved


def _inner(address: Address) -> IPv4Address | None:
    """The address of IPv4 that one of IPv6 stands for."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else None


class _Guard(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend, allowed: Sequence[Network]) -> None:
        self._backend = backend
        self._allowed = tuple(allowed)

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolved(host, port, timeout)
        for address in addresses:
            if refused(address, self._allowed):
                raise ApplicationError(
                    f"{host} is {address}, which is not on the public internet, and no URL of an input may lead there: "
                    "name a connection of the worker instead, or allow the network in TIDELINE_OUTBOUND_NETWORKS.",
                    type="ValidationError",
                    non_retryable=True,
                )
        for address in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(str(address), port, timeout, *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._backend.connect_tcp(str(addresses[-1]), port, timeout, *args, **options)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


async def _resolved(host: str, port: int, timeout: float | None) -> list[Address]:
    """Every address of a name, at least one."""
    try:
        async with asyncio.timeout(timeout):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
    # A scope, as in fe80::1%eth0, belongs to a link, which is private in any case.
    return list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))
