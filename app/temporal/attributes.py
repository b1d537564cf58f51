"""The search attributes that a namespace has, remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Mapping

from app.cluster import AttributeType
from app.temporal.cluster import search_attributes
from app.temporal.connection import Temporal

_REMEMBERED_SECONDS = 60.0
_ASKED_AGAIN_AFTER = 2.0
"""For a name that was not there: it may just have been added."""


class Attributes:
    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal
        self._known: dict[str, tuple[float, Mapping[str, AttributeType]]] = {}

    async def of(self, namespace: str, names: frozenset[str]) -> Mapping[str, AttributeType]:
        """The custom attributes by name. They are asked for anew where one of `names` is not among those known."""
        asked_at, found = self._known.get(namespace, (float("-inf"), {}))
        age = time.monotonic() - asked_at
        if age > _REMEMBERED_SECONDS or (age > _ASKED_AGAIN_AFTER and not names <= found.keys()):
            listed = await search_attributes(self._temporal, namespace)
            found = {each.name: each.type for each in listed if not each.is_system}
            self._known[namespace] = (time.monotonic(), found)
        return found
