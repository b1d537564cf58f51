"""What each identity may still spend: a bucket each, in this process or, through Redis, in all of them.

Where Redis does not answer in time each process goes on with buckets of its own: stricter would lock everybody out for
an outage that is none of theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from app import log
from app.errors import ConfigurationError
from app.limits import TokenBucket

DEADLINE = 0.25
"""Seconds that an operation waits for Redis at most."""
_SWEEP = 1024
"""Buckets above which the full ones are forgotten."""
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local rate, capacity, points = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = capacity
if known[1] then
  level = math.min(capacity, tonumber(known[1]) + math.max(0, now - tonumber(known[2])) * rate)
end
local wait = 0
if points > level then
  wait = (points - level) / rate
else
  level = math.min(capacity, level - points)
end
redis.call('HSET', KEYS[1], 'level', level, 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - level) / rate * 1000) + 1000)
return {tostring(level), tostring(wait)}
"""

_logger = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left, in points. `wait` is 0 where the points were taken; else the seconds until they could be."""

    remaining: float
    wait: float
    full_in: float
    """Seconds until nothing is missing."""


class Budgets(Protocol):
    def take(self, subject: str, points: float) -> Balance | Awaitable[Balance]:
        """Take the points, or none of them. Negative points are given back."""
        ...

    async def close(self) -> None: ...


class LocalBudgets:
    """The buckets of this process."""

    def __init__(self, rate: float, capacity: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._capacity = capacity
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._sweep_at = _SWEEP

    def take(self, subject: str, points: float) -> Balance:
        now = self._clock()
        bucket = self._buckets.get(subject)
        if bucket is None:
            self._sweep(now)
            bucket = self._buckets[subject] = TokenBucket(self._rate, self._capacity)
        wait = 0.0
        if points < 0:
            bucket.give(now, -points)
        else:
            wait = bucket.take(now, points)
        remaining = bucket.level(now)
        return Balance(remaining, wait, (self._capacity - remaining) / self._rate)

    def _sweep(self, now: float) -> None:
        """Forget who has spent nothing lately; the next sweep is due when there are twice as many as were kept."""
        if len(self._buckets) >= self._sweep_at:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)}
            self._sweep_at = max(_SWEEP, 2 * len(self._buckets))

    async def close(self) -> None:
        """Nothing to let go of."""


class SharedBudgets:
    """The buckets of all processes that use the same Redis, by Redis' clock."""

    def __init__(self, url: str, rate: float, capacity: float) -> None:
        try:
            from redis.asyncio import Redis  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigurationError("TIDELINE_BUS_URL names Redis: install tideline[redis].") from None
        self._redis: Any = Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE)
        self._script: Any = self._redis.register_script(_SCRIPT)
        self._rate = rate
        self._capacity = capacity
        self._own = LocalBudgets(rate, capacity)
        self._is_away = False

    async def take(self, subject: str, points: float) -> Balance:
        arguments = [self._rate, self._capacity, points]
        try:
            async with asyncio.timeout(DEADLINE):
                level, wait = await self._script(keys=[f"tideline:budget:{subject}"], args=arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, operations go on
            if not self._is_away:
                _logger.warning("redis does not keep budgets: each process keeps its own", reason=str(error))
            self._is_away = True
            return self._own.take(subject, points)
        if self._is_away:
            _logger.info("redis keeps budgets again")
        self._is_away = False
        remaining = float(level)
        return Balance(remaining, float(wait), (self._capacity - remaining) / self._rate)

    async def close(self) -> None:
        await self._redis.aclose()


def budgets(bus_url: str | None, rate: float, capacity: float) -> Budgets:
    """Shared ones where the bus is Redis, else those of this process."""
    if bus_url is not None and bus_url.startswith(("redis://", "rediss://")):
        return SharedBudgets(bus_url, rate, capacity)
    return LocalBudgets(rate, capacity)
