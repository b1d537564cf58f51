"""Durations in a histogram: buckets that grow by 2 %, so that a percentile is right to 1 %."""

from __future__ import annotations

import math
from collections.abc import Sequence

GROWTH = 1.02
"""Bucket b holds the durations above GROWTH^(b-1) and up to GROWTH^b milliseconds; bucket 0 all up to one."""
BUCKET_SQL = f"ceil(ln(greatest({{}} * 1000, 1)) / {math.log(GROWTH)!r})::smallint"
"""The bucket of a duration in seconds, in SQL."""


def percentile(buckets: Sequence[int], counts: Sequence[int], share: float) -> float | None:
    """The duration in milliseconds that `share` (0 to 1) of all are within; None where there are none.

    `buckets` may repeat and come in any order. The answer is the middle of its bucket, 1 % from either edge.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank, passed = max(1, math.ceil(share * total)), 0
    for bucket, count in sorted(zip(buckets, counts, strict=True)):
        passed += count
        if passed >= rank:
            return float(GROWTH ** (bucket - 0.5)) if bucket > 0 else 1.0
    raise AssertionError("the ranks of a histogram end at its total")
