"""Names that callers give: what Temporal takes as one, told before it is asked."""

from __future__ import annotations

from app.errors import Refusal

MAX_NAME = 1000
"""Bytes, as the server counts them (`limit.maxIDLength`)."""


def wrong_name(value: str, *path: str, most: int = MAX_NAME) -> Refusal | None:
    """What is wrong with a name of at most `most` bytes, the argument at `path`; None where nothing is."""
    length = len(value.encode(errors="replace"))
    if not value:
        problem = "cannot be empty"
    elif "\0" in value:
        problem = "cannot have the character U+0000"
    elif length > most:
        problem = f"has at most {most} bytes; this one has {length}"
    else:
        return None
    return Refusal("INVALID_INPUT", f"{path[-1]} {problem}.", path=path)
