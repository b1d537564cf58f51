"""GraphiQL for people who open `/graphql` in a browser.

The page is one static file; GraphiQL itself comes from a CDN, pinned by version and hash, and nothing else may come
from there. It talks to the path that it was served from, whatever a proxy has put before it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.responses import Response

_PAGE = (Path(__file__).parent / "graphiql.html").read_bytes()


def _hashes(tag: bytes) -> str:
    """The CSP sources of the page's own inline elements."""
    inline = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), _PAGE, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in inline)


def _addresses(ending: bytes) -> str:
    """The files that the page loads, each by its whole address."""
    found = re.findall(rb'(?:src|href)="(https://[^"]+\.%b)"' % ending, _PAGE)
    return " ".join(each.decode() for each in found)


CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_addresses(b'js')} {_hashes(b'script')}",
        f"style-src {_addresses(b'css')} 'unsafe-inline'",  # the editor styles its elements in place
        "font-src data:",
        "img-src 'self' data:",
        "connect-src 'self' ws: wss:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def response() -> Response:
    return Response(
        _PAGE,
        media_type="text/html",
        headers={
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Vary": "Accept",
            "Cache-Control": "no-cache",
        },
    )
