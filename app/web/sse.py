"""GraphQL over server-sent events, in the protocol's distinct connections mode: one request, one operation.

Each result is an event `next`, the end of the operation an event `complete`. A refused GraphQL request is a
`next` with its errors and a `complete`, as the protocol demands, since a browser's EventSource hides the body
of a 400. What is wrong with the HTTP request itself stays a plain HTTP error.

At a shutdown the stream ends without `complete`: the operation is not over, so clients connect again and go
on from their cursor. When, the server says: each client at another moment, so that they do not come all at once.
"""

from __future__ import annotations

import random

from app.api.engine import Answer

_RETRY_MS = (200, 3000)
"""When clients come back after a shutdown. A browser keeps to it from then on."""


class ServerSentEvents:
    """The framing of `text/event-stream`."""

    transport = "sse"
    media = b"text/event-stream; charset=utf-8"
    opening = b""
    alive = b": ping\n\n"
    complete = b"event: complete\ndata:\n\n"

    def next(self, answer: Answer) -> bytes:
        """One event. Its id is the update's cursor, which a browser sends back when it reconnects."""
        place = b"" if answer.cursor is None else b"id: " + answer.cursor.encode("ascii") + b"\n"
        return place + b"event: next\ndata: " + answer.body + b"\n\n"

    def restart(self) -> bytes:
        return b"retry: %d\n\n" % random.randint(*_RETRY_MS)
