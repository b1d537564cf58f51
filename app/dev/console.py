"""What the terminal shows: the banner on standard output, warnings on standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

GRAVE = {"warning", "error", "critical"}


def warn(sentence: str) -> None:
    print(f"tideline: {sentence}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def warning(line: str) -> str | None:
    """A line of a JSON log for people, if it is a warning or worse."""
    event = _event(line)
    return _console(event) if event is not None and event.get("level") in GRAVE else None


def rendered(line: str) -> str | None:
    """A line of a JSON log for people, None for another line."""
    event = _event(line)
    return None if event is None else _console(event)


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _console(event: dict[str, Any]) -> str:
    shown = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())(None, "", event)
    return str(shown)


def banner(places: Mapping[str, str], ready: str) -> None:
    """Say where everything is. The last line, `ready` and a URL, is for programs that wait for it."""
    width = max(map(len, places))
    lines = [f"  {name:<{width}}  {place}" for name, place in places.items()]
    print("Tideline is up. Ctrl-C ends it.", *lines, f"ready {ready}", sep="\n", flush=True)
