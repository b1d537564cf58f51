"""What our clock knows of Temporal's."""

from __future__ import annotations

from datetime import UTC, datetime

_DRIFT = 0.0005
"""How fast two clocks may part: 500 parts in a million, the most that NTP slews."""


class ServerClock:
    """A lower bound of Temporal's time, learned from the events that it has stamped.

    An event that we see now has happened before now. So Temporal's clock shows at least the event's time, and
    goes on from there. Nothing is assumed about how the two machines' clocks are set.
    """

    def __init__(self) -> None:
        self._moment: float | None = None
        self._seen_at = 0.0

    def saw(self, moment: datetime, now: float) -> None:
        """An event of that moment was there at `now`, in seconds of our monotonic clock."""
        known = self._bound(now)
        if known is None or moment.timestamp() > known:
            self._moment, self._seen_at = moment.timestamp(), now

    def at_least(self, now: float) -> datetime | None:
        """Temporal's clock at our `now`, or earlier; None before any event was seen."""
        bound = self._bound(now)
        return None if bound is None else datetime.fromtimestamp(bound, UTC)

    def _bound(self, now: float) -> float | None:
        if self._moment is None:
            return None
        passed = now - self._seen_at
        return self._moment + passed - _DRIFT * abs(passed)
