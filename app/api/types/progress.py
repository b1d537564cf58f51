"""Progress, phases and blockers."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.model import BlockerKind, PhaseStatus, ProgressSource


@strawberry.type(description="How far a run or an activity is, as well as can be said.")
class Progress:
    percent: float | None = strawberry.field(description="0 to 100; null when nothing can be said.")
    step: str | None = strawberry.field(description="What it is doing.")
    message: str | None
    completed_steps: int | None
    total_steps: int | None
    eta_seconds: float | None = strawberry.field(description="Estimated time until it closes; null when unknown.")
    estimated_close_time: datetime | None
    source: ProgressSource
    updated_at: datetime


@strawberry.type(description="A named stage of a run, published by the workflow.")
class Phase:
    name: str
    status: PhaseStatus
    start_time: datetime | None
    close_time: datetime | None
    duration_ms: float | None = strawberry.field(
        description="Milliseconds, with what people took; null while it lasts and where it was skipped."
    )
    parallel_group: str | None = strawberry.field(description="Phases of one group run side by side.")


@strawberry.type(description="One reason why a run is not moving.")
class Blocker:
    kind: BlockerKind
    message: str = strawberry.field(description="A sentence for a person.")
    since: datetime
    activity_id: str | None
    next_attempt_time: datetime | None
