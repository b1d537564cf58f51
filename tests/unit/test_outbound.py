"""Where a URL of an input may lead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network

import httpx
import pytest
from temporalio.exceptions import ApplicationError

from app.workflows.outbound import guarded_client, named_client, refused

LOOPBACK = (ip_network("127.0.0.1"),)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "::1",
        "::",
        "::7f00:1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refused(ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
)
def test_what_is_public_is_not(address: str) -> None:
    assert not refused(ip_address(address))


def test_a_network_that_is_allowed_is_allowed_alone() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    for address, expected in (("10.1.2.3", False), ("::ffff:10.1.2.3", False), ("10.2.0.1", True), ("fd00::1", False)):
        assert refused(ip_address(address), allowed) is expected


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on this machine; /away redirects to the address after it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        to = path.removeprefix("/away/")
        writer.write(
            ANSWER
            if to == path
            else f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_refused_however_it_is_written(port: int, host: str) -> None:
    async with guarded_client() as client:
        with pytest.raises(ApplicationError) as caught:
            await client.get(f"http://{host}:{port}/")
    assert (caught.value.type, caught.value.non_retryable) == ("ValidationError", True)
    assert "TIDELINE_OUTBOUND_NETWORKS" in caught.value.message


async def test_an_allowed_network_and_a_named_connection_are_reached(port: int) -> None:
    async with guarded_client(LOOPBACK) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hi"
    async with named_client(f"http://127.0.0.1:{port}/base") as client:
        assert (await client.get("/")).text == "hi"


async def test_a_redirect_is_judged_as_the_first_address_was(port: int) -> None:
    async with guarded_client(LOOPBACK, follow_redirects=True) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/away/http://127.0.0.1:{port}/")).text == "hi"
        with pytest.raises(ApplicationError, match=r"127\.0\.0\.2"):
            await client.get(f"http://127.0.0.1:{port}/away/http://127.0.0.2:{port}/")


async def test_every_address_of_a_name_is_judged_and_only_those_are_connected_to(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is private at its second answer is not asked for a second one."""
    answers = [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]]

    async def resolve(*_: object, **__: object) -> list[object]:
        return [(None, None, None, "", (address, port)) for address in answers.pop(0)]

    async with guarded_client(LOOPBACK) as client:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        assert (await client.get(f"http://changing.example:{port}/")).text == "hi"
        assert len(answers) == 1, "it was asked once"
        with pytest.raises(ApplicationError, match=r"10\.0\.0\.1"):
            await client.get(f"http://changing.example:{port}/")


async def test_a_name_that_is_unknown_may_be_tried_again() -> None:
    async with guarded_client() as client:
        with pytest.raises(httpx.ConnectError, match=r"nowhere\.invalid"):
            await client.get("http://nowhere.invalid/")
