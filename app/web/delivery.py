"""How late updates reach their sockets."""

from __future__ import annotations

import time
from functools import cache

from prometheus_client import Histogram

from app import metrics
from app.api.answers import Answer


@cache
def _lag_of(stream: str) -> Histogram:
    return metrics.DELIVERY_LAG.labels(stream)


class Deliveries:
    """The updates of one subscription as they are written. What happened before it began is late on purpose, and of
    several updates that tell of one happening the first counts."""

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest = time.time()

    def __call__(self, answer: Answer) -> None:
        happened = answer.happened
        if happened is not None and happened > self._newest:
            self._newest = happened
            _lag_of(answer.stream).observe(max(0.0, time.time() - happened))
