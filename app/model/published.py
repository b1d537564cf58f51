"""What a workflow or an activity writes of its own progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from app.model.values import Json


@dataclass(frozen=True, slots=True)
class Published:
    percent: float | None
    """0 to 100."""
    step: str | None
    message: str | None
    completed: int | None
    total: int | None


def published_in(value: Json) -> Published | None:
    """A value with any of percent, step, message, completed and total; None where it has none, since `total` alone is
    no progress. Fields of a wrong type are passed over."""
    if not isinstance(value, Mapping):
        return None
    completed, total = _count(value.get("completed")), _count(value.get("total"))
    percent = _number(value.get("percent"))
    if percent is None and completed is not None and total:
        percent = 100.0 * completed / total
    step, message = _text(value.get("step")), _text(value.get("message"))
    if percent is None and step is None and message is None and completed is None:
        return None
    if percent is not None:
        percent = min(max(percent, 0.0), 100.0)
    return Published(percent, step, message, completed, total)


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: Json) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 2**31 else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
