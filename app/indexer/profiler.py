"""What many runs come to, kept up to date: profiles of types, and statistics of finished days."""

from __future__ import annotations

from datetime import UTC, datetime

from app.store.profiles import Profiles
from app.store.sums import Sums

PROFILE_SECONDS = 3.0
STATISTICS_SECONDS = 5.0


class Profiler:
    """Two loops that its owner runs: `renew_profiles` and `sum_up_days`."""

    def __init__(self, profiles: Profiles, sums: Sums) -> None:
        self._profiles = profiles
        self._sums = sums

    async def renew_profiles(self) -> None:
        await self._profiles.renew()

    async def sum_up_days(self) -> None:
        """Finished days that are new or have changed, a few at a time."""
        await self._sums.sum_up(datetime.now(UTC))
