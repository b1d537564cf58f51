"""GraphQL subscriptions over `multipart/mixed`, as Apollo's clients speak it (`subscriptionSpec=1.0`).

Each result is a part of JSON with the result as its `payload`; `{}` is a sign of life. A part is over only when the
boundary behind it has come, so that is sent with it and not with the next part. Errors of GraphQL are inside the
payload; beside one that is null they are the transport's own and end the stream, which is how clients learn of a
shutdown: they subscribe again, behind the cursor of their last update. The end of the operation is the last boundary.
"""

from __future__ import annotations

from app.api.engine import Answer
from app.web import failure

_BOUNDARY = b"\r\n--graphql"
_RESTART = "The gateway is restarting: subscribe again behind your last cursor."


def _part(body: bytes) -> bytes:
    return b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" + body + _BOUNDARY


class MultipartMixed:
    """The framing of `multipart/mixed;subscriptionSpec=1.0`."""

    transport = "multipart"
    media = b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
    opening = _BOUNDARY
    alive = _part(b"{}")
    complete = b"--\r\n"

    def next(self, answer: Answer) -> bytes:
        return _part(b'{"payload":' + answer.body + b"}")

    def restart(self) -> bytes:
        errors = failure.errors(_RESTART, "UNAVAILABLE")
        return _part(b'{"payload":null,"errors":' + errors + b"}") + self.complete
