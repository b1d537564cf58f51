"""What was read of closed runs: it never changes, so that it need not be read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The values that were asked for last, as many as weigh `limit` together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        held = self._kept.get(key)
        if held is None:
            return None
        self._kept.move_to_end(key)
        return held[0]

    def keep(self, values: Mapping[K, tuple[V, int]]) -> None:
        """Values with their weights; one that weighs more than a tenth of the limit is not kept."""
        for key, (value, weight) in values.items():
            if weight * 10 > self._limit:
                continue
            self._weight += weight - self._kept.pop(key, (value, 0))[1]
            self._kept[key] = (value, weight)
        while self._weight > self._limit:
            _, (_, weight) = self._kept.popitem(last=False)
            self._weight -= weight
