"""Which pages may open a WebSocket."""

from __future__ import annotations

import pytest

from app.web.origin import may_connect


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "expected"),
    [
        (None, "api.example", (), True),
        ("https://api.example", "api.example", (), True),
        ("http://api.example:8000", "api.example:8000", (), True),
        ("https://API.example", "api.Example", (), True),
        ("https://app.example", "api.example", (), False),
        ("https://app.example", "api.example", ("https://app.example",), True),
        ("https://app.example", "api.example", ("https://App.example/",), True),
        ("http://app.example", "api.example", ("https://app.example",), False),
        ("https://evil.example", "api.example", ("*",), True),
        ("https://api.example.evil", "api.example", (), False),
        ("http://api.example:9000", "api.example:8000", (), False),
        ("null", "api.example", (), False),
        ("", "", (), False),
        ("https://api.example", None, (), False),
    ],
)
def test_origin(origin: str | None, host: str | None, allowed: tuple[str, ...], expected: bool) -> None:
    assert may_connect(origin, host, allowed) is expected
