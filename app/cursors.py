"""Places in logs and lists as opaque text: what a client hands back to go on behind it.

A cursor carries a checksum, so that a damaged one is refused instead of pointing elsewhere, and its kind, so that
the cursor of one field is refused by another. It is no secret and no permission: what it names is asked for again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TypeVar

import msgspec

from app.errors import BadUserInput

T = TypeVar("T")
_CHECK_BYTES = 6
_MAX_LENGTH = 8192


def seal(kind: str, value: object) -> str:
    body = msgspec.msgpack.encode((kind, value))
    return base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode("ascii")


def unseal(kind: str, type_: type[T], text: str, *, argument: str) -> T:
    """The value of a cursor; BadUserInput names the argument that carried it."""
    if len(text) > _MAX_LENGTH:
        raise foreign(argument)
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check != _checksum(body):
            raise foreign(argument)
        given, value = msgspec.msgpack.decode(body, type=tuple[str, msgspec.Raw])
        if given != kind:
            raise foreign(argument)
        return msgspec.msgpack.decode(value, type=type_)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        raise foreign(argument) from None


def foreign(argument: str) -> BadUserInput:
    """What there is to say of every text that is no cursor here."""
    return BadUserInput(
        f"{argument} is not a cursor of this field. Pass a cursor that the same field gave, unchanged.",
        path=(argument,),
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, person=b"tideline").digest()
