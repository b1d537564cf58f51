"""Task tokens: whose activity one speaks of, and which are not taken."""

from __future__ import annotations

import base64

import pytest

from app.errors import Refusal
from app.temporal.tokens import task_token


def text(number: int, value: bytes) -> bytes:
    """One field of bytes, as protobuf writes it."""
    return bytes([number << 3 | 2, len(value)]) + value


NAMED = text(1, b"ns") + text(2, b"order-1") + text(3, b"run-1") + bytes([4 << 3, 5]) + text(6, b"a")


def encoded(token: bytes) -> str:
    return base64.b64encode(token).decode()


def test_a_token_names_its_activity() -> None:
    found = task_token(encoded(NAMED))
    assert (found.workflow_id, found.run_id, found.activity_id, found.token) == ("order-1", "run-1", "a", NAMED)


def test_both_alphabets_are_read() -> None:
    token = NAMED + text(8, b"\xff\xfe\xfb\xef\xbe")
    assert task_token(base64.urlsafe_b64encode(token).decode()).token == token


def test_the_last_of_several_names_counts_as_it_does_for_the_server() -> None:
    assert task_token(encoded(NAMED + text(2, b"order-2"))).workflow_id == "order-2"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "%%%",
        encoded(b"x"),
        encoded(text(2, b"order-1") + text(3, b"run-1")),
        encoded(NAMED + text(13, b"something else")),
        encoded(NAMED + bytes([2 << 3, 1])),
        encoded(NAMED + text(2, b"\xff")),
        "\N{SNOWMAN}",
    ],
)
def test_what_is_no_token_of_an_activity_is_refused(given: str) -> None:
    with pytest.raises(Refusal) as refused:
        task_token(given)
    assert (refused.value.reason, refused.value.path) == ("INVALID_INPUT", ("taskToken",))
