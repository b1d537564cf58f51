"""Rates and budgets, as decisions: the clock is passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.errors import QuotaExceeded, RateLimited


class TokenBucket:
    """At most `capacity` at once, and `rate` a second in the long run. Starts full.

    `now` is any clock's seconds, as long as it is always the same clock's and never goes back.
    """

    def __init__(self, rate: float, capacity: float) -> None:
        if rate <= 0 or capacity < 1:
            raise ValueError(f"a bucket needs a rate above 0 and a capacity from 1, not {rate} and {capacity}")
        self._rate = rate
        self._capacity = capacity
        self._tokens = capacity
        self._filled_at: float | None = None

    def level(self, now: float) -> float:
        """How many tokens there are."""
        if self._filled_at is None:
            return self._capacity
        return min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)

    def give(self, now: float, tokens: float) -> None:
        """Put back what was taken and not needed."""
        self._tokens = min(self._capacity, self.level(now) + tokens)
        self._filled_at = now

    def take(self, now: float, tokens: float = 1.0) -> float:
        """Take the tokens and return 0, or take none and return the seconds until they could be taken.

        Raises ValueError for more tokens than the bucket ever holds.
        """
        if tokens > self._capacity:
            raise ValueError(f"{tokens} tokens never fit a bucket of {self._capacity}")
        self._tokens = self.level(now)
        self._filled_at = now
        # A wait of exactly the returned time must suffice, in spite of floating point.
        if self._tokens >= tokens - 1e-9:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Whether nothing has been taken lately: such a bucket can be forgotten."""
        return self.level(now) >= self._capacity


class Concurrency:
    """How many queries and mutations each identity has open in this process, and may have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def entered(self, subject: str | None) -> Iterator[None]:
        """Count one as long as this lasts. Raises RateLimited where there is no place; without a subject there is."""
        if subject is None:
            yield
            return
        if self._open[subject] >= self._most:
            raise RateLimited(
                f"{subject} already has {self._most} operations under way, as many as one identity may have here"
                " (limit 'concurrency'). Wait for one to end."
            )
        self._open[subject] += 1
        try:
            yield
        finally:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]


class Subscriptions:
    """How many subscriptions a process, its tenants and its identities have, and may have."""

    def __init__(
        self, per_process: int, per_identity: int, per_tenant: Callable[[str], int | None] = lambda _: None
    ) -> None:
        """`per_tenant` says how many a tenant may have; None: any number."""
        self._per_process = per_process
        self._per_tenant = per_tenant
        self._per_identity = per_identity
        self.open = 0
        self._by_subject: Counter[str] = Counter()
        self._by_tenant: Counter[str] = Counter()

    def check(self, subject: str | None, tenant: str | None = None) -> None:
        """Raise RateLimited where there is no place for one more. Without a subject the identity's limit does not hold,
        without a tenant the tenant's."""
        if self.open >= self._per_process:
            raise RateLimited(
                f"This process already has {self.open} subscriptions, as many as it may have"
                " (TIDELINE_MAX_SUBSCRIPTIONS). Try again later."
            )
        if subject is not None and self._by_subject[subject] >= self._per_identity:
            raise RateLimited(
                f"{subject} already has {self._by_subject[subject]} subscriptions, as many as one identity may have"
                " (TIDELINE_MAX_SUBSCRIPTIONS_PER_IDENTITY). End one first."
            )
        most = self._per_tenant(tenant) if tenant is not None else None
        if tenant is not None and most is not None and self._by_tenant[tenant] >= most:
            raise QuotaExceeded(
                f"Tenant {tenant!r} already has {self._by_tenant[tenant]} subscriptions, as many as it may have here"
                " (quota subscriptions). End one first."
            )

    @contextmanager
    def counted(self, subject: str | None, tenant: str | None = None) -> Iterator[None]:
        """Count one more as long as this lasts; it has been checked."""
        self.open += 1
        held = [
            (counter, name)
            for counter, name in ((self._by_subject, subject), (self._by_tenant, tenant))
            if name is not None
        ]
        for counter, name in held:
            counter[name] += 1
        try:
            yield
        finally:
            self.open -= 1
            for counter, name in held:
                counter[name] -= 1
                if not counter[name]:
                    del counter[name]
