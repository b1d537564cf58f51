"""Sending one letter over SMTP. Sent again, it has the same Message-ID, so that a mailbox shows it once."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from contextlib import AbstractContextManager
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from temporalio.exceptions import ApplicationError

from app.workflows.failures import authentication_error, unavailable_error, validation_error
from app.workflows.outbound import Connections
from app.workflows.systems import url_of
from app.workflows.test_cycle.model import Mail, Notice

_SECONDS = 20.0


async def send(mail: Mail, notice: Notice, notice_id: str, connections: Connections) -> None:
    """Raises ApplicationError."""
    url = url_of(connections, mail.connection, "smtp", "smtps")
    message = EmailMessage()
    try:
        message["From"], message["To"], message["Subject"] = mail.sender, notice.recipient, notice.subject
    except ValueError as error:
        raise validation_error(f"A letter to {notice.recipient!r} cannot be written: {error}.") from None
    message["Message-ID"] = f"<{notice_id}@{mail.sender.rpartition('@')[2]}>"
    message.set_content(notice.text)
    await asyncio.to_thread(_send, url, message, mail.connection)


def _send(url: str, message: EmailMessage, connection: str) -> None:
    parts = urlsplit(url)
    try:
        with _server(url) as server:
            if parts.username:
                if not isinstance(server.sock, ssl.SSLSocket):
                    raise validation_error(
                        f"The mail server of connection {connection!r} offers no TLS, and no password is sent in "
                        "the clear: use smtps:// or a URL without user and password."
                    )
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        raise _failure(error, connection) from error


def _server(url: str) -> AbstractContextManager[smtplib.SMTP]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, parts.port or 465, timeout=_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, parts.port or 25, timeout=_SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    return server


def _failure(error: Exception, connection: str) -> ApplicationError:
    """Codes of 5xx are final; everything else may be better in a moment."""
    name = f"The mail server of connection {connection!r}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return authentication_error(f"{name} refuses the worker: check the user and password of its connection.")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        said = f"{name} refuses {', '.join(error.recipients)}"
        return validation_error(f"{said}.") if min(codes) >= 500 else unavailable_error(f"{said} for now.")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500:
        return validation_error(f"{name} refuses the letter: {error.smtp_code} {error.smtp_error!r}.")
    return unavailable_error(f"{name} cannot be reached: {type(error).__name__} {error}".rstrip() + ".")
