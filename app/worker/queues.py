"""PURE. Which task queues a worker polls, and how much it takes from each at once.

`price-sync:activities=20:rate=5,test-cycle` are two queues, the first with limits; `*` stands for all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from app.errors import ConfigurationError
from app.registry import CATALOG
from app.workflows.entry import Entry

OTHERS = "*"
_WHERE = "TIDELINE_QUEUES"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one worker on one task queue; None leaves the SDK's own."""

    activities: int | None = None
    """Activities at once."""
    workflows: int | None = None
    """Workflow tasks at once."""
    rate: float | None = None
    """Activities a second that this worker starts."""
    queue_rate: float | None = None
    """Activities a second that Temporal gives out from the queue, to all of its workers together."""
    pollers: int | None = None
    """The most polls of each kind that are open at once; their number follows the load."""
    cached: int | None = None
    """Runs that are kept in memory, so that their next task needs no replay."""


_WHOLE = frozenset({"activities", "workflows", "pollers", "cached"})
# The SDK refuses a cache with a single slot for workflow tasks; a worker without a cache replays every run.
_LEAST = {"workflows": 2}


def limits_of(wanted: Sequence[str]) -> dict[str, Limits]:
    """Queue, or `*`, to its limits. Raises ConfigurationError naming the entry that cannot be read."""
    found: dict[str, Limits] = {}
    for entry in wanted:
        name, *given = entry.split(":")
        if not name:
            raise ConfigurationError(f"{_WHERE} cannot be read: {entry!r} names no queue.")
        if name in found:
            raise ConfigurationError(f"{_WHERE} names {name} twice.")
        found[name] = _limits(entry, given)
    return found


def hosted_queues(wanted: Iterable[str] = (), catalog: Iterable[Entry] = CATALOG) -> Mapping[str, Sequence[Entry]]:
    """Task queue -> its workflows: of the whole catalog, or of the `wanted` queues.

    Raises ConfigurationError for a queue that the catalog does not have.
    """
    names = set(wanted)
    queues: dict[str, list[Entry]] = {}
    for entry in catalog:
        queues.setdefault(entry.task_queue, []).append(entry)
    if unknown := sorted(names - queues.keys() - {OTHERS}):
        raise ConfigurationError(
            f"{_WHERE} names {', '.join(unknown)}, which no workflow of the catalog uses. "
            f"There are: {', '.join(sorted(queues))}."
        )
    return {queue: found for queue, found in queues.items() if not names or OTHERS in names or queue in names}


def _limits(entry: str, given: Sequence[str]) -> Limits:
    values: dict[str, int | float] = {}
    for each in given:
        key, _, text = each.partition("=")
        if key not in _KEYS:
            raise ConfigurationError(
                f"{_WHERE} cannot be read: {key!r} of {entry!r} is no limit. There are: {', '.join(_KEYS)}."
            )
        values[key] = _number(entry, key, text)
    return Limits(**values)  # type: ignore[arg-type]


def _number(entry: str, key: str, text: str) -> int | float:
    least = _LEAST.get(key, 1 if key in _WHOLE else 0)
    kind = "whole number" if key in _WHOLE else "number above"
    try:
        value = int(text) if key in _WHOLE else float(text)
    except ValueError:
        value = -1
    is_fit = value >= least if key in _WHOLE else 0 < value < math.inf
    if not is_fit:
        raise ConfigurationError(
            f"{_WHERE} cannot be read: {key} of {entry!r} must be a {kind}{' from' if key in _WHOLE else ''} {least}."
        )
    return value


_KEYS = tuple(each.name for each in fields(Limits))
