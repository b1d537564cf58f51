"""TLS to Temporal with a certificate of ours, as its own configuration says it: the server asks for one."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.errors import TemporalUnavailable
from app.settings import temporal_connection
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer

Key = ec.EllipticCurvePrivateKey


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(self._certificate(self._name, self._key, is_authority=True)))

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for this machine and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate.write_bytes(_pem(self._certificate(subject, key, is_authority=False)))
        form = serialization.PrivateFormat.PKCS8
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return certificate, secret

    def _certificate(self, subject: x509.Name, key: Key, *, is_authority: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@asynccontextmanager
async def fronted(address: str, authority: Authority) -> AsyncIterator[str]:
    """A door of TLS before Temporal that lets in who has a certificate of the authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*authority.issue("server"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def environment(address: str, authority: Authority, certificate: tuple[Path, Path]) -> dict[str, str]:
    return {
        "TEMPORAL_CONFIG_FILE": "/dev/null",
        "TEMPORAL_ADDRESS": address,
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.file),
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate[0]),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(certificate[1]),
    }


async def check(environ: dict[str, str]) -> None:
    temporal = Temporal(temporal_connection(environ), timeout=3)
    try:
        await temporal.check()
    finally:
        await temporal.close()


async def test_a_certificate_of_ours_lets_us_in(temporal: TemporalServer, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    async with fronted(temporal.address, authority) as address:
        await check(environment(address, authority, authority.issue("gateway")))
        with pytest.raises(TemporalUnavailable):
            await check(environment(address, authority, stranger.issue("somebody")))
        with pytest.raises(TemporalUnavailable):
            await check(environment(address, stranger, authority.issue("gateway")))


async def test_a_certificate_that_was_renewed_is_taken_without_a_restart(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    async with fronted(temporal.address, authority) as address:
        environ = environment(address, authority, stranger.issue("gateway"))
        gateway = Temporal(temporal_connection(environ), timeout=3, reread=lambda: temporal_connection(environ))
        gateway.reread_after = 0
        try:
            with pytest.raises(TemporalUnavailable):
                await gateway.check()
            shutil.move(environ["TEMPORAL_TLS_CLIENT_KEY_PATH"], tmp_path / "away")  # half way
            with pytest.raises(TemporalUnavailable):
                await gateway.check()
            authority.issue("gateway")
            await gateway.check()
        finally:
            await gateway.close()
