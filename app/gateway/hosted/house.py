"""What a worker lends to activities that work on Tideline itself."""

from __future__ import annotations

from dataclasses import dataclass

from app.bus import Bus
from app.settings import Settings
from app.store.database import Database
from app.temporal.connection import Temporal


@dataclass(frozen=True, slots=True)
class House:
    temporal: Temporal
    database: Database
    bus: Bus
    settings: Settings
