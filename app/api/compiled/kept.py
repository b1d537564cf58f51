"""Parts of answers that last: what is said of a run that has closed is written once, and kept as it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.gateway.seeing import part
from app.store.remembered import Remembered

KEPT_BYTES = 8 * 2**20
_OVERHEAD = 300
"""Bytes that keeping one takes besides."""


class Written:
    """A value of a response as JSON."""

    __slots__ = ("costs", "json")

    def __init__(self, json: bytes) -> None:
        self.json = json
        self.costs: dict[int, float] = {}

    @property
    def fragment(self) -> orjson.Fragment:
        return orjson.Fragment(self.json)

    @property
    def value(self) -> Any:
        return orjson.loads(self.json)


Made = Callable[[Any, Any, Mapping[str, Any]], Any]
"""The code of a field: its value of a source, of what was loaded for it, and of the arguments."""


class Kept:
    """The values that were asked for last. They are found by what was loaded, which must never change, and by how its
    readers name workflows; a field whose value depends on more of who asks has no code of its own."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._kept: Remembered[tuple[Any, ...], tuple[Any, Written]] = Remembered(limit)

    def value(self, made: Made, source: Any, found: Any, arguments: Mapping[str, Any]) -> Any:
        """What `made` makes, written."""
        key = (id(found), made, part(), *arguments.items())
        try:
            held = self._kept.get(key)
        except TypeError:  # a list among the arguments
            return made(source, found, arguments)
        if held is not None:
            return held[1]
        value = made(source, found, arguments)
        try:
            written = Written(orjson.dumps(value))
        except orjson.JSONEncodeError:
            return value
        # With `found`, so that nothing else gets its id meanwhile.
        self._kept.keep({key: ((found, written), len(written.json) + _OVERHEAD)})
        return written
