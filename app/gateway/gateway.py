"""The verbs of one process, over the parts that they share."""

from __future__ import annotations

from dataclasses import dataclass

from app.gateway.acting import Acting
from app.gateway.health import Health
from app.gateway.reading import Reading
from app.gateway.watching import Watching
from app.registry import Registry


@dataclass(frozen=True, slots=True)
class Gateway:
    reading: Reading
    acting: Acting
    watching: Watching
    registry: Registry
    health: Health
